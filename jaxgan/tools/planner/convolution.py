"""Multiplications of a convolution, counted as XLA counts them."""

import math
from collections.abc import Sequence

import numpy as np


def valid_positions(
    size: int, kernel: int, output: int, *, stride: int, low: int, base_dilation: int, kernel_dilation: int
) -> int:
    """Pairs (output position, kernel position) along one axis that meet a value, not padding and not a hole.

    Args:
      size: of the input, before dilation.
      kernel: of the kernel, before dilation.
      output: of the output.
      stride: of the window.
      low: padding before the input; negative where it is cropped.
      base_dilation: of the input (transposed convolutions).
      kernel_dilation: of the kernel.
    """
    at = np.arange(output)[:, None] * stride + np.arange(kernel)[None, :] * kernel_dilation - low
    return int(np.sum((at >= 0) & (at % base_dilation == 0) & (at // base_dilation < size)))


def convolution_flops(
    *,
    batch: int,
    in_features: int,
    out_features: int,
    spatial: Sequence[int],
    feature_groups: int = 1,
    batch_groups: int = 1,
) -> int:
    """FLOPs, two for each multiply-add, as XLA's cost analysis has them: products with padding are not counted.

    Args:
      batch: of the input.
      in_features: of the input.
      out_features: of the output.
      spatial: for each axis, what :func:`valid_positions` counts.
      feature_groups: groups of features.
      batch_groups: groups of the batch (gradients of grouped convolutions).
    """
    return 2 * (in_features // feature_groups) * out_features * (batch // batch_groups) * math.prod(spatial)
