"""Orthogonal regularisation (Brock et al. 2018, arXiv:1809.11096, section 3.1, eq. 3)."""

import re
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def _off_diagonal(weight: Array, output: int, others: tuple[int, ...]) -> Array:
    """[] float32: the squared entries off the diagonal of the Gram matrix of the outputs, summed."""
    outputs, inputs = weight.shape[output], weight.size // weight.shape[output]
    wide = outputs >= 2 * inputs
    # |W^T W|^2 = |W W^T|^2: the smaller of the two is built, and the squares on the diagonal, which outputs that many
    # more than the inputs cannot dominate, are taken off. BigGAN's seed has 24,576 outputs of 20 inputs.
    axes = ((output,), (output,)) if wide else (others, others)
    gram = jnp.tensordot(weight, weight, axes=axes, precision=jax.lax.Precision.HIGHEST).astype(jnp.float32)
    if wide:
        diagonal = jnp.square(weight.astype(jnp.float32)).sum(others)
        return jnp.square(gram).sum() - jnp.square(diagonal).sum()
    return jnp.square(gram * (1.0 - jnp.eye(outputs, dtype=gram.dtype))).sum()


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
        embedding = name.endswith("embedding")
        output, others = (0, (1,)) if embedding else (weight.ndim - 1, tuple(range(weight.ndim - 1)))
        total += _off_diagonal(weight, output, others)
    return total if paper else 0.5 * total
