"""Perceptual path length: how fast images change along the way from one latent to another."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.latent.interpolation import lerp, slerp

SPACES = ("z", "w")
SAMPLINGS = ("full", "end")


def face_crop(images: Array) -> Array:
    """The part of an aligned face that StyleGAN's code compares: [B, H, W, C] -> [B, H/2, W/2, C].

    Rows from 3/8 to 7/8 and columns from 2/8 to 6/8 of H, as metrics/perceptual_path_length.py; H = W, divisible by 8.
    """
    eighth = images.shape[1] // 8
    return images[:, 3 * eighth : 7 * eighth, 2 * eighth : 6 * eighth]


def trimmed_mean(values: np.ndarray) -> tuple[float, float]:
    """The mean without the lowest and the highest hundredth, and its standard error.

    The bounds are of the values themselves, as in all of NVIDIA's releases: of N values in order, counted from 0, the
    one at floor(0.01 (N - 1)) and the one at ceil(0.99 (N - 1)); what equals a bound is kept. Of 100,000 values 999 go
    at each end, of 100 or fewer none.

    The standard error is Tukey and McLaughlin's (1963): of the values with what was dropped set to the bounds, over the
    share kept. Those kept alone would understate it.

    Args:
      values: [N] float, N at least 2.

    Returns:
      ``(mean, standard error)``.
    """
    low = np.percentile(values, 1, method="lower")
    high = np.percentile(values, 99, method="higher")
    kept = values[(values >= low) & (values <= high)]
    share = kept.size / values.size
    error = np.clip(values, low, high).std(ddof=1) / (share * np.sqrt(values.size))
    return float(kept.mean()), float(error)


def perceptual_path_length(
    synthesize: Callable[[Array], Array],
    distance: Callable[[Array, Array], Array],
    *,
    rng: Array,
    latent_dim: int,
    num_samples: int,
    batch_size: int,
    space: str = "w",
    sampling: str = "full",
    epsilon: float = 1e-4,
    mapping: Callable[[Array], Array] | None = None,
    crop: Callable[[Array], Array] | None = None,
) -> tuple[float, float]:
    """The mean of d(G(path(t)), G(path(t + epsilon))) / epsilon^2 over random paths and t.

    StyleGAN (Karras et al. 2019, arXiv:1812.04948, section 4.1), with outliers dropped as in its code and those of
    StyleGAN2 and 3 (:func:`trimmed_mean`). StyleGAN takes 100,000 samples, StyleGAN2 50,000. Published figures differ
    in more than the generator: StyleGAN crops faces and prints full and end of both spaces; images above 256 pixels are
    averaged down to 256 before the distance, which ``crop`` can do too.

    Both images of a pair must see the same noise: let ``synthesize`` be deterministic. It is called with a batch of
    starts, then a batch of ends, always of ``batch_size``; so a conditional one may close over that many labels.
    Differences are of the order of epsilon: compute in float32. Products are taken at full precision here, for an
    accelerator's default would be coarser than the step.

    Args:
      synthesize: latents of ``space`` 'w' (without a mapping, of z) -> images.
      distance: (images, images) -> [B], quadratic in small differences, as LPIPS is.
      rng: decides everything.
      latent_dim: of z ~ N(0, I).
      num_samples: paths, at least 2.
      batch_size: paths at once.
      space: 'z', where the path is the great circle (lengths go linearly from one end's to the other's; the releases'
        paths have length 1, which is the same where the network normalises its latents), mapped after; or 'w', where
        the ends are mapped and the path is straight.
      sampling: t is uniform on [0, 1) for 'full'; for 'end' it is 0, which by symmetry stands for both ends.
      epsilon: the step.
      mapping: z [B, latent_dim] -> w [B, ...]; required for space 'w'.
      crop: of both batches of images before the distance, such as :func:`face_crop`.

    Returns:
      ``(mean, standard error)``.

    Raises:
      ValueError: on an unknown space or sampling, on 'w' without a mapping, with fewer than two samples, or where the
        distance is not [B].
    """
    if space not in SPACES or sampling not in SAMPLINGS:
        raise ValueError(f"choose space from {SPACES} and sampling from {SAMPLINGS}, got {space!r} and {sampling!r}")
    if space == "w" and mapping is None:
        raise ValueError("space 'w' needs a mapping from z to w; pass it, or choose space 'z'")
    if num_samples < 2 or batch_size < 1:
        raise ValueError(f"needs at least 2 samples and batches of 1, got {num_samples} and {batch_size}")

    def to_w(z: Array) -> Array:
        return z if mapping is None else mapping(z)

    def rates(key: Array) -> Array:
        start_key, end_key, t_key = jax.random.split(key, 3)
        start, end = (jax.random.normal(k, (batch_size, latent_dim), jnp.float32) for k in (start_key, end_key))
        t = jax.random.uniform(t_key, (batch_size,)) if sampling == "full" else jnp.zeros(batch_size)
        if space == "w":
            start, end = to_w(start), to_w(end)
            t = t.reshape(-1, *[1] * (start.ndim - 1))
            ends = [lerp(start, end, t), lerp(start, end, t + epsilon)]
        else:
            t = t[:, None]
            ends = [to_w(slerp(start, end, t)), to_w(slerp(start, end, t + epsilon))]
        images = [synthesize(w) for w in ends]
        if crop is not None:
            images = [crop(image) for image in images]
        apart = distance(images[0], images[1])
        if apart.shape != (batch_size,):
            raise ValueError(f"distance must give one number for each pair, [{batch_size}], got {apart.shape}")
        return apart / epsilon**2

    batches = -(-num_samples // batch_size)
    with jax.default_matmul_precision("highest"):
        compiled = jax.jit(rates)
        found = [np.asarray(compiled(key), np.float64) for key in jax.random.split(rng, batches)]
    return trimmed_mean(np.concatenate(found)[:num_samples])
