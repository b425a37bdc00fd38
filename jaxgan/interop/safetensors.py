"""Reads weights from safetensors files into numpy arrays, bfloat16 and float8 included."""

from os import PathLike

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, deserialize

from jaxgan.interop.regular_file import read_regular

# A tensor takes about a hundred.
MAX_HEADER_BYTES = 2**24

# The package's own numpy reader has no types of ml_dtypes.
_DTYPES = {
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
}


def read_safetensors(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Reads the tensors of a safetensors file.

    Args:
      path: file, trusted or not.

    Returns:
      name -> array; BF16 and the F8 types as of ``ml_dtypes``.

    Raises:
      ValueError: names the file, where it is no safetensors file, truncated or damaged, or has a dtype not known here.
      OSError: where it can't be opened, or the disk fails.
    """
    data = read_regular(path)
    # The parser would take some ten times a header's size for it.
    if (header := int.from_bytes(data[:8], "little")) > MAX_HEADER_BYTES:
        raise ValueError(
            f"{path} is no safetensors file, or is truncated or damaged: its header claims {header} bytes, more than "
            f"{MAX_HEADER_BYTES}"
        )
    try:
        tensors = deserialize(data)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file, or is truncated or damaged: {error}") from error
    arrays = {}
    for name, tensor in tensors:
        if tensor["dtype"] not in _DTYPES:
            raise ValueError(f"{path}: tensor {name!r} has dtype {tensor['dtype']!r}; known are {', '.join(_DTYPES)}")
        try:
            arrays[name] = np.frombuffer(tensor["data"], _DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{path}: tensor {name[:200]!r} has a shape that no array has: {error}") from error
    return arrays
