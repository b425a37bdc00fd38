"""Scores of pixels rather than features: pairs of images, and sliced Wasserstein distances of patches."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxgan.metrics.psnr import psnr
from jaxgan.metrics.sliced_wasserstein import sliced_wasserstein_pyramid
from jaxgan.metrics.ssim import ms_ssim, ssim
from jaxgan.training.errors import UserError
from jaxgan.training.method import Score

PAIRED = {"psnr": psnr, "ssim": ssim, "ms_ssim": ms_ssim}
IMAGE_METRICS = {
    "psnr": "peak signal-to-noise ratio in dB of the i-th image to the i-th of the reference",
    "ssim": "structural similarity of such pairs",
    "ms_ssim": "multi-scale structural similarity of such pairs (176 pixels or more)",
    "swd": "sliced Wasserstein distance of Laplacian pyramids' patches, a score a resolution",
}
SWD_SEED = 2020


def image_scores(
    names: Sequence[str],
    images: np.ndarray,
    reference: np.ndarray,
    *,
    stamp: Mapping[str, Any],
    batch_size: int = 64,
) -> dict[str, Score]:
    """Scores two sets of images held in memory.

    Args:
      names: of ``IMAGE_METRICS``.
      images, reference: uint8 [N, H, W, C] and [M, H, W, C]; of pairs, N = M and in the same order.
      stamp: the protocol; each score adds its settings.
      batch_size: pairs at a time.

    Raises:
      UserError: where shapes or numbers of images do not fit, or images are too small.
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
        pairs = jax.jit(lambda x, y, name=name: PAIRED[name](x, y, data_range=255.0))
        values = []
        for start in range(0, len(images), batch_size):
            rows = slice(start, start + batch_size)
            try:
                pair = pairs(images[rows].astype(np.float32), reference[rows].astype(np.float32))
            except ValueError as error:
                raise UserError(f"{name}: {error}") from error
            values.append(np.asarray(pair))
        each = np.concatenate(values).astype(np.float64)
        # Equal images are infinitely alike, and infinity has no error.
        known = len(each) > 1 and np.isfinite(each).all()
        stderr = float(each.std(ddof=1) / np.sqrt(len(each))) if known else None
        found[name] = Score(float(each.mean()), stderr, dict(stamp))
    return found
