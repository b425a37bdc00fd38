"""Gradient penalties of a discriminator: WGAN-GP, DRAGAN, R1, R2, zero-centred.

A critic maps images [B, H, W, C] (or points [B, F]) to logits [B] or [B, S], each row depending on its own image alone;
S logits of an image are summed. The weight of a penalty is the caller's.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.parallel import shard_batch


def _squared_slopes(critic: Callable[[Array], Array], images: Array) -> Array:
    """[B] float32: |grad_x D(x)|^2 of each image."""
    gradient = jax.grad(lambda x: critic(x).astype(jnp.float32).sum())(images).astype(jnp.float32)
    return jnp.square(gradient).reshape(images.shape[0], -1).sum(1)


def _slopes(critic: Callable[[Array], Array], images: Array) -> Array:
    """[B] float32: |grad_x D(x)| of each image, whose own gradient is 0 rather than NaN where it is 0."""
    squared = _squared_slopes(critic, images)
    flat = squared == 0.0
    return jnp.where(flat, 0.0, jnp.sqrt(jnp.where(flat, 1.0, squared)))


def _coefficients(rng: Array, images: Array) -> Array:
    """Uniform on [0, 1), one for each row of ``images``, as [B, 1, ..., 1] of their type."""
    shape = (images.shape[0],) + (1,) * (images.ndim - 1)
    return shard_batch(jax.random.uniform(rng, shape)).astype(images.dtype)


def _between(rng: Array, reals: Array, fakes: Array) -> Array:
    """A point drawn uniformly from the segment between each row of ``reals`` and that of ``fakes``."""
    if reals.shape != fakes.shape:
        raise ValueError(f"real and fake images must have one shape, got real {reals.shape} and fake {fakes.shape}")
    coefficient = _coefficients(rng, reals)
    return coefficient * reals + (1.0 - coefficient) * fakes.astype(reals.dtype)


def r1_penalty(critic: Callable[[Array], Array], images: Array) -> Array:
    """1/2 E |grad_x D(x)|^2 on real images (Mescheder et al. 2018, arXiv:1801.04406, eq. 9, with gamma left to the
    caller).

    Args:
      critic: images [B, H, W, C] -> logits [B] or [B, S], each row depending on its own image alone.
      images: [B, H, W, C] float.

    Returns:
      [] float32.
    """
    return 0.5 * _squared_slopes(critic, images).mean()


def r2_penalty(critic: Callable[[Array], Array], fakes: Array) -> Array:
    """1/2 E |grad_x D(x)|^2 on generated images (arXiv:1801.04406, eq. 10; with R1, R3GAN's pair, arXiv:2501.05441).

    Args:
      critic: images [B, H, W, C] -> logits [B] or [B, S], each row depending on its own image alone.
      fakes: [B, H, W, C] float.

    Returns:
      [] float32.
    """
    return 0.5 * _squared_slopes(critic, fakes).mean()


def gradient_penalty(
    critic: Callable[[Array], Array],
    reals: Array,
    fakes: Array,
    rng: Array,
    *,
    target: float = 1.0,
    one_sided: bool = False,
) -> Array:
    """E (|grad_x D(x)| - target)^2 between real and generated images (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3,
    with lambda left to the caller; the paper: 10).

    Args:
      critic: images [B, H, W, C] -> logits [B] or [B, S], each row depending on its own image alone.
      reals: [B, H, W, C] float.
      fakes: of the same shape; row k is joined with row k of ``reals``.
      rng: key of where on each segment, one coefficient for each row.
      target: the slope that costs nothing.
      one_sided: only slopes above ``target`` cost (section 4, "two-sided penalty", which the paper prefers).

    Returns:
      [] float32.

    Raises:
      ValueError: naming both shapes, where they differ.
    """
    excess = _slopes(critic, _between(rng, reals, fakes)) - target
    return jnp.square(jax.nn.relu(excess) if one_sided else excess).mean()


def dragan_penalty(critic: Callable[[Array], Array], reals: Array, rng: Array, *, target: float = 1.0) -> Array:
    """E (|grad_x D(x)| - target)^2 near real images (Kodali et al. 2017, arXiv:1705.07215, with lambda left to the
    caller; the authors: 10).

    References disagree on what near means:
      - The paper's penalty has x + delta, delta ~ N(0, c I).
      - The authors' code (kodalinaveen3/DRAGAN), which is followed: x + alpha (x' - x), x' = x + 0.5 std(x) U[0, 1) for
        each value, std over the whole batch, and alpha ~ U[0, 1) for each image. That moves images only up.

    Args:
      critic: images [B, H, W, C] -> logits [B] or [B, S], each row depending on its own image alone.
      reals: [B, H, W, C] float.
      rng: key of the perturbation.
      target: the slope that costs nothing (the authors: 1).

    Returns:
      [] float32.
    """
    noise_rng, coefficient_rng = jax.random.split(rng)
    noise = shard_batch(jax.random.uniform(noise_rng, reals.shape)).astype(reals.dtype)
    moved = 0.5 * reals.std() * noise * _coefficients(coefficient_rng, reals)
    return jnp.square(_slopes(critic, reals + moved) - target).mean()


def zero_centred_penalty(critic: Callable[[Array], Array], reals: Array, fakes: Array, rng: Array) -> Array:
    """E |grad_x D(x)|^2 between real and generated images (Thanh-Tung et al. 2019, arXiv:1902.03984, GAN-0-GP, with
    lambda left to the caller). Unlike R1 and R2 it has no factor 1/2.

    Args:
      critic: images [B, H, W, C] -> logits [B] or [B, S], each row depending on its own image alone.
      reals: [B, H, W, C] float.
      fakes: of the same shape; row k is joined with row k of ``reals``.
      rng: key of where on each segment, one coefficient for each row.

    Returns:
      [] float32.

    Raises:
      ValueError: naming both shapes, where they differ.
    """
    return _squared_slopes(critic, _between(rng, reals, fakes)).mean()
