"""Latent space scores of a method: perceptual path length and linear separability, of latents z ~ N(0, I) and of the
styles w that they are mapped to.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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
from jaxgan.latent.path_length import face_crop
from jaxgan.nn import average_pool
from jaxgan.training.errors import UserError
from jaxgan.training.method import Batch, Method, Score
from jaxgan.training.state import Variables

PATHS = {
    "ppl_z": "perceptual path length between latents z, by LPIPS or the offline distance",
    "ppl_z_end": "the same at the paths' ends",
    "ppl_w": "perceptual path length between styles w, of generators that have them",
    "ppl_w_end": "the same at the paths' ends",
}
LATENT_METRICS = {
    **PATHS,
    "separability": "linear separability of z, and of w where there are styles, by the data's classes, for methods "
    "that are not told the class",
}
CROPS: Mapping[str, Callable[[Array], Array] | None] = {"none": None, "face": face_crop}
# The side that NVIDIA's code brings larger images down to before it compares them.
LARGEST = 256
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
    if name.startswith("ppl_w") and method.style_shape is None:
        raise UserError(
            f"{name} goes through styles, between latents and images, and this method has none: choose ppl_z"
        )
    if name == "separability" and method.num_classes:
        raise UserError(
            "separability asks how latents tell the data's classes, and this method is told the class: it is for "
            "methods without classes on data with labels"
        )
    return shapes[0].shape[0]


class _Space(NamedTuple):
    """A method's maps as functions of arrays, of as many rows as a batch has; row b has its own label and key, the same
    in every batch.

    Attributes:
      mapping: z [B, D] -> w [B, L, W].
      of_z: z -> images in [-1, 1].
      of_w: w -> images.
    """

    mapping: Callable[[Array], Array]
    of_z: Callable[[Array], Array]
    of_w: Callable[[Array], Array]


def _space(
    method: Method,
    nets: dict[str, Variables],
    rng: Array,
    batch_size: int,
    options: Mapping[str, Any] | None,
    step: int | None,
) -> _Space:
    labels = {"label": jnp.asarray(balanced_labels(batch_size, method.num_classes))} if method.num_classes else {}
    every = checked_options(method, options or {})

    def batch(**own: Array) -> Batch:
        return sampling_batch(method, rng, jnp.arange(batch_size), labels, every, step) | own

    return _Space(
        lambda z: method.map_latents(nets, batch(z=z), rng),
        lambda z: method.sample(nets, batch(z=z), rng)["image"],
        lambda w: method.sample(nets, batch(w=w), rng)["image"],
    )


def _compared(distance: Distance, crop: str) -> Callable[[Array, Array], Array]:
    """``distance`` of what is compared of two batches: a crop, of at most ``LARGEST`` pixels, in colours."""
    cut = CROPS[crop]

    def prepared(images: Array) -> Array:
        images = images if cut is None else cut(images)
        while images.shape[1] >= 2 * LARGEST:
            images = average_pool(images)
        return to_rgb(images)

    return lambda a, b: distance(prepared(a), prepared(b))


def path_length(
    name: str,
    method: Method,
    nets: dict[str, Variables],
    distance: Distance,
    *,
    rng: Array,
    mesh: Mesh,
    num_samples: int,
    batch_size: int,
    stamp: Mapping[str, Any],
    crop: str = "none",
    options: Mapping[str, Any] | None = None,
    step: int | None = None,
) -> dict[str, Score]:
    """Perceptual path length: ``name`` by LPIPS's VGG, as published, '<name>_<distance>' by another distance.

    Args:
      name: of ``PATHS``.
      method, nets: as for sampling; a path stays in one class.
      distance: between images; grey ones are compared with their channel repeated, sides above 256 brought down.
      rng: decides the paths.
      mesh: the devices.
      num_samples: paths; StyleGAN takes 100,000, StyleGAN2 50,000.
      batch_size: paths at once, rounded up to a multiple of the devices.
      stamp: the protocol.
      crop: what of the images is compared, of ``CROPS``.
      options: sampling options; latents are not truncated.
      step: that the networks were trained to, where they take keywords of it.

    Raises:
      UserError: where the method has no single latent vector, or no styles, or its images are too small for the
        distance.
    """
    size = check_latents(name, method)
    space, end = name.split("_")[1], name.endswith("_end")
    batch_size = -(-min(batch_size, num_samples) // mesh.size) * mesh.size
    path_rng, row_rng = jax.random.split(rng)
    maps = _space(method, nets, row_rng, batch_size, options, step)
    sampling = "end" if end else "full"
    with jax.set_mesh(mesh):
        try:
            value, stderr = perceptual_path_length(
                maps.of_w if space == "w" else maps.of_z,
                _compared(distance, crop),
                rng=path_rng,
                latent_dim=size,
                num_samples=num_samples,
                batch_size=batch_size,
                space=space,
                sampling=sampling,
                epsilon=EPSILON,
                mapping=maps.mapping if space == "w" else None,
            )
        except ValueError as error:
            raise UserError(f"{name}: {error}") from error
    settings = {"space": space, "sampling": sampling, "epsilon": EPSILON, "crop": crop, "batch_size": batch_size}
    full = {**stamp, "distance": distance.name, "distance_sha256": distance.digest, "settings": settings}
    found = name if distance.name == "lpips_vgg" else f"{name}_{distance.name}"
    return {found: Score(value, stderr, full)}


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
    """Linear separability, an attribute a class: whether a classifier gives an image that class. 'separability' is of
    z, and 'separability_w' of the first layer's w, where there are styles, of the same images.

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

    maps = _space(method, nets, row_rng, batch_size, options, step)
    styles = method.style_shape is not None
    with jax.set_mesh(mesh):
        z, w, logits = classified_samples(
            maps.of_w if styles else maps.of_z,
            log_odds,
            rng=latent_rng,
            latent_dim=size,
            num_samples=num_samples,
            batch_size=batch_size,
            mapping=maps.mapping if styles else None,
        )
    spaces = {"z": z} | ({"w": w[:, 0]} if styles else {})
    found: dict[str, Score] = {}
    for space, latents in spaces.items():
        value, each = linear_separability(np.asarray(latents), np.asarray(logits), keep=KEEP)
        own = {**settings, "space": space, "keep": KEEP, "attributes": len(each)}
        name = "separability" if space == "z" else f"separability_{space}"
        found[name] = Score(value, None, {**stamp, "settings": own})
    return found
