import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest

from jaxgan.interop.torch_checkpoint import read_checkpoint

DATA = Path(__file__).parent / "data"
REBUILD = "torch._utils._rebuild_tensor_v2"


class Name(NamedTuple):
    """Pickles as the global of that name, which need not exist here."""

    module: str
    name: str

    def __call__(self, *args):
        return Call(self, args)


class Call(NamedTuple):
    """Pickles as a call."""

    function: Name
    args: tuple


class Storage(NamedTuple):
    kind: str
    key: str
    values: np.ndarray
    view: tuple | None = None


class Pickler(pickle._Pickler):
    """Writes what PyTorch's classes would, without PyTorch."""

    legacy = False

    def save(self, thing, save_persistent_id=True):
        if isinstance(thing, Name):
            self.write(pickle.GLOBAL + f"{thing.module}\n{thing.name}\n".encode())
        elif isinstance(thing, Call):
            self.save(thing.function)
            self.save(tuple(thing.args))
            self.write(pickle.REDUCE)
        elif isinstance(thing, Storage):
            kind = Name("torch.storage" if thing.kind == "UntypedStorage" else "torch", thing.kind)
            pid = ("storage", kind, thing.key, "cpu", thing.values.size)
            self.save((*pid, thing.view) if self.legacy else pid)
            self.write(pickle.BINPERSID)
        else:
            super().save(thing, save_persistent_id)


class LegacyPickler(Pickler):
    legacy = True


def dumps(thing, pickler=Pickler):
    file = io.BytesIO()
    pickler(file, 2).dump(thing)
    return file.getvalue()


def name(full):
    return Name(*full.rsplit(".", 1))


def tensor(storage, offset=0, size=None, stride=None, function=REBUILD, rest=(False, OrderedDict())):
    size = (storage.values.size,) if size is None else size
    if stride is None:
        stride = tuple(int(np.prod(size[i + 1 :])) for i in range(len(size)))
    return name(function)(storage, offset, size, stride, *rest)


def write_zip(path, top, storages=(), *, order=b"little", records=None, compression=zipfile.ZIP_STORED, raw=None):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("weights/data.pkl", dumps(top) if raw is None else raw)
        if order is not None:
            archive.writestr("weights/byteorder", order)
        for s in storages:
            values = s.values.byteswap() if order == b"big" else s.values
            archive.writestr(f"weights/data/{s.key}", (records or {}).get(s.key, values.tobytes()))
        archive.writestr("weights/version", b"3\n")
    return path


def write_legacy(path, top, storages=(), *, magic=0x1950A86A20F9469CFC6C, counts=None, raw=None):
    blob = b"".join(pickle.dumps(x, 2) for x in (magic, 1001, {"little_endian": True}))
    blob += dumps(top, LegacyPickler) if raw is None else raw
    blob += pickle.dumps([s.key for s in storages], 2)
    for s in storages:
        blob += struct.pack("<q", (counts or {}).get(s.key, s.values.size)) + s.values.tobytes()
    path.write_bytes(blob)
    return path


WRITERS = pytest.mark.parametrize("write", [write_zip, write_legacy])
S = Storage("FloatStorage", "0", np.arange(24, dtype=np.float32))


@WRITERS
def test_views_share_their_storage_and_keep_their_strides(tmp_path, write):
    top = {
        "whole": tensor(S, size=(2, 3, 4)),
        "transposed": tensor(S, size=(4, 3, 2), stride=(1, 4, 12)),
        "slice": tensor(S, 5, size=(2, 2), stride=(12, 2)),
        "scalar": tensor(S, 7, size=(), stride=()),
        "empty": tensor(S, 24, size=(0, 3), stride=(3, 1)),
        "repeated": tensor(S, 2, size=(3, 2), stride=(0, 1)),
        "one": tensor(S, 3, size=(1, 2), stride=(10**30, 1)),
        "parameter": name("torch._utils._rebuild_parameter")(tensor(S, size=(24,)), True, OrderedDict()),
        "old": tensor(S, size=(3,), function="torch._utils._rebuild_tensor", rest=()),
        "sized": tensor(S, size=name("torch.Size")((2, 2)), stride=(2, 1)),
    }
    a = S.values.reshape(2, 3, 4)
    expected = {
        "whole": a,
        "transposed": a.transpose(2, 1, 0),
        "slice": np.array([[5, 7], [17, 19]]),
        "scalar": np.array(7),
        "empty": np.zeros((0, 3)),
        "repeated": np.array([[2, 3]] * 3),
        "one": np.array([[3, 4]]),
        "parameter": S.values,
        "old": S.values[:3],
        "sized": S.values[:4].reshape(2, 2),
    }
    read = read_checkpoint(write(tmp_path / "w.pt", top, [S]))
    assert list(read) == list(expected)
    for key, value in expected.items():
        assert read[key].dtype == np.float32 and read[key].shape == value.shape and not read[key].flags.writeable
        np.testing.assert_array_equal(read[key], value, err_msg=key)
    assert np.shares_memory(read["whole"], read["transposed"])


