"""PyTorch checkpoints, read without PyTorch and without running anything they contain.

A checkpoint is a pickle, and a pickle is a program: it may name any function and have it called. Here a name is looked
up in a short closed list of inert stand-ins and nowhere else, so that nothing is imported and the only calls are to the
functions of this file. The two layouts are those of ``torch/serialization.py``: the zip archive (PyTorch 1.6 and later)
and the stream of pickles before it, in which the FID Inception is published.
"""

import io
import math
import pickle
import reprlib
import zipfile
from collections.abc import Callable
from os import PathLike
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from jaxgan.data.printable import printable
from jaxgan.interop.regular_file import read_regular

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_WRAPPERS = ("state_dict", "model")
# Tensors take some 150 bytes of it each. Reading takes up to 64 times a pickle's size, and seconds a million bytes.
MAX_PICKLE_BYTES = 2**21
_MOST_ARGUMENTS = 64
_MOST_AXES = 64
_BITS = 256
_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxlist, _BRIEF.maxtuple = 3, 20, 20
_BRIEF.maxstring, _BRIEF.maxlong, _BRIEF.maxother = 200, 60, 200


class _Unreadable(ValueError):
    """A defect of a file, not yet naming it."""


class _Storage(NamedTuple):
    """A promise of bytes: the pickle holds only their key."""

    key: str
    dtype: np.dtype
    length: int


class _Tensor(NamedTuple):
    """A view of a storage; offset and strides in elements."""

    storage: _Storage
    dtype: np.dtype
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Dict(dict):
    """Stands in for OrderedDict, without the attributes that a module's state dict carries (``_metadata``)."""

    def __setstate__(self, state: Any) -> None:
        """Drops them."""

    def __repr__(self) -> str:
        return "a dictionary"


class _Name:
    """Stands for a name in the pickle: it can be passed on and, where ``call`` is given, called."""

    __slots__ = ("call", "name", "value")

    def __init__(self, name: str, value: Any = None, call: Callable[..., Any] | None = None):
        self.name, self.value, self.call = name, value, call

    def __call__(self, *args: Any) -> Any:
        if self.call is None:
            raise _Unreadable(f"its pickle calls {self.name}, which is no function here")
        return self.call(*args)

    def __setstate__(self, state: Any) -> None:
        """Refuses: these are shared between reads, and no file may leave its mark on them."""
        raise _Unreadable(f"its pickle sets attributes of {self.name}")


def _naturals(values: Any) -> bool:
    return all(type(value) is int and value >= 0 and value.bit_length() <= _BITS for value in values)


def _brief(value: Any) -> str:
    """A value of the file for a message: its containers may be endless, its strings long."""
    return printable(_BRIEF.repr(value))


def _codes(names: str) -> list[int]:
    return [getattr(pickle, name)[0] for name in names.split()]


def _check_keys(keys: Any) -> None:
    """Refuses keys that take long to hash, or that could be made to collide."""
    for key in keys:
        if not (key is None or type(key) in (str, bytes, bool) or (type(key) is int and abs(key) < 2**31)):
            raise _Unreadable(f"its pickle has a {_kind(key)} as a key, which may be a string or a small number")


def _ordered(*pairs: Any) -> _Dict:
    listed = pairs[0] if len(pairs) == 1 else list(pairs)
    if not (isinstance(listed, list | tuple) and all(isinstance(p, list | tuple) and len(p) == 2 for p in listed)):
        raise _Unreadable("its pickle makes a dictionary of something other than pairs")
    _check_keys(pair[0] for pair in listed)
    return _Dict(listed)


def _size(*values: Any) -> tuple[Any, ...]:
    (given,) = values or ((),)
    if not (isinstance(given, list | tuple) and len(given) <= _MOST_AXES and _naturals(given)):
        raise _Unreadable(f"its pickle has the size {_brief(given)}")
    return tuple(given)


def _rebuild(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> _Tensor:
    # ``rest``: requires_grad, hooks, and flags for lazy conjugation and negation that would change the values.
    if len(rest) > 2 and rest[2]:
        raise _Unreadable(f"a tensor carries flags that are not supported: {_brief(rest[2])}")
    if not isinstance(storage, _Storage):
        raise _Unreadable("a tensor is built on something other than a storage")
    if not (isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride)):
        raise _Unreadable("a tensor's size and stride are not two tuples of one length")
    if len(size) > _MOST_AXES:
        raise _Unreadable(f"a tensor has {len(size)} axes, more than the {_MOST_AXES} of any array")
    if not _naturals((offset, *size, *stride)):
        raise _Unreadable(f"a tensor has offset {_brief(offset)}, size {_brief(size)} and stride {_brief(stride)}")
    return _Tensor(storage, storage.dtype, offset, size, stride)


