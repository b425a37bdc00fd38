"""U-Net that translates an image to an image (pix2pix: Isola et al. 2016, arXiv:1611.07004, section 3.2.1 and 6.1.1).

Convolutions of stride two down to a bottleneck, transposed ones up from it, and at every resolution a skip that joins
the two. Dropout, in evaluation too, is the only noise.

Two implementations made it known, phillipi/pix2pix in Lua and junyanz/pytorch-CycleGAN-and-pix2pix, which differ in
where dropout lies and which layers have biases: ``dropout_at`` and ``use_bias``. The paper's own runs normalised the
bottleneck too, which for one image of 1x1 gives 0; its erratum says so: ``innermost_norm``.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.common import check_choice, translation_norm, weight_fields
from jaxgan.nn.fractional_conv import up_conv
from jaxgan.parallel import shard_batch

DROPOUT_AT = ("next", "innermost")
LEAK = 0.2


class Generator(nn.Module):
    """The image that belongs to an image.

    Attributes:
      ch: channels of the first layer (ngf); they double with each of the first four.
      depth: halvings: 8 for images of 256 pixels, which become 1x1; sides must be multiples of ``2 ** depth``.
      image_channels: of the output.
      norm: 'batch', 'instance' or 'none'.
      innermost_norm: the bottleneck is normalised too.
      running: in evaluation, batch norms use running statistics; False for the statistics of the images at hand, the
        papers' protocol with one image a batch.
      dropout: the share of units dropped, in evaluation too.
      dropout_at: the transposed convolutions that it follows: 'next', the blocks next to the innermost one that have
        8 * ch channels, ``depth - 5`` of them (PyTorch's), or 'innermost', the innermost three (Lua's).
      use_bias: biases before norms too.
      resample: of the transposed convolutions, see :func:`jaxgan.nn.fractional_conv.up_conv`.
      The others: see :mod:`jaxgan.networks.common`.
    """

    ch: int = 64
    depth: int = 8
    image_channels: int = 3
    norm: str = "batch"
    innermost_norm: bool = False
    running: bool = False
    dropout: float = 0.5
    dropout_at: str = "next"
    use_bias: bool = False
    spectral_norm: bool = False
    sn_eps: float = 1e-6
    weight_init: str = "normal_02"
    bn_eps: float = 1e-5
    bn_groups: int | None = None
    resample: str = "auto"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @property
    def multiple(self) -> int:
        """The number that sides must be multiples of."""
        return 2**self.depth

    @nn.compact
    def __call__(self, z: Array, images: Array, *, train: bool) -> Array:
        """Translates images.

        Args:
          z: not used: [B, 0].
          images: [B, H, W, C] float, such as photos in [-1, 1] or one-hot label maps.
          train: record statistics.

        Returns:
          [B, H, W, image_channels] float32 in [-1, 1].

        Raises:
          ValueError: where H or W is no multiple of ``2 ** depth``, or a name is unknown.
        """
        check_choice("dropout_at", self.dropout_at, DROPOUT_AT)
        if self.depth < 2:
            raise ValueError(f"depth={self.depth}: a U-Net halves at least twice")
        if images.shape[1] % self.multiple or images.shape[2] % self.multiple:
            raise ValueError(
                f"a U-Net of depth {self.depth} takes sides in multiples of {self.multiple}, got "
                f"{images.shape[1]}x{images.shape[2]}: lower generator.depth, or resize the images"
            )
        fields = weight_fields(self)
        hidden_bias = self.use_bias or self.norm != "batch"
        widths = [self.ch * min(2**level, 8) for level in range(self.depth)]
        last = self.depth - 1

        h = shard_batch(images.astype(self.dtype))
        skips = []
        for level, width in enumerate(widths):
            normalized = 0 < level < last or (level == last and self.innermost_norm)
            h = nn.leaky_relu(h, LEAK) if level else h
            h = layers.Conv(
                width, (4, 4), strides=(2, 2), padding=((1, 1), (1, 1)), name=f"down_{level}",
                use_bias=hidden_bias, **fields,
            )(h)  # fmt: skip
            if normalized:
                h = translation_norm(self, h, name=f"norm_down_{level}", train=train)
            h = shard_batch(h)
            skips.append(h)
        for level in reversed(range(1, self.depth)):
            h = nn.relu(h if level == last else jnp.concatenate([skips[level], h], axis=-1))
            up = up_conv(
                widths[level - 1], 4, resample=self.resample, use_bias=hidden_bias, name=f"up_{level}", **fields
            )
            h = translation_norm(self, up(h), name=f"norm_up_{level}", train=train)
            if level in self._dropped():
                h = nn.Dropout(self.dropout, deterministic=self.dropout == 0.0)(h)
            h = shard_batch(h)
        h = nn.relu(jnp.concatenate([skips[0], h], axis=-1))
        image = up_conv(self.image_channels, 4, resample=self.resample, name="up_0", **fields)(h)
        return jnp.tanh(image.astype(jnp.float32))

    def _dropped(self) -> range:
        """The levels whose transposed convolutions dropout follows."""
        if self.dropout_at == "next":
            return range(4, self.depth - 1)
        return range(max(1, self.depth - 3), self.depth)
