"""The sliced Wasserstein distance between patches of images, level by level of a Laplacian pyramid.

ProGAN's measure (Karras et al. 2018, arXiv:1710.10196, section 5): each level shows how similar two sets are at one
scale, from texture to layout. Details follow the released metrics/sliced_wasserstein.py; its tables print values times
1000, of 16,384 images in each set.
"""

import numpy as np
from scipy.ndimage import convolve1d

# In each direction; the kernel of cv2.pyrDown.
BINOMIAL = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16


def _smooth(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    # SciPy's "mirror" does not repeat the pixel at the border.
    return convolve1d(convolve1d(x, kernel, axis=1, mode="mirror"), kernel, axis=2, mode="mirror")


def _down(x: np.ndarray) -> np.ndarray:
    return _smooth(x, BINOMIAL)[:, ::2, ::2]


def _up(x: np.ndarray) -> np.ndarray:
    n, h, w, c = x.shape
    spread = np.zeros((n, 2 * h, 2 * w, c), x.dtype)
    spread[:, ::2, ::2] = x
    # Three of four pixels are zero: doubled in each direction, the kernel keeps the mean.
    return _smooth(spread, 2 * BINOMIAL)


def laplacian_pyramid(images: np.ndarray, levels: int) -> list[np.ndarray]:
    """Laplacian pyramid: the residual of each halving of the resolution, finest first, and the coarsest image.

    Args:
      images: [N, H, W, C] uint8 or float.
      levels: at least 1; H and W divisible by 2^(levels - 1).

    Returns:
      ``levels`` arrays, the i-th [N, H/2^i, W/2^i, C] float32 (float64 for float64): differences, and last the
      smallest image itself.

    Raises:
      ValueError: where the images cannot be halved that often.
    """
    if images.ndim != 4 or levels < 1 or any(side % 2 ** (levels - 1) for side in images.shape[1:3]):
        raise ValueError(
            f"a pyramid of {levels} levels needs images [N, H, W, C] with H and W divisible by 2^(levels - 1), "
            f"got {images.shape}"
        )
    current = images.astype(np.promote_types(images.dtype, np.float32) if images.dtype.kind == "f" else np.float32)
    pyramid = []
    for _ in range(levels - 1):
        smaller = _down(current)
        pyramid.append(current - _up(smaller))
        current = smaller
    return [*pyramid, current]


def reconstruct(pyramid: list[np.ndarray]) -> np.ndarray:
    """The images [N, H, W, C] of a Laplacian pyramid."""
    image = pyramid[-1]
    for difference in pyramid[-2::-1]:
        image = _up(image) + difference
    return image


def patch_descriptors(level: np.ndarray, *, rng: np.random.Generator, patches: int = 128, size: int = 7) -> np.ndarray:
    """Patches at random places of every image: [N, H, W, C] -> [N * patches, size, size, C], image after image.

    Raises:
      ValueError: where the images are smaller than a patch.
    """
    n, h, w, _ = level.shape
    if min(h, w) < size:
        raise ValueError(f"patches of {size}x{size} need images at least as large, got {h}x{w}")
    windows = np.lib.stride_tricks.sliding_window_view(level, (size, size), axis=(1, 2))
    y = rng.integers(h - size + 1, size=n * patches)
    x = rng.integers(w - size + 1, size=n * patches)
    return np.moveaxis(windows[np.repeat(np.arange(n), patches), y, x], 1, -1)


def normalize_descriptors(descriptors: np.ndarray) -> np.ndarray:
    """Takes each channel's mean out of a whole set and divides by its standard deviation.

    So a level compares the shape of two distributions, not their brightness or contrast. A channel that is one value
    throughout becomes 0.

    Args:
      descriptors: [M, size, size, C] float.

    Returns:
      [M, size * size * C].
    """
    # A sum of millions in single precision would stop growing.
    centred = descriptors - descriptors.mean((0, 1, 2), dtype=np.float64).astype(descriptors.dtype)
    deviation = np.sqrt(np.square(centred).mean((0, 1, 2), dtype=np.float64)).astype(descriptors.dtype)
    return (centred / np.where(deviation > 0, deviation, 1)).reshape(len(centred), -1)


def sliced_wasserstein(
    a: np.ndarray, b: np.ndarray, *, rng: np.random.Generator, repeats: int = 4, projections: int = 128
) -> float:
    """The mean 1-Wasserstein distance of two sets' projections on random directions.

    In one dimension the best assignment pairs points in order, so that sorting replaces a search.

    Args:
      a, b: [M, D] numbers.
      rng: decides the directions.
      repeats: times that directions are drawn; it bounds the memory to 2 M * ``projections`` numbers.
      projections: directions of each repeat.

    Raises:
      ValueError: where shapes differ.
    """
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(
            f"two sets must be of one shape [M, D], got {a.shape} and {b.shape}; take as many samples from both"
        )
    means = []
    for _ in range(repeats):
        directions = rng.standard_normal((a.shape[1], projections))
        directions = (directions / np.linalg.norm(directions, axis=0)).astype(np.result_type(a, b, np.float32))
        ordered = [np.sort(points @ directions, axis=0) for points in (a, b)]
        means.append(np.abs(ordered[0] - ordered[1]).mean(dtype=np.float64))
    return float(np.mean(means))


def pyramid_descriptors(
    images: np.ndarray, *, seed: int, patches: int = 128, size: int = 7, least: int = 16, batch_size: int = 256
) -> dict[int, np.ndarray]:
    """Normalised descriptors of each level: what is worth keeping of a data set that many generators meet.

    Args:
      images: [N, H, W, C] uint8 or float; scale and offset do not matter.
      seed: decides the places of the patches.
      patches, size: of each image and level, and their side.
      least: the smallest resolution; each level is half of the one before.
      batch_size: images whose pyramid is in memory at once. It takes part in the order of random numbers.

    Returns:
      Resolution (the shorter side) -> [N * patches, size * size * C] float32.

    Raises:
      ValueError: where the shorter side is below ``least``, or cannot be halved evenly down to it.
    """
    if images.ndim != 4 or min(images.shape[1:3]) < least:
        raise ValueError(f"images must be [N, H, W, C] of at least {least} pixels a side, got {images.shape}")
    shorter = min(images.shape[1:3])
    levels = (shorter // least).bit_length()
    rng = np.random.default_rng(seed)
    found: list[list[np.ndarray]] = [[] for _ in range(levels)]
    for start in range(0, len(images), batch_size):
        for parts, level in zip(found, laplacian_pyramid(images[start : start + batch_size], levels)):
            parts.append(patch_descriptors(level, rng=rng, patches=patches, size=size))
    return {shorter >> i: normalize_descriptors(np.concatenate(parts)) for i, parts in enumerate(found)}


def sliced_wasserstein_pyramid(
    images_a: np.ndarray,
    images_b: np.ndarray,
    *,
    seed: int,
    patches: int = 128,
    size: int = 7,
    least: int = 16,
    repeats: int = 4,
    projections: int = 128,
) -> dict[int, float]:
    """ProGAN's sliced Wasserstein distance of two sets of images, at every resolution down to 16.

    Patches lie at the same places in both sets, so that equal sets are exactly 0 apart; the released code draws places
    for each set, which is the same in expectation for sets without common images.

    Args:
      images_a, images_b: [N, H, W, C] uint8 or float, of one shape.
      seed: decides places and directions.
      patches, size, least: as for :func:`pyramid_descriptors`.
      repeats, projections: as for :func:`sliced_wasserstein`.

    Returns:
      Resolution -> distance, finest first; the paper prints 1000 times this, and the mean over resolutions.

    Raises:
      ValueError: where shapes differ, and as :func:`pyramid_descriptors`.
    """
    if images_a.shape != images_b.shape:
        raise ValueError(
            f"both sets must be of one shape [N, H, W, C], got {images_a.shape} and {images_b.shape}; "
            "take as many images from both"
        )
    a, b = (
        pyramid_descriptors(images, seed=seed, patches=patches, size=size, least=least)
        for images in (images_a, images_b)
    )
    rng = np.random.default_rng([seed, 1])
    return {
        resolution: sliced_wasserstein(a[resolution], b[resolution], rng=rng, repeats=repeats, projections=projections)
        for resolution in a
    }