KINDS = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
    "ComplexFloatStorage": np.complex64,
}


@pytest.mark.parametrize("order", [b"little", b"big", None])
def test_every_dtype_in_either_byte_order(tmp_path, order):
    rng = np.random.default_rng(0)
    storages = [
        Storage(k, k, (rng.standard_normal(5) * 40).astype(np.complex64).real.astype(t)) for k, t in KINDS.items()
    ]
    read = read_checkpoint(write_zip(tmp_path / "w.pt", {s.key: tensor(s) for s in storages}, storages, order=order))
    for s in storages:
        assert read[s.key].dtype == KINDS[s.kind]
        np.testing.assert_array_equal(read[s.key], s.values)


def test_files_that_torch_wrote(tmp_path):
    # By torch 2.14.1, in either layout: an OrderedDict with _metadata, in {'epoch': 3, 'state_dict': ...}.
    # conv_t is a view of conv's storage, and u16 is of an untyped one.
    for file in ("torch_zip.pt", "torch_legacy.pt"):
        read = read_checkpoint(DATA / file)
        conv = np.arange(12, dtype=np.float16).reshape(2, 3, 2)
        expected = {
            "conv": conv,
            "conv_t": conv.T,
            "bf": (np.arange(4, dtype=np.float32) / 3).astype(ml_dtypes.bfloat16),
            "steps": np.array(7),
            "mask": np.array([True, False]),
            "u16": np.array([1, 65535], np.uint16),
        }
        assert list(read) == list(expected)
        for key, value in expected.items():
            assert read[key].dtype == value.dtype and read[key].shape == value.shape
            np.testing.assert_array_equal(read[key], value)


@WRITERS
def test_which_dictionary_is_taken(tmp_path, write):
    one, two = {"a": tensor(S)}, {"b": tensor(S)}
    path = tmp_path / "w.pt"
    for wrapper in ("state_dict", "model"):
        assert list(read_checkpoint(write(path, {wrapper: one, "epoch": 3, "optimizer": {"lr": 0.1}}, [S]))) == ["a"]
    write(path, {"g": one, "g_ema": two, "step": 1}, [S])
    assert list(read_checkpoint(path, key="g_ema")) == ["b"]
    with pytest.raises(ValueError, match=r"w\.pt.*entry 'g' is a dict.*key= from \['g', 'g_ema'\]"):
        read_checkpoint(path)
    with pytest.raises(ValueError, match=r"no dictionary 'ema'; it has \['g', 'g_ema'\]"):
        read_checkpoint(path, key="ema")
    with pytest.raises(ValueError, match="several dictionaries"):
        read_checkpoint(write(path, {"model": one, "state_dict": two}, [S]))
    with pytest.raises(ValueError, match="entry 'n' is a int, not a tensor"):
        read_checkpoint(write(path, {"a": tensor(S), "n": 1}, [S]))
    with pytest.raises(ValueError, match="holds a list, not"):
        read_checkpoint(write(path, [tensor(S)], [S]))


def touch(path):
    return f"import pathlib; pathlib.Path({str(path)!r}).touch()"


HOSTILE = {
    "os.system": lambda sign: name("os.system")(f"touch {sign}"),
    "builtins.eval": lambda sign: name("builtins.eval")(f"open({str(sign)!r}, 'w')"),
    "builtins.exec": lambda sign: {"state_dict": {"x": name("builtins.exec")(touch(sign))}},
    "builtins.getattr": lambda sign: name("builtins.getattr")(name("collections.OrderedDict"), "__init__"),
    "posix.system": lambda sign: {"x": tensor(S, 0, (name("posix.system")(f"touch {sign}"),), (1,))},
    "torch.load": lambda sign: name("torch.load")(str(sign)),
    "torch._utils._rebuild_tensor_v2.__globals__": lambda sign: name("torch._utils._rebuild_tensor_v2.__globals__"),
    "numpy._core.multiarray._reconstruct": lambda sign: name("numpy._core.multiarray._reconstruct")(),
}


