"""Orthogonal regularisation (Brock et al. 2018, arXiv:1809.11096, section 3.1, eq. 3)."""

import re
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def orthogonal_penalty(params: Any, *, exclude: str | None = None, paper: bool = False) -> Array:
    """Sum over weights of |W^T W off the diagonal|^2, which asks filters to be orthogonal and leaves their norms free.

    W is the weight as a matrix [everything else, outputs], for every parameter of two or more dimensions.

    BigGAN-PyTorch adds 2 beta (W W^T off the diagonal) W to the gradient, half of what equation 3 gives; this returns
    the penalty whose gradient that is, 1/2 |...|^2. ``paper=True`` gives equation 3 itself. The public checkpoints were
    trained without any.

    Args:
      params: a tree of parameters: kernels [..., outputs], embeddings [rows, features].
      exclude: regex; parameters whose '/'-joined path it fully matches are left out (BigGAN: G's shared embedding).
      paper: equation 3 rather than BigGAN-PyTorch's half.

    Returns:
      [] float32; multiply by beta (the paper: 1e-4).
    """
    total = jnp.zeros((), jnp.float32)
    for path, weight in jax.tree_util.tree_leaves_with_path(params):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if weight.ndim < 2 or (exclude is not None and re.fullmatch(exclude, name)):
            continue
        # An embedding's rows are its outputs; a kernel's outputs come last. No weight is reshaped: one that is split
        # over a mesh is multiplied where it lies.
        others = (1,) if name.endswith("embedding") else tuple(range(weight.ndim - 1))
        gram = jnp.tensordot(weight, weight, axes=(others, others), precision=jax.lax.Precision.HIGHEST)
        gram = gram.astype(jnp.float32)
        off_diagonal = gram * (1.0 - jnp.eye(gram.shape[0], dtype=gram.dtype))
        total += jnp.square(off_diagonal).sum()
    return total if paper else 0.5 * total
