"""Latent space scores of a method: perceptual path length and linear separability, of latents z ~ N(0, I)."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxgan.evaluation.image_scores import Distance, to_rgb
from jaxgan.evaluation.inputs import balanced_labels
from jaxgan.evaluation.options import checked_options
from jaxgan.evaluation.sampling import sampling_batch
from jaxgan.latent import classified_samples, linear_separability, perceptual_path_length
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method, Score
from jaxgan.training.state import Variables

LATENT_METRICS = {
    "ppl": "perceptual path length between latents z, by LPIPS or the offline distance",
    "separability": "linear separability of z by the data's classes, for methods that are not told the class",
}
# StyleGAN's step along the path.
EPSILON = 1e-4
# The share of samples that its separability keeps.
KEEP = 0.5


def check_latents(name: str, method: Method) -> int:
    """The size of ``method``'s latents.

    Raises:
      UserError: where ``name``, a score of ``LATENT_METRICS``, has no meaning for it.
    """
    shapes = jax.tree.leaves(method.latent_shapes)
    if len(shapes) != 1 or len(shapes[0].shape) != 1:
        given = "no latents" if not shapes else f"latents {', '.join(str(list(x.shape)) for x in shapes)}"
        raise UserError(f"{name} goes through the space of one latent vector; this method draws {given}")
    if not set(method.conditions) <= {"label"}:
        raise UserError(f"{name} is of samples of latents alone; this method draws for {', '.join(method.conditions)}")
    if name == "separability" and method.num_classes:
        raise UserError(
            "separability asks how latents tell the data's classes, and this method is told the class: it is for "
            "methods without classes on data with labels"
        )
    return shapes[0].shape[0]


def _synthesizer(
    method: Method,
    nets: dict[str, Variables],
    rng: Array,
    batch_size: int,
    options: Mapping[str, Any] | None,
    step: int | None,
) -> Callable[[Array], Array]:
    """z [B, D] -> images in [-1, 1]; deterministic: row b has its own label and key, the same in every batch."""
    labels = {"label": jnp.asarray(balanced_labels(batch_size, method.num_classes))} if method.num_classes else {}

    every = checked_options(method, options or {})

    def synthesize(z: Array) -> Array:
        batch = sampling_batch(method, rng, jnp.arange(batch_size), labels, every, step) | {"z": z}
        return method.sample(nets, batch, rng)["image"]

    return synthesize


def path_length(
    method: Method,
    nets: dict[str, Variables],
    distance: Distance,
    *,
    rng: Array,
    mesh: Mesh,
    num_samples: int,
    batch_size: int,
    stamp: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    step: int | None = None,
) -> dict[str, Score]:
    """Perceptual path length in z: 'ppl' by LPIPS's VGG, as published, 'ppl_<distance>' by another distance.

    Args:
      method, nets: as for sampling; a path stays in one class.
      distance: between images; grey ones are compared with their channel repeated.
      rng: decides the paths.
      mesh: the devices.
      num_samples: paths; papers take 100,000.
      batch_size: paths at once, rounded up to a multiple of the devices.
      stamp: the protocol.
      options: sampling options; latents are not truncated.
      step: that the networks were trained to, where they take keywords of it.

    Raises:
      UserError: where the method has no single latent vector, or its images are too small for the distance.
    """
    size = check_latents("ppl", method)
    batch_size = -(-min(batch_size, num_samples) // mesh.size) * mesh.size
    path_rng, row_rng = jax.random.split(rng)
    with jax.set_mesh(mesh):
        try:
            value, stderr = perceptual_path_length(
                _synthesizer(method, nets, row_rng, batch_size, options, step),
                lambda a, b: distance(to_rgb(a), to_rgb(b)),
                rng=path_rng,
                latent_dim=size,
                num_samples=num_samples,
                batch_size=batch_size,
                space="z",
                epsilon=EPSILON,
            )
        except ValueError as error:
            raise UserError(f"ppl: {error}") from error
    settings = {"space": "z", "sampling": "full", "epsilon": EPSILON, "batch_size": batch_size}
    full = {**stamp, "distance": distance.name, "distance_sha256": distance.digest, "settings": settings}
    name = "ppl" if distance.name == "lpips_vgg" else f"ppl_{distance.name}"
    return {name: Score(value, stderr, full)}


def separability(
    method: Method,
    nets: dict[str, Variables],
    classify: Callable[[Array], Array],
    *,
    rng: Array,
    mesh: Mesh,
    num_samples: int,
    batch_size: int,
    stamp: Mapping[str, Any],
    settings: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    step: int | None = None,
) -> dict[str, Score]:
    """Linear separability of z, an attribute a class: whether a classifier gives an image that class.

    Args:
      method, nets: as for sampling.
      classify: images [B, H, W, C] in [-1, 1] -> logits [B, K] of the data's classes, traced.
      rng: decides the latents.
      mesh: the devices.
      num_samples: images; the paper takes 200,000.
      batch_size: images at once, rounded up to a multiple of the devices.
      stamp: the protocol.
      settings: of the classifier, for the stamp.
      options: sampling options; latents are not truncated.
      step: that the networks were trained to, where they take keywords of it.

    Raises:
      UserError: where the method has no single latent vector, or is told the class.
    """
    size = check_latents("separability", method)
    batch_size = -(-min(batch_size, num_samples) // mesh.size) * mesh.size
    latent_rng, row_rng = jax.random.split(rng)

    def log_odds(images: Array) -> Array:
        logits = jax.nn.log_softmax(classify(images))
        return logits - jnp.log1p(-jnp.exp(jnp.minimum(logits, -1e-6)))

    with jax.set_mesh(mesh):
        z, _, logits = classified_samples(
            _synthesizer(method, nets, row_rng, batch_size, options, step),
            log_odds,
            rng=latent_rng,
            latent_dim=size,
            num_samples=num_samples,
            batch_size=batch_size,
        )
    value, each = linear_separability(np.asarray(z), np.asarray(logits), keep=KEEP)
    own = {**settings, "space": "z", "keep": KEEP, "attributes": len(each)}
    return {"separability": Score(value, None, {**stamp, "settings": own})}
