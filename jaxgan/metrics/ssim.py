"""Structural similarity, at one scale and at several, and the diversity it measures within a set of images."""

import functools
import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.metrics.float_images import as_floats

WINDOW = 11
SIGMA = 1.5
K1 = 0.01
K2 = 0.03
# The exponents of Wang et al. 2003, finest scale first.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def _gaussian(size: int) -> np.ndarray:
    # ProGAN's code narrows a window and its Gaussian together; at 11 this is the paper's.
    offsets = np.arange(size) - (size - 1) / 2
    window = np.exp(-0.5 * (offsets / (SIGMA * size / WINDOW)) ** 2)
    return window / window.sum()


def _blur(x: Array, size: int) -> Array:
    # Sums of shifted images rather than a convolution: accelerators would round a convolution's factors to ten bits,
    # and the variances below are small differences of large numbers.
    window = [float(w) for w in _gaussian(size)]
    rows, columns = x.shape[1] - size + 1, x.shape[2] - size + 1
    tall = [w * x[:, i : i + rows] for i, w in enumerate(window)]
    x = functools.reduce(operator.add, tall)
    wide = [w * x[:, :, i : i + columns] for i, w in enumerate(window)]
    return functools.reduce(operator.add, wide)


def _similarity(x: Array, y: Array, data_range: float) -> tuple[Array, Array]:
    """Means over positions and channels: of SSIM [B], and of its factor of contrast and structure [B]."""
    size = min(WINDOW, *x.shape[1:3])
    # Together, for the window's sums are long to compile.
    moments = jnp.concatenate([x, y, x * x, y * y, x * y], axis=-1)
    mean_x, mean_y, xx, yy, xy = jnp.split(_blur(moments, size), 5, axis=-1)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    structure = (2 * (xy - mean_x * mean_y) + c2) / (xx - mean_x**2 + yy - mean_y**2 + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * structure).mean((1, 2, 3)), structure.mean((1, 2, 3))


def _checked(x: Array, y: Array, data_range: float) -> tuple[Array, Array]:
    if x.ndim != 4 or x.shape != y.shape:
        raise ValueError(f"images must be of one shape [B, H, W, C], got {x.shape} and {y.shape}")
    if data_range <= 0:
        raise ValueError(f"data_range must be above 0, got {data_range}; it is 255 for uint8, 1 for [0, 1]")
    x, y = as_floats(x, y)
    return x, y


def ssim(x: Array, y: Array, *, data_range: float) -> Array:
    """Structural similarity (Wang et al. 2004, "Image quality assessment", equation 13), 1 where two images are equal.

    As the paper's own code: a Gaussian window of 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, weighted variances without
    Bessel's correction, the mean over positions where the window fits. Channels are scored alone and averaged. Images
    are not made coarser first. Differentiable.

    Args:
      x, y: [B, H, W, C] uint8 or float; H and W at least 11. Not negative: shift images in [-1, 1] to [0, 1], for the
        measure's comparison of means supposes that 0 is black.
      data_range: the greatest possible difference of two pixels, a Python number: 255 for uint8, 1 for [0, 1].

    Returns:
      [B] in (-1, 1], float32, or float64 where x and y are float64.

    Raises:
      ValueError: where shapes differ, images are smaller than the window, or data_range is not positive.
    """
    x, y = _checked(x, y, data_range)
    if min(x.shape[1:3]) < WINDOW:
        raise ValueError(f"SSIM needs height and width of at least {WINDOW}, got {x.shape[1]}x{x.shape[2]}")
    return _similarity(x, y, data_range)[0]


def _halve(x: Array) -> Array:
    b, h, w, c = x.shape
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))


def _power(base: Array, exponent: float) -> Array:
    positive = base > 0
    # The derivative of a fractional power is infinite at 0, and infinity times nothing is NaN.
    return jnp.where(positive, jnp.where(positive, base, 1.0) ** exponent, 0.0)


