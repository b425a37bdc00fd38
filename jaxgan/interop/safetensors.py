"""The safetensors format: a JSON header, then the tensors' bytes, little-endian and in C order, with no gaps.

The format is that of https://github.com/huggingface/safetensors (README, 'Format'), whose rules are checked, so that
a file has one meaning: names are unique, and the tensors cover the bytes after the header exactly once.
"""

import json
import math
import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

import ml_dtypes
import numpy as np

_DTYPES = {
    name: np.dtype(dtype)
    for name, dtype in {
        "BOOL": np.bool_,
        "U8": np.uint8,
        "I8": np.int8,
        "F8_E5M2": ml_dtypes.float8_e5m2,
        "F8_E4M3": ml_dtypes.float8_e4m3fn,
        "U16": np.uint16,
        "I16": np.int16,
        "F16": np.float16,
        "BF16": ml_dtypes.bfloat16,
        "U32": np.uint32,
        "I32": np.int32,
        "F32": np.float32,
        "C64": np.complex64,
        "U64": np.uint64,
        "I64": np.int64,
        "F64": np.float64,
    }.items()
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_METADATA = "__metadata__"
# The reference implementation's bound.
_MAX_HEADER = 100_000_000


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _header(path: Path, data: bytes) -> tuple[dict[str, Any], dict[str, str], int]:
    """Returns the tensors' entries, the metadata, and where the tensors' bytes begin."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(_MAX_HEADER, len(data) - 8) or data[8:9] != b"{":
        raise ValueError(f"{path} is no safetensors file, or is truncated: it has {len(data)} bytes, no whole header")
    try:
        header = json.loads(data[8 : 8 + length].decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} has a damaged safetensors header: {error}") from error
    metadata = header.pop(_METADATA, {})
    if not (isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())):
        raise ValueError(f"{path}: {_METADATA} must map strings to strings")
    return header, metadata, 8 + length


def _natural(value: Any) -> bool:
    return type(value) is int and value >= 0


def read_safetensors(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Reads the tensors of a safetensors file.

    Args:
      path: file, trusted or not.

    Returns:
      name -> array, in the order of the header; BF16 and the F8 types as of ``ml_dtypes``. Arrays are
      read-only.

    Raises:
      ValueError: names the file, on one that is truncated, has bytes that belong to no tensor or to two, a dtype not
        known here, or a shape that does not fit its bytes.
      OSError: where it can't be opened.
    """
    path = Path(path)
    data = path.read_bytes()
    header, _, start = _header(path, data)
    arrays: dict[str, np.ndarray] = {}
    spans: list[tuple[int, int]] = []

    def refuse(name: str, why: str) -> NoReturn:
        raise ValueError(f"{path}: tensor {name!r} {why}")

    for name, entry in header.items():
        if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
            refuse(name, "needs dtype, shape and data_offsets, and no more")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            refuse(name, f"has dtype {dtype!r}; known are {list(_DTYPES)}")
        if not isinstance(shape, list) or not all(map(_natural, shape)):
            refuse(name, f"has shape {shape!r}")
        if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_natural, offsets)):
            refuse(name, f"has data_offsets {offsets!r}")
        begin, end = offsets
        if not begin <= end <= len(data) - start:
            refuse(name, f"has data_offsets {offsets}, and the file has {len(data) - start} bytes of data")
        if end - begin != math.prod(shape) * _DTYPES[dtype].itemsize:
            refuse(name, f"has {end - begin} bytes, which is not shape {shape} of {dtype}")
        spans.append((begin, end))
        try:
            arrays[name] = np.frombuffer(data[start + begin : start + end], _DTYPES[dtype]).reshape(shape)
        except (ValueError, OverflowError) as error:
            refuse(name, f"has shape {shape}: {error}")
    at = 0
    for begin, end in sorted(spans):
        if begin != at:
            raise ValueError(f"{path}: tensors leave a gap or overlap at byte {min(at, begin)} of the data")
        at = end
    if at != len(data) - start:
        raise ValueError(f"{path}: {len(data) - start - at} bytes after the last tensor belong to none")
    return arrays


def read_metadata(path: str | PathLike[str]) -> dict[str, str]:
    """Reads the free-form ``__metadata__`` of a safetensors file, {} where it has none; raises as its reader does."""
    path = Path(path)
    return _header(path, path.read_bytes())[1]


def write_safetensors(
    path: str | PathLike[str], tensors: Mapping[str, np.ndarray], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes a safetensors file, whole or not at all.

    Args:
      path: file; replaced if there.
      tensors: name -> array, or anything that numpy makes one of.
      metadata: strings to keep in the header.

    Raises:
      ValueError: on a dtype that the format has no name for, the name '__metadata__', or metadata other than strings.
    """
    if _METADATA in tensors:
        raise ValueError(f"no tensor can be called {_METADATA!r}, which is the header's own")
    metadata = dict(metadata or {})
    if not all(isinstance(text, str) for item in metadata.items() for text in item):
        raise ValueError(f"metadata must map strings to strings, got {metadata!r}")
    arrays = {name: np.asarray(value) for name, value in tensors.items()}
    for name, array in arrays.items():
        if array.dtype.newbyteorder("=") not in _NAMES:
            raise ValueError(f"tensor {name!r} has dtype {array.dtype}; safetensors has {[str(d) for d in _NAMES]}")
    header: dict[str, Any] = {_METADATA: metadata} if metadata else {}
    at, blobs = 0, []
    # Widest first, as the reference does, so that every tensor is aligned to its own width.
    for name in sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name)):
        array = arrays[name]
        native = array.dtype.newbyteorder("=")
        blobs.append(np.ascontiguousarray(array, native).tobytes())
        header[name] = {
            "dtype": _NAMES[native],
            "shape": list(array.shape),
            "data_offsets": [at, at + len(blobs[-1])],
        }
        at += len(blobs[-1])
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.writelines(blobs)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
