"""Modes of Stacked MNIST: which of the 1000 triples of digits a generator draws."""

from collections.abc import Callable

import numpy as np

from jaxgan.metrics import mode_coverage


def stacked_mode_coverage(images: np.ndarray, classify: Callable[[np.ndarray], np.ndarray]) -> tuple[int, float]:
    """How many triples of digits occur, and how far their shares are from equal.

    VEEGAN (arXiv:1705.07761, section 4) and PacGAN (arXiv:1712.04086, section 4; 26,000 images in its code): a
    classifier of single digits is asked of each channel. Its mistakes count as modes too, so that published figures
    hold for their classifiers alone; real images through the same one say how much.

    Args:
      images: uint8 [N, H, W, 3]; each channel is a digit, as in :func:`jaxgan.data.stacked_mnist_source`.
      classify: uint8 [N, H, W, 1] -> int [N] from 0 to 9, such as :func:`jaxgan.evaluation.train_classifier` of MNIST
        at the images' resolution gives.

    Returns:
      ``(modes, kl)``: of 1000, and KL(shares || equal) in nats: :func:`jaxgan.metrics.mode_coverage`.

    Raises:
      ValueError: where images have another shape or dtype, or the classifier gives other labels.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(f"needs stacked digits uint8 [N, H, W, 3], got {images.dtype} {images.shape}")
    digits = np.stack([classify(images[..., channel : channel + 1]) for channel in range(3)])
    if digits.shape != (3, len(images)) or digits.min() < 0 or digits.max() > 9:
        raise ValueError(f"the classifier must give a digit from 0 to 9 for each image, got {digits.shape[1:]} numbers")
    hundreds, tens, ones = digits.astype(np.int64)
    return mode_coverage(100 * hundreds + 10 * tens + ones, 1000)