def _rebuild_as(*args: Any) -> _Tensor:
    # Version 3: those of version 2, with the dtype before the flags, for storages that have none.
    dtype = args[6]
    if not (isinstance(dtype, _Name) and isinstance(dtype.value, np.dtype)):
        raise _Unreadable("a tensor's dtype is not one")
    return _rebuild(*args[:6], *args[7:])._replace(dtype=dtype.value)


def _parameter(data: Any, *rest: Any) -> _Tensor:
    if not isinstance(data, _Tensor):
        raise _Unreadable("a parameter is built on something other than a tensor")
    return data


_STORAGES = {
    "torch.FloatStorage": np.float32,
    "torch.DoubleStorage": np.float64,
    "torch.HalfStorage": np.float16,
    "torch.BFloat16Storage": ml_dtypes.bfloat16,
    "torch.LongStorage": np.int64,
    "torch.IntStorage": np.int32,
    "torch.ShortStorage": np.int16,
    "torch.CharStorage": np.int8,
    "torch.ByteStorage": np.uint8,
    "torch.BoolStorage": np.bool_,
    "torch.ComplexFloatStorage": np.complex64,
    "torch.ComplexDoubleStorage": np.complex128,
    "torch.storage.UntypedStorage": np.uint8,
}
# Those without a storage class of their own.
_DTYPES = {
    "torch.uint16": np.uint16,
    "torch.uint32": np.uint32,
    "torch.uint64": np.uint64,
    "torch.float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "torch.float8_e5m2": ml_dtypes.float8_e5m2,
}
_CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "torch.Size": _size,
    "torch._utils._rebuild_tensor": _rebuild,
    "torch._utils._rebuild_tensor_v2": _rebuild,
    "torch._utils._rebuild_tensor_v3": _rebuild_as,
    "torch._utils._rebuild_parameter": _parameter,
}
_NAMES = {name: _Name(name, value=np.dtype(dtype)) for name, dtype in (_STORAGES | _DTYPES).items()} | {
    name: _Name(name, call=call) for name, call in _CALLS.items()
}


class _Metered:
    """A stream that a pickle is read from, up to a number of bytes."""

    def __init__(self, stream: io.BytesIO):
        self.stream, self.left = stream, MAX_PICKLE_BYTES

    def read(self, count: int) -> bytes:
        return self._spend(self.stream.read(min(count, self.left + 1)))

    def readline(self) -> bytes:
        return self._spend(self.stream.readline(self.left + 1))

    def _spend(self, data: bytes) -> bytes:
        self.left -= len(data)
        if self.left < 0:
            raise _Unreadable(
                f"its pickle, which holds names and shapes, is larger than {MAX_PICKLE_BYTES / 2**20:.0f} MiB; save "
                "the module's state_dict() alone"
            )
        return data


class _Dispatch(dict):
    def __missing__(self, code: int) -> Any:
        raise _Unreadable(f"its pickle has the instruction {bytes([code])!r}, which files of weights do not need")


_INSTRUCTIONS = (
    "PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT "
    "BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 UNICODE BINUNICODE SHORT_BINUNICODE "
    "BINUNICODE8 EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM "
    "SETITEMS EMPTY_SET ADDITEMS FROZENSET GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL "
    "REDUCE BUILD PERSID BINPERSID"
)


