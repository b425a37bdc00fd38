"""Path length regularisation: a step in W moves the image by a length that is the same everywhere (StyleGAN2: Karras et
al. 2020, arXiv:1912.04958, section 3.2).
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.methods.forward import streams
from jaxgan.methods.regularizer import Context, Regularizer, TermOutput, is_zero
from jaxgan.parallel import shard_batch, split_interleaved
from jaxgan.training.update import apply


def path_lengths(images_of: Any, ws: Array, noise: Array) -> Array:
    """|J^T y| of each row (eq. 4): [B].

    Args:
      images_of: ws [B, L, W] -> images [B, H, W, C].
      ws: a style for each layer.
      noise: [B, H, W, C] of N(0, 1), which is divided by sqrt(H W).
    """
    height, width = noise.shape[1:3]
    slopes = jax.grad(lambda ws: (images_of(ws) * noise).sum() / (height * width) ** 0.5)(ws)
    return jnp.sqrt(jnp.square(slopes).sum(-1).mean(-1))


def path_length(*, weight: float = 0.0, decay: float = 0.01, every: int = 4, parts: int = 2) -> Regularizer | None:
    """The squared distance of path lengths from their running mean; None where the weight is 0.

    As the code, the mean moves before the distance is taken, and gradients go through the batch's share of it.

    Args:
      weight: of the term (2).
      decay: share of the new lengths in the running mean.
      every: on every n-th step only, n times as strong (4).
      parts: the term sees the batch's first part of so many (2).

    Raises:
      ValueError: where ``every`` or ``parts`` is not positive.
    """
    if every < 1 or parts < 1:
        raise ValueError(f"path length every={every} steps, parts={parts}: give numbers, at least 1")
    if is_zero(weight):
        return None

    def term(context: Context) -> TermOutput:
        generator, g = context.generator, context.nets["g"]
        assert generator is not None
        z, condition = jax.tree.map(lambda x: split_interleaved(x, parts)[0], (context.z, context.fake_condition))
        drawn, mixed = jax.random.split(context.rng)
        ws, _ = apply(generator, g, z, condition, train=True, method="training_styles", rngs=streams(mixed))

        def images_of(ws: Array) -> Array:
            found, _ = apply(generator, g, ws, train=True, method="synthesize", rngs=streams(drawn))
            images: Array = found
            return images

        shape = (z.shape[0], *context.fakes.shape[1:])
        noise = shard_batch(jax.random.normal(jax.random.fold_in(drawn, 1), shape))
        lengths = path_lengths(images_of, ws, noise)
        mean = context.extra["path_length"]
        mean = mean + decay * (lengths.mean() - mean)
        penalty = jnp.square(lengths - mean).mean()
        metrics = {"path_length_penalty": penalty, "path_length": lengths.mean()}
        return TermOutput(weight * penalty, metrics, extra=jax.lax.stop_gradient(mean))

    return Regularizer(
        "path_length",
        g_term=term,
        every=every,
        per_example=False,
        init=lambda nets, fakes: jnp.zeros((), jnp.float32),
    )
