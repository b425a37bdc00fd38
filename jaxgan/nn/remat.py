"""Rematerialisation by name: what the backward pass keeps of a block, and what it computes again."""

from collections.abc import Callable
from typing import Any

from flax import linen as nn


def _keep_products(primitive: Any, *_: Any, **__: Any) -> bool:
    return primitive.name in ("conv_general_dilated", "dot_general")


# name -> jax.checkpoint's policy; None keeps nothing but a block's inputs.
_POLICIES: dict[str, Callable[..., bool] | None] = {"blocks": None, "convs": _keep_products}

REMAT = ("none", *_POLICIES)


def rematerialized(module: nn.Module, *args: Any, remat: str, **kwargs: Any) -> Any:
    """``module(*args, **kwargs)``, of which the backward pass keeps what ``remat`` says. Values and gradients are the
    same; parameters keep their names.

    Args:
      module: bound, such as a residual block or self-attention.
      *args: arrays.
      remat: 'none' keeps every intermediate value; 'convs' the outputs of convolutions and products, and computes
        normalisation, activation and resampling again, at next to no FLOPs; 'blocks' only the module's inputs, for one
        more forward pass.
      **kwargs: what is no array, such as ``train``.

    Raises:
      ValueError: on another name.
    """
    if remat not in REMAT:
        raise ValueError(f"remat={remat!r}; choose from {list(REMAT)}")
    if remat == "none":
        return module(*args, **kwargs)
    return nn.remat(lambda block, *arrays: block(*arrays, **kwargs), policy=_POLICIES[remat])(module, *args)
