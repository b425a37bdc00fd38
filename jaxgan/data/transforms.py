"""Image transforms with numpy and Pillow: centre crop, resize, channels, flips."""

from typing import Literal

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
    if image.shape[:2] == (height, width):
        return image
    top, left, crop_height, crop_width = _center_box(image.shape[:2], size)
    return resize_image(image[top : top + crop_height, left : left + crop_width], size, "bilinear")


def center_crop_resize_ids(ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The same crop of a label map, resized by nearest neighbour: no id appears that was not there.

    Args:
      ids: integers [H, W, 1].
      size: (h, w).

    Returns:
      The same dtype, [h, w, 1].
    """
    if ids.shape[:2] == tuple(size):
        return ids
    top, left, height, width = _center_box(ids.shape[:2], size)
    return resize_ids(ids[top : top + height, left : left + width], size)


def _center_box(old: tuple[int, ...], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the largest central box with the aspect ratio of ``size``."""
    height, width = size
    crop_height, crop_width = old
    if old[0] * width > old[1] * height:
        crop_height = max(1, round(old[1] * height / width))
    else:
        crop_width = max(1, round(old[0] * width / height))
    return (old[0] - crop_height) // 2, (old[1] - crop_width) // 2, crop_height, crop_width


Method = Literal["bilinear", "bicubic"]
METHODS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# (top, left, height, width) in pixels, fractions allowed.
Box = tuple[float, float, float, float]


def resize_image(image: np.ndarray, size: tuple[int, int], method: Method, box: Box | None = None) -> np.ndarray:
    """Resizes by Pillow, with antialiasing where it shrinks.

    Args:
      image: uint8 [H, W, C], or a clip [T, H, W, C].
      size: (h, w).
      method: 'bilinear' or 'bicubic' (Keys' cubic with a = -1/2).
      box: the part of the image that is resized; all of it where None.

    Returns:
      uint8 [..., h, w, C].
    """
    if image.ndim == 4:
        return np.stack([resize_image(frame, size, method, box) for frame in image])
    if image.shape[2] not in (1, 3):
        # Pillow would take a fourth channel for transparency.
        planes = [resize_image(plane[:, :, None], size, method, box) for plane in np.moveaxis(image, 2, 0)]
        return np.concatenate(planes, axis=2)
    flat = np.ascontiguousarray(image)
    picture = Image.fromarray(flat[:, :, 0] if image.shape[2] == 1 else flat)
    corners = None if box is None else (box[1], box[0], box[1] + box[3], box[0] + box[2])
    resized = picture.resize((size[1], size[0]), METHODS[method], box=corners)
    return np.array(resized).reshape(*size, image.shape[2])


def resize_ids(ids: np.ndarray, size: tuple[int, int], box: Box | None = None, axis: int = -3) -> np.ndarray:
    """Resizes ids by nearest neighbour: an output pixel takes the id at its centre, as Pillow's NEAREST does.

    Args:
      ids: [..., H, W, 1], or [H, W] with ``axis=-2``.
      size: (h, w).
      box: (top, left, height, width) of the part that is resized, fractions allowed; all of it where None.
      axis: the height's, counted from the end.

    Returns:
      The same dtype, with h and w for H and W.
    """
    for step, (length, start, extent) in enumerate(
        zip(size, (box or (0, 0))[:2], (box or (0, 0, *_plane(ids, axis)))[2:])
    ):
        old = ids.shape[axis + step]
        nearest = np.floor(start + (np.arange(length) + 0.5) * (extent / length)).astype(np.intp)
        ids = np.take(ids, np.clip(nearest, 0, old - 1), axis=axis + step)
    return ids


def _plane(array: np.ndarray, axis: int) -> tuple[int, int]:
    return array.shape[axis], array.shape[axis + 1]


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
    """Mask of examples to mirror: fair coin tosses that depend on the seed and the example's global position alone.

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