def ms_ssim(
    x: Array,
    y: Array,
    *,
    data_range: float,
    weights: Sequence[float] = MS_SSIM_WEIGHTS,
    shrink_window: bool = False,
) -> Array:
    """Multi-scale structural similarity (Wang et al. 2003, "Multi-scale structural similarity", equation 7).

    The product over scales of contrast and structure, and of luminance at the coarsest, each to its weight. Between
    scales, means of 2x2; an odd last row or column is left out. Averages are over positions and channels before the
    powers, and what is negative counts as 0, as in ProGAN's code (Karras et al. 2018, arXiv:1710.10196,
    metrics/ms_ssim.py); other implementations take powers for each channel first. Differentiable; where a scale counts
    as 0 so does the gradient.

    Args:
      x, y: [B, H, W, C] uint8 or float, not negative; with five scales, H and W at least 176 (11 at the coarsest).
      data_range: as for :func:`ssim`.
      weights: the exponents, finest scale first; their number is that of the scales.
      shrink_window: at scales smaller than the window, narrow it and its Gaussian to the image, as ProGAN's code does:
        published scores of images of 128 pixels were made so, and only so does a score of them compare.

    Returns:
      [B] in [0, 1], float32, or float64 where x and y are float64.

    Raises:
      ValueError: where shapes differ, images are too small, or data_range is not positive.
    """
    x, y = _checked(x, y, data_range)
    least = (1 if shrink_window else WINDOW) * 2 ** (len(weights) - 1)
    if min(x.shape[1:3]) < least:
        raise ValueError(
            f"MS-SSIM with {len(weights)} scales needs height and width of at least {least}, got "
            f"{x.shape[1]}x{x.shape[2]}; pass fewer weights" + ("" if shrink_window else ", or shrink_window=True")
        )
    score = jnp.ones(len(x), x.dtype)
    for scale, weight in enumerate(weights):
        full, structure = _similarity(x, y, data_range)
        last = scale == len(weights) - 1
        score *= _power(full if last else structure, weight)
        if not last:
            x, y = _halve(x), _halve(y)
    return score


_ms_ssim_of_batch = jax.jit(ms_ssim, static_argnames=("data_range", "weights", "shrink_window"))


def mean_pairwise_ms_ssim(
    images: np.ndarray,
    *,
    rng: np.random.Generator,
    data_range: float,
    pairs: int = 100,
    weights: Sequence[float] = MS_SSIM_WEIGHTS,
    shrink_window: bool = False,
    batch_size: int = 50,
) -> float:
    """The mean MS-SSIM of random pairs: high where a generator draws one image again and again.

    AC-GAN (Odena et al. 2017, arXiv:1610.09585) takes 100 pairs within each class; ProGAN's config takes 10,000 of the
    whole set. It compares to the same mean over real images, and at one resolution; it says nothing of quality.

    Args:
      images: [N, H, W, C] uint8 or float, not negative, N at least 2.
      rng: decides the pairs: two different images each, pairs independent of each other.
      data_range, weights, shrink_window: as for :func:`ms_ssim`.
      pairs: how many, at least 1.
      batch_size: pairs scored at once.

    Raises:
      ValueError: with fewer than two images or one pair, and as :func:`ms_ssim`.
    """
    if len(images) < 2 or pairs < 1:
        raise ValueError(f"a mean over pairs needs at least 2 images and 1 pair, got {len(images)} and {pairs}")
    first = rng.integers(len(images), size=pairs)
    second = (first + rng.integers(1, len(images), size=pairs)) % len(images)
    scores = []
    for start in range(0, pairs, batch_size):
        # Every batch is of one size, so that one is compiled.
        rows = np.arange(start, start + min(batch_size, pairs)) % pairs
        batch = _ms_ssim_of_batch(
            images[first[rows]],
            images[second[rows]],
            data_range=data_range,
            weights=tuple(weights),
            shrink_window=shrink_window,
        )
        scores.append(np.asarray(batch, np.float64))
    return float(np.concatenate(scores)[:pairs].mean())


def class_ms_ssim(
    images: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    rng: np.random.Generator,
    data_range: float,
    pairs: int = 100,
    weights: Sequence[float] = MS_SSIM_WEIGHTS,
    shrink_window: bool = False,
    batch_size: int = 50,
) -> np.ndarray:
    """:func:`mean_pairwise_ms_ssim` within each class, as AC-GAN plots it against the same of real images.

    Args:
      images: [N, H, W, C] uint8 or float, not negative.
      labels: [N] int.
      num_classes: classes.
      rng, data_range, pairs, weights, shrink_window, batch_size: as there, for each class.

    Returns:
      [num_classes] float64; NaN for a class of fewer than two images.
    """
    means = np.full(num_classes, np.nan)
    for c in range(num_classes):
        rows = images[labels == c]
        if len(rows) > 1:
            means[c] = mean_pairwise_ms_ssim(
                rows,
                rng=rng,
                data_range=data_range,
                pairs=pairs,
                weights=weights,
                shrink_window=shrink_window,
                batch_size=batch_size,
            )
    return means
