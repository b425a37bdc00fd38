"""XLA flags, set through the environment before the backend starts."""

import importlib.metadata
import os

_YNN_FUSION = "--xla_cpu_experimental_ynn_fusion_type"


def fast_cpu_convolutions() -> str | None:
    """Turns off an XLA:CPU fusion that makes convolutions slow in jaxlib 0.10; must run before the backend starts.

    The flag is unknown to other versions, which abort on unknown flags. Setting any value of it in XLA_FLAGS oneself
    takes precedence.

    Returns:
      What was set, and how to choose otherwise; None where nothing was.
    """
    present = os.environ.get("XLA_FLAGS", "")
    if not importlib.metadata.version("jaxlib").startswith("0.10.") or _YNN_FUSION in present:
        return None
    os.environ["XLA_FLAGS"] = f"{present} {_YNN_FUSION}=".strip()
    return f"{_YNN_FUSION}= (faster convolutions on CPU; set the flag in XLA_FLAGS to choose otherwise)"
