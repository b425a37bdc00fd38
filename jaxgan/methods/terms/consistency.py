"""Consistency of D under augmentation and under changes of the latent, and LeCam regularisation, as additions to the
game.
"""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.augment import diff_augment
from jaxgan.methods.regularizer import Labels, Play, Regularizer, TermOutput, off
from jaxgan.objectives import consistency_penalty, latent_diversity_penalty, lecam_penalty, update_anchor
from jaxgan.parallel import shard_batch
from jaxgan.training.state import Metrics, TrainState, Variables


def _flipped(images: Array, rng: Array) -> Array:
    mirrored = jax.random.bernoulli(rng, 0.5, (images.shape[0], 1, 1, 1))
    return jnp.where(mirrored, images[:, :, ::-1], images)


def transformed(images: Array, rng: Array, transforms: str) -> Array:
    """``images`` [B, H, W, C] under each of 'flip,translation,color,cutout' that ``transforms`` names; points [B, D]
    are moved by N(0, 0.01^2), for there is nothing to flip.
    """
    if images.ndim != 4:
        return images + 0.01 * shard_batch(jax.random.normal(rng, images.shape, images.dtype))
    names = [name for name in transforms.split(",") if name]
    if "flip" in names:
        rng, flip_rng = jax.random.split(rng)
        images = _flipped(images, flip_rng)
        names.remove("flip")
    return diff_augment(images, rng, policy=",".join(names)) if names else images


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
    """D must say the same of an image and of its augmentation, and of images whose latents are close; None where all
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
    if all(off(weight) for weight in (cr, bcr_real, bcr_fake, zcr_d, zcr_g)):
        return None

    def moved_latents(play: Play) -> Array:
        return play.z + zcr_sigma * shard_batch(jax.random.normal(play.rng, play.z.shape, play.z.dtype))

    def d_term(play: Play) -> TermOutput:
        def said(images: Array, labels: Labels) -> Array:
            return play.critic(images, labels).logits

        loss: Array = jnp.zeros(())
        metrics: Metrics = {}
        real_weight = cr + bcr_real
        if not off(real_weight):
            other = transformed(play.images, jax.random.fold_in(play.rng, 1), transforms)
            metrics["consistency_real"] = consistency_penalty(said(play.images, play.labels), said(other, play.labels))
            loss += real_weight * metrics["consistency_real"]
        if not off(bcr_fake):
            other = transformed(play.fakes, jax.random.fold_in(play.rng, 2), transforms)
            labels = play.fake_labels
            metrics["consistency_fake"] = consistency_penalty(said(play.fakes, labels), said(other, labels))
            loss += bcr_fake * metrics["consistency_fake"]
        if not off(zcr_d):
            labels = play.fake_labels
            other = jax.lax.stop_gradient(play.generate(moved_latents(play), labels))
            metrics["consistency_latent"] = consistency_penalty(said(play.fakes, labels), said(other, labels))
            loss += zcr_d * metrics["consistency_latent"]
        return TermOutput(loss, metrics)

    def g_term(play: Play) -> TermOutput:
        other = play.generate(moved_latents(play), play.fake_labels)
        diversity = latent_diversity_penalty(play.fakes, other)
        return TermOutput(zcr_g * diversity, {"latent_diversity": diversity})

    latent = not (off(zcr_d) and off(zcr_g))
    return Regularizer("consistency", d_term=d_term, g_term=None if off(zcr_g) else g_term, by_rows=not latent)


def lecam(*, weight: float = 0.0, decay: float = 0.99, start_step: int = 1_000) -> Regularizer | None:
    """LeCam regularisation (Tseng et al. 2021, arXiv:2104.03310): logits of real images stay near the running mean of
    those of fakes, and the other way round; None where the weight is 0.

    The running means move once a step, by the mean over its D plays.

    Args:
      weight: lambda (the paper: 0.3 to 0.01).
      decay: of the running means.
      start_step: the step from which it acts; before, the means settle.
    """
    if off(weight):
        return None

    def init(nets: dict[str, Variables]) -> dict[str, Array]:
        del nets
        return {"real": jnp.zeros(()), "fake": jnp.zeros(())}

    def term(play: Play) -> TermOutput:
        anchors = play.extra["lecam"]
        if play.real is None or play.fake is None:
            raise ValueError("lecam needs D's logits of both real and fake images")
        penalty = lecam_penalty(play.real.logits, play.fake.logits, anchors["real"], anchors["fake"])
        acting = jnp.where(play.step >= start_step, weight, 0.0)
        return TermOutput(acting * penalty, {"lecam": penalty})

    def update(anchors: dict[str, Array], metrics: Metrics, state: TrainState) -> dict[str, Array]:
        del state
        return {side: update_anchor(anchors[side], metrics[f"d/{side}"], decay) for side in anchors}

    return Regularizer("lecam", d_term=term, init=init, update=update)
