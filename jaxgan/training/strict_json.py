"""Records as strict JSON, which has no word for what is no finite number."""

import json
import math
from typing import Any


def strict_json(record: Any, *, indent: int | None = None) -> str:
    """``record`` as JSON that every reader takes: numbers that are infinite or NaN become the texts "inf", "-inf" and
    "nan", which Python's ``float`` reads back.

    A PSNR of equal images is infinite, for one.
    """
    return json.dumps(_finite(record), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value
