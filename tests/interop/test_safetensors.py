import json

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxgan.interop.safetensors import read_safetensors


def write(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(begin, end, shape, dtype):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_every_kind_of_number_reads_back(tmp_path):
    names = ("bool", "uint8", "int8", "uint16", "int16", "float16", "uint32", "int32", "float32", "complex64", "uint64")
    names = (*names, "int64", "float64")
    tensors = {name: (np.random.default_rng(0).standard_normal((3, 5)) * 9).astype(np.float32) for name in names}
    with np.errstate(invalid="ignore"):
        tensors = {name: np.abs(value).astype(name) for name, value in tensors.items()}
    tensors |= {"scalar": np.array(2, np.float32), "empty": np.zeros((0, 2), np.int16), "é": np.ones(1, np.float32)}
    save_file(tensors, tmp_path / "w.safetensors", metadata={"format": "pt"})
    read = read_safetensors(tmp_path / "w.safetensors")
    assert read.keys() == tensors.keys()
    for name, value in tensors.items():
        assert (read[name].dtype, read[name].shape) == (value.dtype, value.shape)
        np.testing.assert_array_equal(read[name], value)


def test_types_that_numpy_lacks(tmp_path):
    header = {"b": entry(0, 4, [2, 1], "BF16"), "e4": entry(4, 5, [1], "F8_E4M3"), "e5": entry(5, 6, [], "F8_E5M2")}
    read = read_safetensors(write(tmp_path / "w.safetensors", header, b"\x80\x3f\x00\xc0\x38\x3c"))
    assert read["b"].dtype == ml_dtypes.bfloat16 and read["b"].tolist() == [[1.0], [-2.0]]
    assert read["e4"].dtype == ml_dtypes.float8_e4m3fn and read["e5"].dtype == ml_dtypes.float8_e5m2
    assert read["e4"][0] == 1 and read["e5"] == 1


@pytest.mark.parametrize(
    "header",
    [
        {"a": entry(0, 12, [3], "F32")},
        {"a": entry(0, 8, [3], "F32")},
        {"a": entry(0, 4, [1], "F32")},
        {"a": entry(0, 8, [2], "F31")},
        {"a": entry(0, 1, [2], "F4")},
        {"a": entry(0, 8, [2], "F32"), "b": entry(4, 8, [1], "F32")},
        {"a": entry(0, 8, [8], "F8_E8M0")},
    ],
)
def test_files_that_contradict_themselves_or_have_unknown_types_are_named(tmp_path, header):
    with pytest.raises(ValueError, match=r"w\.safetensors"):
        read_safetensors(write(tmp_path / "w.safetensors", header, b"\0" * 8))


def test_truncated_files_are_named(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": np.arange(4.0), "b": np.arange(3)}, path)
    data = path.read_bytes()
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"w\.safetensors is no safetensors file, or is truncated or damaged"):
            read_safetensors(path)
    path.write_bytes((2**63).to_bytes(8, "little") + b"{}")
    with pytest.raises(ValueError, match=r"w\.safetensors"):
        read_safetensors(path)
