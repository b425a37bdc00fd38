"""EfficientNet-Lite0 for inference: features of images, and ImageNet logits.

The network is Google's (github.com/tensorflow/tpu, models/official/efficientnet/lite): EfficientNet-B0 (Tan and Le
2019, arXiv:1905.11946, table 1) without squeeze-and-excitation and with ReLU6 instead of swish. It stands where
InceptionV3 stands in published scores when Inception's weights can't be had; scores on it are comparable only among
themselves.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

IMAGE_SIZE = 224
SPATIAL_CHANNELS = 7
# (kernel, stride of the first block, expansion, channels, blocks) of each stage.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
# The stages that are the last at their resolution: 1/2, 1/4, 1/8, 1/16 and 1/32 of the image.
MAP_STAGES = (0, 1, 2, 4, 6)
SPATIAL_STAGE = 4


class EfficientNetFeatures(NamedTuple):
    """Outputs of the network; under jit, those that aren't used aren't computed.

    Attributes:
      pool: [B, 1280], the head's ReLU6 averaged over positions, in [0, 6].
      spatial: [B, H/16, W/16, 7], the first seven of the 112 channels that stage 5 ends in (at 224 px 14 x 14 x 7 =
        1372 numbers), linear, so of either sign. Nash et al. 2021 (arXiv:2103.03841) take seven channels
        of one of Inception's 17 x 17 maps for sFID; this is the map of like size and place.
      logits: [B, 1000], of ImageNet's classes in the order of their WordNet ids.
      maps: the last map of each resolution, [B, H/2, W/2, 16], [B, H/4, W/4, 24], [B, H/8, W/8, 40],
        [B, H/16, W/16, 112] and [B, H/32, W/32, 320], linear.
    """

    pool: Array
    spatial: Array
    logits: Array
    maps: tuple[Array, ...]


def features_input(images: Array | np.ndarray) -> Array:
    """Images [..., C], uint8 or float in [0, 255] -> float32 in [-127/128, 1], as the network was trained.

    The mean 127 and the deviation 128 are those of the lite variants' published preprocessing; images of another size
    than 224 x 224 are for the caller to resize.
    """
    return (jnp.asarray(images, jnp.float32) - 127.0) / 128.0


def relu6(x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return jnp.clip(x, 0.0, 6.0)


class DepthwiseConv(nn.Module):
    """A convolution of each channel by itself, padded as TensorFlow's 'SAME'.

    It is a sum of kernel^2 shifted products: XLA's grouped convolution is five to thirty times slower on a CPU at the
    shapes of this network.

    Attributes:
      kernel: side of the kernel.
      stride: of both sides.
    """

    kernel: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), C]."""
        _, height, width, channels = x.shape
        k, s = self.kernel, self.stride
        init = nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal", in_axis=(0, 1, 2), out_axis=3)
        weights = self.param("kernel", init, (k, k, 1, channels))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        out_h, out_w = -(-height // s), -(-width // s)
        pad_h, pad_w = (max((out - 1) * s + k - size, 0) for out, size in ((out_h, height), (out_w, width)))
        # The odd row or column of padding goes below and to the right.
        rows, columns = (pad_h // 2, pad_h - pad_h // 2), (pad_w // 2, pad_w - pad_w // 2)
        x = jnp.pad(x, ((0, 0), rows, columns, (0, 0)))
        y, taps = bias.reshape(1, 1, 1, -1), weights[:, :, None, None]
        for i in range(k):
            for j in range(k):
                y = y + x[:, i : i + (out_h - 1) * s + 1 : s, j : j + (out_w - 1) * s + 1 : s] * taps[i, j]
        return y


class InvertedBottleneck(nn.Module):
    """1x1 expansion, depthwise convolution, linear 1x1 projection; a skip where the shape stays.

    Attributes:
      features: channels out.
      kernel: side of the depthwise kernel.
      stride: of the depthwise convolution.
      expansion: hidden channels over input channels; at 1 there is no first convolution.
      precision: of the 1x1 convolutions.
    """

    features: int
    kernel: int
    stride: int
    expansion: int
    precision: Any = jax.lax.Precision.HIGHEST

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), features]."""
        hidden = x.shape[-1] * self.expansion
        h = x
        if self.expansion != 1:
            h = relu6(nn.Conv(hidden, (1, 1), precision=self.precision, name="expand")(h))
        h = DepthwiseConv(self.kernel, self.stride, name="depthwise")(h)
        h = nn.Conv(self.features, (1, 1), precision=self.precision, name="project")(relu6(h))
        return x + h if h.shape == x.shape else h


class EfficientNetLite0(nn.Module):
    """The trained network with batch normalisation folded into its convolutions: kernels and biases alone.

    Padding is TensorFlow's 'SAME', which at stride 2 pads an even side below and to the right only.

    Attributes:
      precision: of the convolutions; float32 throughout unless lowered, since distances between features in
        TF32 or bfloat16 are not those published.
    """

    precision: Any = jax.lax.Precision.HIGHEST

    @nn.compact
    def __call__(self, x: Array) -> EfficientNetFeatures:
        """Images [B, H, W, 3] float32 from :func:`features_input`, trained at 224 x 224 -> features, float32.

        Raises:
          ValueError: on an input that is not [B, H, W, 3] float: uint8 images were not normalised.
        """
        if x.ndim != 4 or x.shape[-1] != 3 or not jnp.issubdtype(x.dtype, jnp.floating):
            raise ValueError(
                f"EfficientNetLite0 takes normalised float images [B, H, W, 3], got {x.dtype} {list(x.shape)}; "
                "pass uint8 images through features_input first"
            )
        h = relu6(nn.Conv(32, (3, 3), strides=2, padding="SAME", precision=self.precision, name="stem")(x))
        ends = []
        index = 0
        for kernel, stride, expansion, features, blocks in STAGES:
            for i in range(blocks):
                h = InvertedBottleneck(
                    features, kernel, stride if i == 0 else 1, expansion, self.precision, name=f"block_{index}"
                )(h)
                index += 1
            ends.append(h)
        pool = relu6(nn.Conv(1280, (1, 1), precision=self.precision, name="head")(h)).mean((1, 2))
        logits = nn.Dense(1000, precision=self.precision, name="classifier")(pool)
        return EfficientNetFeatures(
            pool, ends[SPATIAL_STAGE][..., :SPATIAL_CHANNELS], logits, tuple(ends[i] for i in MAP_STAGES)
        )