@WRITERS
@pytest.mark.parametrize("culprit", HOSTILE)
def test_a_hostile_pickle_is_refused_by_name_and_nothing_runs(tmp_path, write, culprit):
    sign = tmp_path / "it_ran"
    path = write(tmp_path / "w.pt", HOSTILE[culprit](sign), [S])
    with pytest.raises(ValueError, match=rf"w\.pt.*names {culprit.replace('.', '.')}\b.*nothing of it was run"):
        read_checkpoint(path)
    assert not sign.exists()


def test_the_hostile_pickles_of_these_tests_do_run_elsewhere(tmp_path):
    # Or the test above would prove nothing.
    sign = tmp_path / "it_ran"
    pickle.loads(dumps(HOSTILE["os.system"](sign)))
    assert sign.exists()


def pickled(body):
    return b"\x80\x02" + body + b"."


@WRITERS
@pytest.mark.parametrize(
    "body",
    [
        # Attributes set on a stand-in or on a string; a stand-in or a string called; objects made by class.
        b"ctorch._utils\n_rebuild_tensor_v2\n}U\x0c__defaults__)sb",
        b"ccollections\nOrderedDict\n}U\x07__init__Nsb",
        b"U\x01x}U\x01yNsb",
        b"ctorch\nFloatStorage\n)R",
        b"U\x01x)R",
        b"ctorch\nFloatStorage\n)\x81",
        b"(U\x01xo",
        # Extension codes and persistent ids of other kinds; stacks that run dry; a number that is no memo's.
        b"\x82\x01",
        b"U\x06moduleQ",
        b"(U\x07storageU\x01xU\x010U\x03cpuK\x01tQ",
        b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuJ\xff\xff\xff\xfftQ",
        b"0000",
        b"h\x07",
        # Lengths that the file does not have.
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x0f",
        b"B\xff\xff\xff\x7f",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\x0f",
        b"Nr\xff\xff\xff\x7f" + b"Nr\xff\xff\xff\xff",
    ],
)
def test_malformed_pickles_are_one_clear_error(tmp_path, write, body):
    with pytest.raises(ValueError, match=r"cannot read .*w\.pt: "):
        read_checkpoint(write(tmp_path / "w.pt", None, raw=pickled(body)))


def test_a_pickle_cannot_change_how_the_next_is_read(tmp_path):
    good = write_zip(tmp_path / "good.pt", {"a": tensor(S)}, [S])
    for body in (b"ctorch\nFloatStorage\n}U\x05value", b"ctorch._utils\n_rebuild_tensor_v2\n}U\x04call"):
        with pytest.raises(ValueError, match="sets attributes of torch"):
            read_checkpoint(write_zip(tmp_path / "w.pt", None, raw=pickled(body + b"Nsb")))
        with pytest.raises(ValueError, match="sets attributes of torch"):
            read_checkpoint(write_zip(tmp_path / "w.pt", None, raw=pickled(body.replace(b"}", b"N}") + b"Ns\x86b")))
    np.testing.assert_array_equal(read_checkpoint(good)["a"], S.values)


@WRITERS
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (tensor(S, 1), "reaches element 24 of a storage that has 24"),
        (tensor(S, size=(2, 2), stride=(23, 1)), "reaches element 24"),
        (tensor(S, 10**40, size=()), "reaches element 1000"),
        (tensor(S, size=(10**12,), stride=(0,)), "larger than the file"),
        (tensor(S, size=(-1,)), r"size \(-1,\)"),
        (tensor(S, -1), "offset -1"),
        (tensor(S, size=(4,), stride=(-1,)), r"stride \(-1,\)"),
        (tensor(S, size=(4,), stride=(1, 1)), "not two tuples of one length"),
        (tensor(S, size=(True,)), "size"),
        (tensor(S, size=(2.0,), stride=(1,)), r"size \(2\.0,\)"),
        (tensor(S, rest=(False, OrderedDict(), {"neg": True})), "flags that are not supported"),
        (name(REBUILD)("0", 0, (1,), (1,), False, None), "other than a storage"),
        (name("torch._utils._rebuild_parameter")("0", True, None), "other than a tensor"),
        (name("torch._utils._rebuild_tensor_v3")(S, 0, (1,), (1,), False, None, "f4"), "dtype is not one"),
        ({"b": tensor(S._replace(kind="DoubleStorage"))}, "describes storage '0' in two ways"),
    ],
)
def test_what_a_tensor_claims_is_checked(tmp_path, write, bad, message):
    path = write(tmp_path / "w.pt", {"fine": tensor(S), "bad": bad}, [S])
    with pytest.raises(ValueError, match=rf"cannot read .*w\.pt: .*{message}"):
        read_checkpoint(path)


