"""SAGAN's generator and discriminator (Zhang et al. 2018, arXiv:1805.08318).

SNGAN's at 128 pixels (:mod:`jaxgan.networks.sngan`), with self-attention after the map of 32 pixels in both networks,
spectral normalisation in G too, and D's blocks as wide inside as at their end: the released code that made the
published numbers (brain-research/self-attention-gan: ``generator_test`` and ``discriminator_test``). Its running
statistics move by 0.001 in the blocks and by 0.0001 in the last norm; here all move by 0.001.

The rows for 16 to 64 and for 256 pixels are this library's own: SNGAN's tables, with attention where the map has half
of the image's side below 64 pixels (kwotsin/mimicry does the same at 32), and at 32 elsewhere.
"""

from jaxgan.networks import sngan


class Generator(sngan.Generator):
    """Latents and labels to images; fields as in :class:`jaxgan.networks.sngan.Generator`."""

    resolution: int = 128
    spectral_norm: bool = True
    attention: tuple[int, ...] | None = None
    block_gain: float = 1.0
    bn_eps: float = 1e-5
    bn_momentum: float = 0.999


class Discriminator(sngan.Discriminator):
    """Images and labels to logits; fields as in :class:`jaxgan.networks.sngan.Discriminator`."""

    resolution: int = 128
    attention: tuple[int, ...] | None = None
    wide: bool = True
    head_bias: bool | None = True
    block_gain: float = 1.0
