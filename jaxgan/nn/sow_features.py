"""Discriminator features: a network shows its inner representations to losses and heads, in the order of its calls."""

import itertools
from typing import Any

import jax
from flax import linen as nn
from jax import Array

FEATURES = "features"


def sow_features(module: nn.Module, features: Array) -> None:
    """Shows ``features`` to those who apply the network with the collection :data:`FEATURES` mutable; costs nothing
    otherwise.

    A network may show several layers, one a call; :func:`sown` gives them in the order of the calls, of inner networks
    too. The last one is the representation that heads (ACGAN, InfoGAN) and feature matching (arXiv:1606.03498, section
    3.1) read; losses on several layers (pix2pixHD, arXiv:1711.11585, eq. 4) read all.

    Args:
      module: the network or a part of it, inside its call, but not inside a lifted transformation (``nn.remat``,
        ``nn.scan``), where the order of calls is not known.
      features: [B, ...] float.
    """
    if module.scope is None or not module.is_mutable_collection(FEATURES):
        return
    # Collections come back as dicts sorted by name, so the name holds the order. The root scope is new at each apply.
    calls = module.scope.root.__dict__.setdefault("sow_features_calls", itertools.count())
    module.sow(FEATURES, f"call_{next(calls):04d}", features, reduce_fn=lambda _, new: new, init_fn=lambda: None)


def sown(collection: Any) -> tuple[Array, ...]:
    """The features that a network showed, in the order of its calls of :func:`sow_features`; ``sown(...)[-1]`` is what
    heads and feature matching read.

    Args:
      collection: what ``apply(..., mutable=[FEATURES])`` returns under :data:`FEATURES`; empty where nothing was shown.

    Returns:
      The arrays, () for an empty collection.

    Raises:
      ValueError: where two were shown under one number, which happens inside lifted transformations.
    """
    found = [(path[-1].key, leaf) for path, leaf in jax.tree_util.tree_flatten_with_path(collection)[0]]
    names = [name for name, _ in found]
    if len(set(names)) != len(names):
        raise ValueError(
            f"features were shown in an unknown order ({', '.join(sorted(names))}): call sow_features outside of "
            "nn.remat, nn.scan and other lifted transformations"
        )
    return tuple(leaf for _, leaf in sorted(found, key=lambda pair: pair[0]))