def test_what_the_records_claim_is_checked(tmp_path):
    path, top = tmp_path / "w.pt", {"a": tensor(S)}
    for write, options, message in [
        (write_zip, dict(records={"0": b"\0" * 92}), "has 92 bytes, not the 24 of float32"),
        (write_zip, dict(records={"0": b"\0" * 100}), "has 100 bytes"),
        (write_zip, dict(compression=zipfile.ZIP_DEFLATED), "compressed"),
        (write_zip, dict(order=b"middle"), "byte order is b'middle'"),
        (write_legacy, dict(counts={"0": 2**60}), f"has {2**60} elements, not the 24"),
        (write_legacy, dict(counts={"0": -1}), "has -1 elements"),
        (write_legacy, dict(magic=7), "not one that torch.save wrote"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_checkpoint(write(path, top, [S], **options))
    with pytest.raises(ValueError, match="list of storages is not that"):
        read_checkpoint(write_legacy(path, top, []))
    with pytest.raises(ValueError, match=r"KeyError.*weights/data/0"):
        read_checkpoint(write_zip(path, top, []))
    with pytest.raises(ValueError, match="views of storages"):
        s = S._replace(view=("1", 0, 24))
        read_checkpoint(write_legacy(path, {"a": tensor(s)}, [s]))


def test_overlapping_records_of_a_zip_bomb_are_refused_before_they_are_read(tmp_path):
    path = write_zip(tmp_path / "w.pt", {"a": tensor(S)}, [S])
    data = bytearray(path.read_bytes())
    # The central directory's entry of data/0 claims 2 GiB, in both its sizes.
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"weights/data/0"))
    data[entry + 20 : entry + 28] = struct.pack("<II", 2**31, 2**31)
    path.write_bytes(data)
    with pytest.raises(ValueError, match="claim more bytes than the file has"):
        read_checkpoint(path)


@pytest.mark.parametrize("file", ["torch_zip.pt", "torch_legacy.pt"])
def test_every_truncation_is_an_error_that_names_the_file(tmp_path, file):
    data = (DATA / file).read_bytes()
    path = tmp_path / "cut.pt"
    for end in range(0, len(data), 7):
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match=r"cannot read .*cut\.pt: "):
            read_checkpoint(path)


@pytest.mark.parametrize("file", ["torch_zip.pt", "torch_legacy.pt"])
def test_damaged_bytes_give_an_error_or_arrays_but_nothing_else(tmp_path, file):
    data = (DATA / file).read_bytes()
    rng, path, refused = np.random.default_rng(0), tmp_path / "bad.pt", 0
    for _ in range(300):
        bad = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            bad[at] = rng.integers(256)
        path.write_bytes(bad)
        try:
            read = read_checkpoint(path)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
        else:
            assert all(isinstance(value, np.ndarray) for value in read.values())
    assert refused > 100


def test_other_formats_are_named(tmp_path):
    path = tmp_path / "w.pt"
    for data, message in [
        (b"\0" * 257 + b"ustar\0" + b"\0" * 249, "tar file"),
        (b"\x89HDF\r\n\x1a\n", "no PyTorch checkpoint: it starts with b'.x89HDF"),
        (b"", "starts with b''"),
        (pickle.dumps({"a": 1}, 2), "not one that torch.save wrote"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            read_checkpoint(path)
    np.savez(tmp_path / "w.npz", a=np.zeros(3))
    with pytest.raises(ValueError, match=r"0 records FOLDER/data\.pkl"):
        read_checkpoint(tmp_path / "w.npz")
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "absent.pt")
