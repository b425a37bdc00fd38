"""Scores of pixels: pairs of images by PSNR, SSIM or a perceptual distance, sliced Wasserstein distances of patches."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.metrics.luma import matlab_luma
from jaxgan.metrics.psnr import psnr
from jaxgan.metrics.sliced_wasserstein import sliced_wasserstein_pyramid
from jaxgan.metrics.ssim import ms_ssim, ssim
from jaxgan.training.errors import UserError
from jaxgan.training.method import Score

# Pixels off each border of scores of luma, super-resolution's protocol (SRGAN, arXiv:1609.04802, section 3.1).
LUMA_BORDER = 4


def of_luma(fn: Callable[..., Array]) -> Callable[..., Array]:
    """``fn`` of MATLAB's luma of two batches in [0, 255]."""

    def compare(x: Array, y: Array, *, data_range: float) -> Array:
        return fn(*(matlab_luma(image) for image in (x, y)), data_range=data_range)

    return compare


PIXELS = {"psnr": psnr, "ssim": ssim, "ms_ssim": ms_ssim, "psnr_y": of_luma(psnr), "ssim_y": of_luma(ssim)}
PERCEPTUAL = ("lpips_alex", "lpips_vgg", "pd_efficientnet_lite0")
PAIRED = (*PIXELS, *PERCEPTUAL)
IMAGE_METRICS = {
    "psnr": "peak signal-to-noise ratio in dB of the i-th image to the i-th of the reference",
    "ssim": "structural similarity of such pairs",
    "psnr_y": "psnr of MATLAB's luma, 4 pixels off each border: super-resolution's protocol",
    "ssim_y": "ssim of the same",
    "ms_ssim": "multi-scale structural similarity of such pairs (176 pixels or more)",
    "lpips_alex": "LPIPS of such pairs, by AlexNet (sides of 31 or more)",
    "lpips_vgg": "LPIPS of such pairs, by VGG16 (sides of 16 or more)",
    "pd_efficientnet_lite0": "an offline perceptual distance of such pairs, which is not LPIPS (sides of 32 or more)",
    "swd": "sliced Wasserstein distance of Laplacian pyramids' patches, a score a resolution",
}
SWD_SEED = 2020


class Distance(Protocol):
    """A perceptual distance with its weights, as :func:`jaxgan.interop.perceptual.open_perceptual` gives it."""

    @property
    def name(self) -> str:
        """Name of the distance."""

    @property
    def digest(self) -> str:
        """SHA-256 of its weights."""

    def __call__(self, a: Array, b: Array) -> Array:
        """[B, H, W, 3] in [-1, 1] twice -> [B]."""


def to_rgb(images: Array) -> Array:
    """Grey images [B, H, W, 1] with their channel repeated thrice; RGB ones as they are."""
    return jnp.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def image_scores(
    names: Sequence[str],
    images: np.ndarray,
    reference: np.ndarray,
    *,
    stamp: Mapping[str, Any],
    batch_size: int = 64,
    distances: Mapping[str, Distance] | None = None,
    border: int | None = None,
) -> dict[str, Score]:
    """Scores two sets of images held in memory.

    Args:
      names: of ``IMAGE_METRICS``.
      images, reference: uint8 [N, H, W, C] and [M, H, W, C]; of pairs, N = M and in the same order.
      stamp: the protocol; each score adds its settings.
      batch_size: pairs at a time.
      distances: the perceptual ones among ``names``.
      border: pixels off each border that PSNR and SSIM leave out; None for 4 of luma and 0 of RGB.

    Raises:
      UserError: where a distance is not given, shapes or numbers of images do not fit, or images are too small.
    """
    if images.shape[1:] != reference.shape[1:]:
        raise UserError(
            f"{names[0]} compares pixels, so both sets need one shape: {list(images.shape[1:])} against "
            f"{list(reference.shape[1:])}; pass --image_size=H,W"
        )
    found = {}
    for name in names:
        if name == "swd":
            try:
                levels = sliced_wasserstein_pyramid(images, reference, seed=SWD_SEED)
            except ValueError as error:
                raise UserError(f"swd: {error}") from error
            for resolution, value in levels.items():
                found[f"swd_{resolution}"] = Score(float(value), None, {**stamp, "settings": {"patch_seed": SWD_SEED}})
            continue
        if len(images) != len(reference):
            raise UserError(f"{name} compares pairs in order: got {len(images)} images and {len(reference)}")
        pairs, own = _pairwise(name, distances or {}, border)
        values = []
        for start in range(0, len(images), batch_size):
            rows = slice(start, start + batch_size)
            try:
                pair = pairs(images[rows].astype(np.float32), reference[rows].astype(np.float32))
            except ValueError as error:
                raise UserError(f"{name}: {error}") from error
            values.append(np.asarray(pair))
        each = np.concatenate(values).astype(np.float64)
        # The PSNR of equal images is infinite, and infinity has no error.
        known = len(each) > 1 and np.isfinite(each).all()
        stderr = float(each.std(ddof=1) / np.sqrt(len(each))) if known else None
        found[name] = Score(float(each.mean()), stderr, {**stamp, **own})
    return found


def _pairwise(name: str, distances: Mapping[str, Distance], border: int | None) -> tuple[Any, dict[str, Any]]:
    """A score of each pair of images in [0, 255], compiled, and what its stamp says of its own."""
    if name in PIXELS:
        luma = name.endswith("_y")
        off = LUMA_BORDER * luma if border is None else border
        settings: dict[str, Any] = {"luma": "MATLAB's rgb2ycbcr"} if luma else {}
        settings |= {"border": off} if off or luma else {}

        def inner(x: Array) -> Array:
            if min(x.shape[1:3]) <= 2 * off:
                raise ValueError(f"a border of {off} pixels leaves nothing of images of {x.shape[1]}x{x.shape[2]}")
            return x[:, off : x.shape[1] - off, off : x.shape[2] - off]

        compare_inner = jax.jit(lambda x, y: PIXELS[name](inner(x), inner(y), data_range=255.0))
        return compare_inner, {"settings": settings} if settings else {}
    if name not in distances:
        raise UserError(f"{name} needs its weights: pass distances={{{name!r}: open_perceptual({name!r})}}")
    distance = distances[name]

    def compare(x: Array, y: Array) -> Array:
        return distance(to_rgb(x / 127.5 - 1), to_rgb(y / 127.5 - 1))

    return jax.jit(compare), {"distance": distance.name, "distance_sha256": distance.digest}
