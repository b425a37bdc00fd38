import json

import ml_dtypes
import numpy as np
import pytest

from jaxgan.interop.safetensors import read_metadata, read_safetensors, write_safetensors

DTYPES = [
    "bool",
    "uint8",
    "int8",
    "float8_e5m2",
    "float8_e4m3fn",
    "uint16",
    "int16",
    "float16",
    "bfloat16",
    "uint32",
    "int32",
    "float32",
    "complex64",
    "uint64",
    "int64",
    "float64",
]


def dtype_of(name):
    return np.dtype(getattr(ml_dtypes, name) if "8_" in name or name == "bfloat16" else name)


def write(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_file_laid_out_by_hand(tmp_path):
    data = np.array([1.5, -2.0], "<f4").tobytes() + (3).to_bytes(8, "little") + b"\x80\x3f"
    header = {
        "b": entry(8, 16, [], "I64"),
        "__metadata__": {"format": "pt"},
        "a": entry(0, 8, [2, 1]),
        "one": entry(16, 18, [1], "BF16"),
        "none": entry(8, 8, [0, 3]),
    }
    path = write(tmp_path / "w.safetensors", json.dumps(header).encode() + b"   ", data)
    read = read_safetensors(path)
    assert list(read) == ["b", "a", "one", "none"]
    np.testing.assert_array_equal(read["a"], np.array([[1.5], [-2.0]], np.float32))
    assert read["b"] == 3 and read["b"].shape == () and read["one"].dtype == ml_dtypes.bfloat16 and read["one"] == 1
    assert read["none"].shape == (0, 3) and not read["a"].flags.writeable
    assert read_metadata(path) == {"format": "pt"}


def test_what_is_written_reads_back_aligned(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {f"layer.{name}": (rng.standard_normal((3, 5)) * 9).astype(dtype_of(name)) for name in DTYPES}
    tensors |= {
        "transposed": np.arange(12.0).reshape(3, 4).T,
        "big-endian": np.arange(3, dtype=">i4"),
        "scalar": np.float32(2),
        "empty": np.zeros((0, 2), np.int16),
        "é": np.ones(1, np.float32),
    }
    path = tmp_path / "w.safetensors"
    write_safetensors(path, tensors, metadata={"epoch": "3"})
    read = read_safetensors(path)
    assert read.keys() == tensors.keys() and read_metadata(path) == {"epoch": "3"}
    for name, value in tensors.items():
        assert read[name].dtype == value.dtype.newbyteorder("=") and read[name].shape == value.shape
        np.testing.assert_array_equal(read[name], value)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    assert length % 8 == 0 and [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]
    for name, value in tensors.items():
        assert header[name]["data_offsets"][0] % value.dtype.itemsize == 0
    write_safetensors(path, {})
    assert read_safetensors(path) == {} and read_metadata(path) == {}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"a": entry(0, 12, [3])}, r"data_offsets \[0, 12\], and the file has 8 bytes"),
        ({"a": entry(8, 0, [2])}, "data_offsets"),
        ({"a": entry(-8, 0, [2])}, "data_offsets"),
        ({"a": entry(0, 8, [3])}, r"8 bytes, which is not shape \[3\] of F32"),
        ({"a": entry(0, 8, [2.0])}, r"shape \[2\.0\]"),
        ({"a": entry(0, 8, [True, 2])}, "shape"),
        ({"a": entry(0, 8, [-1, -2])}, "shape"),
        ({"a": entry(0, 8, [2, 0]), "b": entry(0, 8, [2])}, "not shape"),
        ({"a": entry(0, 0, [0, 10**30])}, "shape"),
        ({"a": entry(0, 8, [2], "F31")}, r"dtype 'F31'; known are \['BOOL'"),
        ({"a": entry(0, 8, [2], ["F32"])}, "dtype"),
        ({"a": {"dtype": "F32", "shape": [2]}}, "needs dtype, shape and data_offsets"),
        ({"a": entry(0, 8, [2]) | {"x": 1}}, "no more"),
        ({"a": [0, 8]}, "needs"),
        ({"a": entry(0, 4, [1])}, "4 bytes after the last tensor belong to none"),
        ({"a": entry(4, 8, [1])}, "gap or overlap at byte 0"),
        ({"a": entry(0, 8, [2]), "b": entry(4, 8, [1])}, "gap or overlap at byte 4"),
        ({"a": entry(0, 8, [2]), "__metadata__": {"x": 1}}, "strings to strings"),
        (b'{"a": 1, "a": 2}', "a name occurs twice"),
        (b'{"a": ', "damaged safetensors header"),
        (b"{" + b'"a":[' * 200_000, "damaged safetensors header"),
        (b'{"\xff": 1}', "damaged safetensors header"),
        (b"[]", "no safetensors file"),
    ],
)
def test_what_the_header_claims_is_checked(tmp_path, header, message):
    with pytest.raises(ValueError, match=rf"w\.safetensors.*{message}"):
        read_safetensors(write(tmp_path / "w.safetensors", header, b"\0" * 8))


def test_truncated_files_and_absurd_lengths(tmp_path):
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"a": np.arange(4.0), "b": np.arange(3)})
    data = path.read_bytes()
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"w\.safetensors"):
            read_safetensors(path)
    with pytest.raises(ValueError, match="no whole header"):
        read_safetensors(write(path, b"{}", length=2**63))


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"a": np.ones(2)})
    for tensors, metadata, message in [
        ({"a": np.array(["x"])}, None, "'a' has dtype <U1; safetensors has"),
        ({"a": np.ones(2, np.complex128)}, None, "complex128"),
        ({"__metadata__": np.ones(2)}, None, "the header's own"),
        ({"a": np.zeros(2)}, {"epoch": 3}, "strings to strings"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_safetensors(path, tensors, metadata=metadata)
    np.testing.assert_array_equal(read_safetensors(path)["a"], [1, 1])
