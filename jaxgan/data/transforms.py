"""What happens to an image on its way in, with numpy and Pillow alone: crop, resize, channels, flips."""

import numpy as np
from PIL import Image

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def center_crop_resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Crops the centre to the aspect ratio of ``size``, then resizes bilinearly with antialiasing.

    The crop takes from the long edge only. An image that has the size already is returned untouched.

    Args:
      image: uint8 [H, W, C] with C = 1 or 3.
      size: (h, w).

    Returns:
      uint8 [h, w, C].

    Raises:
      ValueError: where ``size`` is not positive or ``image`` is not as above.
    """
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"image_size must be two positive numbers (height, width), got {tuple(size)}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(f"expected an image uint8 [H, W, 1 or 3], got {image.dtype} {list(image.shape)}")
    old_height, old_width, channels = image.shape
    if (old_height, old_width) == (height, width):
        return image
    crop_height, crop_width = old_height, old_width
    if old_height * width > old_width * height:
        crop_height = max(1, round(old_width * height / width))
    else:
        crop_width = max(1, round(old_height * width / height))
    top, left = (old_height - crop_height) // 2, (old_width - crop_width) // 2
    crop = np.ascontiguousarray(image[top : top + crop_height, left : left + crop_width])
    picture = Image.fromarray(crop[:, :, 0] if channels == 1 else crop)
    return np.array(picture.resize((width, height), Image.Resampling.BILINEAR)).reshape(height, width, channels)


def to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Gives an image 1 (grey) or 3 (RGB) channels; transparency is laid over white.

    Grey becomes RGB by repetition, and RGB becomes grey by Pillow's 'L' (ITU-R 601-2 luma).

    Args:
      image: uint8 [H, W, C]: grey, grey + alpha, RGB or RGB + alpha for C = 1, 2, 3, 4.
      channels: 1 or 3.

    Returns:
      uint8 [H, W, channels].

    Raises:
      ValueError: where ``channels`` or ``image`` is not as above.
    """
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (RGB), got {channels}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 2, 3, 4):
        raise ValueError(f"expected an image uint8 [H, W, 1 to 4], got {image.dtype} {list(image.shape)}")
    if image.shape[2] in (2, 4):
        color, alpha = image[:, :, :-1].astype(np.uint32), image[:, :, -1:].astype(np.uint32)
        image = ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.asarray(Image.fromarray(image).convert("L"))[:, :, None]


def flip_mask(seed: int, indices: np.ndarray) -> np.ndarray:
    """Which examples to mirror: fair coin tosses that depend on the seed and the example's global position alone.

    A counter-based generator (splitmix64: Steele et al. 2014, doi:10.1145/2660193.2660195) has no state to save, so
    that any process, worker or restart tosses the same coin.

    Args:
      seed: a non-negative integer below 2**64.
      indices: int64 [N].

    Returns:
      bool [N].

    Raises:
      ValueError: where ``seed`` is out of range.
    """
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must lie in [0, 2**64), got {seed}")
    key = _splitmix64(np.array([seed], np.uint64))
    bits = _splitmix64(key + np.asarray(indices, np.int64).astype(np.uint64) * _GOLDEN)
    return (bits >> np.uint64(63)).astype(bool)


def _splitmix64(state: np.ndarray) -> np.ndarray:
    """The finaliser on uint64 [N]; arrays, unlike numpy scalars, wrap around without a warning."""
    z = state + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
