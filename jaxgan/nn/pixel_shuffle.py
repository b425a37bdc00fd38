"""Pixel shuffle, or depth to space (Shi et al. 2016, arXiv:1609.05158, eq. 4)."""

from jax import Array


def pixel_shuffle(x: Array, factor: int) -> Array:
    """Rearranges channels to pixels: [B, H, W, C * factor^2] -> [B, H * factor, W * factor, C].

    Channel ``c * factor^2 + i * factor + j`` becomes row i and column j of the block of channel c, as in torch's
    ``PixelShuffle``.

    Raises:
      ValueError: where the channels are no multiple of ``factor`` squared.
    """
    batch, height, width, channels = x.shape
    if channels % factor**2:
        raise ValueError(f"pixel_shuffle by {factor} needs channels in multiples of {factor**2}, got {channels}")
    blocks = x.reshape(batch, height, width, channels // factor**2, factor, factor)
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(batch, height * factor, width * factor, -1)
