"""Consistency regularization of D under augmentation and small changes of the latent: CR, bCR, zCR."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.methods.regularizer import (
    Conditioned,
    Context,
    DiscriminatorOutput,
    Regularizer,
    TermOutput,
    is_zero,
    mean_over_scales,
)
from jaxgan.methods.terms.diffaugment import diff_augment_pair
from jaxgan.methods.terms.spatial import move_spatial
from jaxgan.objectives import consistency_penalty, latent_diversity_penalty
from jaxgan.parallel import shard_batch
from jaxgan.training.state import Metrics


def transformed(images: Array, condition: Any, rng: Array, transforms: str) -> Conditioned:
    """``images`` [B, H, W, C] and their condition under each of 'flip,translation,color,cutout' in ``transforms``;
    points [B, D] are moved by N(0, 0.01^2), for there is nothing to flip.
    """
    if images.ndim != 4:
        return images + 0.01 * shard_batch(jax.random.normal(rng, images.shape, images.dtype)), condition
    names = [name for name in transforms.split(",") if name]
    if "flip" in names:
        rng, flip_rng = jax.random.split(rng)
        mirrored = jax.random.bernoulli(flip_rng, 0.5, (images.shape[0], 1, 1, 1))

        def flip(x: Array) -> Array:
            return jnp.where(mirrored, x[:, :, ::-1], x)

        images, condition = flip(images), move_spatial(condition, images, flip)
        names.remove("flip")
    return diff_augment_pair((images, condition), rng, ",".join(names))


def consistency(
    *,
    cr: float = 0.0,
    bcr_real: float = 0.0,
    bcr_fake: float = 0.0,
    zcr_d: float = 0.0,
    zcr_g: float = 0.0,
    zcr_sigma: float = 0.05,
    transforms: str = "flip,translation",
) -> Regularizer | None:
    """D must give one answer on an image and on its augmentation, and on images whose latents are close; None where all
    weights are 0.

    Args:
      cr: lambda of CR-GAN, on real images (Zhang et al. 2020, arXiv:1910.12027: 10).
      bcr_real, bcr_fake: of bCR, which takes generated ones too (Zhao et al. 2020, arXiv:2002.04724: 10 and 10).
      zcr_d: lambda_dis of zCR: D must not see a small change of z (same paper: 5 for DCGAN-like networks, 20 for
        BigGAN).
      zcr_g: lambda_gen of zCR: G must show it (0.5).
      zcr_sigma: deviation of the change (0.03 to 0.07 in the paper).
      transforms: what augments, of 'flip', 'translation', 'color', 'cutout'. (The papers: flips and shifts by a few
        pixels.)
    """
    if all(is_zero(weight) for weight in (cr, bcr_real, bcr_fake, zcr_d, zcr_g)):
        return None

    def near(context: Context) -> Array:
        return context.z + zcr_sigma * shard_batch(jax.random.normal(context.rng, context.z.shape, context.z.dtype))

    def penalty(a: DiscriminatorOutput, b: DiscriminatorOutput) -> Array:
        return mean_over_scales(consistency_penalty, a.logits, b.logits)

    def d_term(context: Context) -> TermOutput:
        critic, fakes, condition = context.critic, context.fakes, context.fake_condition
        loss: Array = jnp.zeros(())
        metrics: Metrics = {}
        real_weight = cr + bcr_real
        if not is_zero(real_weight):
            images, given = context.images, context.real_condition
            other = transformed(images, given, jax.random.fold_in(context.rng, 1), transforms)
            metrics["consistency_real"] = penalty(critic(images, given), critic(*other))
            loss += real_weight * metrics["consistency_real"]
        if not is_zero(bcr_fake):
            other = transformed(fakes, condition, jax.random.fold_in(context.rng, 2), transforms)
            metrics["consistency_fake"] = penalty(critic(fakes, condition), critic(*other))
            loss += bcr_fake * metrics["consistency_fake"]
        if not is_zero(zcr_d):
            moved = jax.lax.stop_gradient(context.generate(near(context), condition))
            metrics["consistency_latent"] = penalty(critic(fakes, condition), critic(moved, condition))
            loss += zcr_d * metrics["consistency_latent"]
        return TermOutput(loss, metrics)

    def g_term(context: Context) -> TermOutput:
        other = context.generate(near(context), context.fake_condition)
        diversity = latent_diversity_penalty(context.fakes, other)
        return TermOutput(zcr_g * diversity, {"latent_diversity": diversity})

    latent = not (is_zero(zcr_d) and is_zero(zcr_g))
    return Regularizer("consistency", d_term=d_term, g_term=None if is_zero(zcr_g) else g_term, per_example=not latent)