# Python's own unpickler, not the C one, which allocates what lengths and indices in the file claim before reading on.
# Containers may share parts without end: nothing here compares, hashes, copies or prints one.
class _Unpickler(pickle._Unpickler):
    stack: list[Any]
    memo: dict[int, Any]
    readline: Callable[[], bytes]

    def __init__(self, file: io.BytesIO):
        super().__init__(_Metered(file), encoding="utf-8")
        self.storages: dict[str, _Storage] = {}
        self.copied = 0

    dispatch = _Dispatch({code: pickle._Unpickler.dispatch[code] for code in _codes(_INSTRUCTIONS)})

    def load_setitem(self) -> None:
        _check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        _check_keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        _check_keys(self.stack[::2])
        super().load_dict()

    def load_additems(self) -> None:
        _check_keys(self.stack)
        super().load_additems()

    def load_frozenset(self) -> None:
        _check_keys(self.stack)
        super().load_frozenset()

    def load_put(self) -> None:
        index = self.readline()[:-1]
        if not (index.isdigit() and len(index) < 12):
            raise _Unreadable("its pickle keeps a value under a number that is none")
        self.memo[int(index)] = self.stack[-1]

    def load_reduce(self) -> None:
        args = self.stack[-1]
        if not (isinstance(args, tuple) and len(args) <= _MOST_ARGUMENTS):
            raise _Unreadable("its pickle calls a function with something other than a few arguments")
        self.copied += sum(len(arg) for arg in args if isinstance(arg, list | tuple | dict))
        if self.copied > MAX_PICKLE_BYTES:
            raise _Unreadable("its pickle copies the same values again and again")
        super().load_reduce()

    dispatch |= {
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
        pickle.ADDITEMS[0]: load_additems,
        pickle.FROZENSET[0]: load_frozenset,
        pickle.PUT[0]: load_put,
        pickle.REDUCE[0]: load_reduce,
    }

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in _NAMES:
            raise _Unreadable(
                f"its pickle names {printable(full[:200])}, which no file of weights needs; nothing of it was run. "
                "Only plain tensors in dictionaries are read: save the module's state_dict() alone"
            )
        return _NAMES[full]

    def persistent_load(self, pid: Any) -> _Storage:
        if not (isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage"):
            raise _Unreadable("its pickle refers to something other than a storage")
        kind, key, count = pid[1], pid[2], pid[4]
        if not (isinstance(kind, _Name) and kind.name in _STORAGES and isinstance(key, str) and _naturals((count,))):
            raise _Unreadable("its pickle has a malformed reference to a storage")
        if len(pid) == 6 and pid[5] is not None:
            raise _Unreadable("it holds views of storages, from before PyTorch 0.4; save it again with a newer one")
        storage = _Storage(key, kind.value, count)
        if self.storages.setdefault(key, storage) != storage:
            raise _Unreadable(f"it describes storage {_brief(key)} in two ways")
        return storage


def _open_zip(data: bytes) -> tuple[Any, Callable[[_Storage], bytes], bool]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    entries = archive.infolist()
    # PyTorch stores records as they are. Whatever claims to unfold into more than the file is an attack or damage.
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise _Unreadable("its records are compressed, which torch.save never does")
    if sum(entry.file_size for entry in entries) > len(data):
        raise _Unreadable("its records claim more bytes than the file has")
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise _Unreadable(f"it is a zip archive with {len(pickles)} records FOLDER/data.pkl, not the 1 of torch.save")
    prefix = pickles[0].removesuffix("data.pkl")
    # Archives from before PyTorch 2.1 lack the record; they were written on little-endian machines.
    order = archive.read(f"{prefix}byteorder") if f"{prefix}byteorder" in archive.namelist() else b"little"
    if order not in (b"little", b"big"):
        raise _Unreadable(f"its byte order is {_brief(order)}, not little or big")

    def fetch(storage: _Storage) -> bytes:
        entry = archive.getinfo(f"{prefix}data/{storage.key}")
        if entry.file_size != storage.length * storage.dtype.itemsize:
            declared = f"{storage.length} of {storage.dtype}"
            raise _Unreadable(f"storage {_brief(storage.key)} has {entry.file_size} bytes, not the {declared} declared")
        return archive.read(entry)

    return _Unpickler(io.BytesIO(archive.read(pickles[0]))).load(), fetch, order == b"big"


def _open_stream(data: bytes) -> tuple[Any, Callable[[_Storage], bytes], bool]:
    stream = io.BytesIO(data)
    if _Unpickler(stream).load() != _MAGIC:
        raise _Unreadable("it is a pickle, but not one that torch.save wrote")
    if (protocol := _Unpickler(stream).load()) != _PROTOCOL:
        raise _Unreadable(f"its protocol version is {_brief(protocol)}, not {_PROTOCOL}")
    # The writer's byte order and sizes of C types: storages are little-endian whatever it says, as PyTorch takes them.
    _Unpickler(stream).load()
    unpickler = _Unpickler(stream)
    top = unpickler.load()
    keys = _Unpickler(stream).load()
    named = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not (named and sorted(keys) == sorted(unpickler.storages)):
        raise _Unreadable("its list of storages is not that of its tensors")
    blobs = {}
    for key in keys:
        storage = unpickler.storages[key]
        count = int.from_bytes(stream.read(8), "little", signed=True)
        if count != storage.length:
            raise _Unreadable(f"storage {_brief(key)} has {count} elements, not the {storage.length} declared")
        blobs[key] = stream.read(count * storage.dtype.itemsize)
        if len(blobs[key]) != count * storage.dtype.itemsize:
            raise _Unreadable(f"it ends within storage {_brief(key)}: it is truncated")
    return top, lambda storage: blobs[storage.key], False


def _kind(value: Any) -> str:
    return type(value).__name__.strip("_").lower()


def _select(top: Any, key: str | None) -> dict[str, _Tensor]:
    if not isinstance(top, dict):
        raise _Unreadable(f"it holds a {_kind(top)}, not a dictionary of tensors")
    nested = [name for name, value in top.items() if isinstance(value, dict)]
    if key is None:
        wrapped = [name for name in _WRAPPERS if name in nested]
        if len(wrapped) > 1:
            raise _Unreadable(f"it holds several dictionaries; choose one by key= from {_brief(nested)}")
        chosen = top[wrapped[0]] if wrapped else top
    elif key not in nested:
        raise _Unreadable(f"it holds no dictionary {key!r}; it has {_brief(nested)}")
    else:
        chosen = top[key]
    for name, value in chosen.items():
        if not (isinstance(name, str) and isinstance(value, _Tensor)):
            hint = f"; choose a dictionary by key= from {_brief(nested)}" if nested and chosen is top else ""
            raise _Unreadable(f"entry {_brief(name)} is a {_kind(value)}, not a tensor{hint}")
    return chosen


def _view(name: str, tensor: _Tensor, blob: bytes) -> np.ndarray:
    size, unit = tensor.size, tensor.dtype.itemsize
    last = tensor.offset + sum((n - 1) * step for n, step in zip(size, tensor.stride))
    if 0 in size:
        return np.ndarray(size, tensor.dtype, b"")
    if (last + 1) * unit > len(blob):
        raise _Unreadable(f"tensor {_brief(name)} reaches element {last} of a storage that has {len(blob) // unit}")
    # A step along an axis of one is never taken, and the file may say anything there.
    steps = [step * unit if n > 1 else 0 for n, step in zip(size, tensor.stride)]
    return np.ndarray(size, tensor.dtype, blob, tensor.offset * unit, steps)


def read_checkpoint(path: str | PathLike[str], *, key: str | None = None) -> dict[str, np.ndarray]:
    """Reads the tensors of a file that ``torch.save`` wrote, in the zip layout or the one before it.

    Args:
      path: file, trusted or not.
      key: which dictionary of the saved one to take. None: the saved one itself, or what it holds under 'state_dict' or
        'model' if one of these is a dictionary. The rest of the file (an epoch, an optimizer) is then left out, but may
        itself hold no more than numbers, strings, containers and tensors.

    Returns:
      name -> array, in the file's order and names; shapes and dtypes as saved, bfloat16 and float8 as of ``ml_dtypes``.
      Arrays are read-only views, strided as they were saved, and share memory where the tensors did.

    Raises:
      ValueError: names the file, on one that is truncated, damaged or of another format (so the tar files from before
        PyTorch 0.1.10); whose pickle names anything beyond plain tensors, which is then not run; whose tensors reach
        outside their storage; or where an entry chosen is no tensor.
      OSError: where it can't be opened.
    """
    data = read_regular(path)
    try:
        if data[257:262] == b"ustar":
            raise _Unreadable("it is a tar file, as PyTorch wrote before 0.1.10; load and save it with a newer one")
        if data[:4] != b"PK\x03\x04" and data[:1] != b"\x80":
            raise _Unreadable(f"it is no PyTorch checkpoint: it starts with {data[:8]!r}")
        top, fetch, swap = _open_zip(data) if data[:2] == b"PK" else _open_stream(data)
        blobs: dict[tuple[str, np.dtype], bytes] = {}
        arrays = {}
        for name, tensor in _select(top, key).items():
            # One that repeats its elements may be larger than its storage; larger than the file it is a trap.
            if math.prod(tensor.size) * tensor.dtype.itemsize > len(data):
                raise _Unreadable(f"tensor {_brief(name)} of size {_brief(tensor.size)} is larger than the file")
            kept = tensor.storage.key, tensor.dtype
            if kept not in blobs:
                blob = fetch(tensor.storage)
                blobs[kept] = np.frombuffer(blob, tensor.dtype).byteswap().tobytes() if swap else blob
            arrays[name] = _view(name, tensor, blobs[kept])
        return arrays
    except _Unreadable as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    except Exception as error:
        # The bytes are in memory, so whatever fails does so over what they say: pickle and zipfile have no one error.
        raise ValueError(f"cannot read {path}: it is truncated or damaged ({type(error).__name__}: {error})") from error
