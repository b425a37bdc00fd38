"""The InceptionV3 that FID is defined on: TensorFlow's graph of 2015-12-05 (Szegedy et al. 2015, arXiv:1512.00567;
Heusel et al. 2017, arXiv:1706.08500), with 1008 outputs.

It differs from the InceptionV3 of Keras and torchvision: average pools leave the padding out of their count, the last
block pools by maximum, and the classifier has 1008 rows. Batch normalisation (eps 1e-3, fixed statistics) is folded
into each convolution's kernel and bias when weights are read (:mod:`jaxgan.features.inception_weights`), so this
network scores and does not train.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.features.resizers import resize

SIZE = 299
SPATIAL_CHANNELS = 7


def preprocess(images: Array, resizer: str) -> Array:
    """uint8 images [B, H, W, 1 or 3] (or float, 0 ... 255) to the network's input [B, 299, 299, 3] float32.

    'tf1' and 'clean' give (x - 128) / 128; 'torch' gives 2 x / 255 - 1, as pytorch-fid has it.
    """
    x = resize(images, (SIZE, SIZE), resizer)
    x = jnp.broadcast_to(x, (*x.shape[:-1], 3))
    return x * (2.0 / 255.0) - 1.0 if resizer == "torch" else (x - 128.0) / 128.0


class Conv(nn.Module):
    """Convolution with folded normalisation, then ReLU."""

    features: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: tuple[int, int] = (0, 0)

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] to [B, H', W', features]."""
        pads = [(p, p) for p in self.padding]
        # Accelerators round float32 products to fewer bits unless told otherwise, and the score would move.
        y = nn.Conv(
            self.features, self.kernel, self.stride, padding=pads, precision=jax.lax.Precision.HIGHEST, name="conv"
        )(x)
        return nn.relu(y)


def _square(features: int, size: int, **options: Any) -> Conv:
    return Conv(features, (size, size), **options)


def _average_pool(x: Array) -> Array:
    """3x3, stride 1, over the pixels that exist."""
    return nn.avg_pool(x, (3, 3), (1, 1), padding=((1, 1), (1, 1)), count_include_pad=False)


def _max_pool(x: Array, stride: int = 2) -> Array:
    pads = ((1, 1), (1, 1)) if stride == 1 else ((0, 0), (0, 0))
    return nn.max_pool(x, (3, 3), (stride, stride), padding=pads)


def _chain(x: Array, prefix: str, *layers: tuple[str, tuple[int, tuple[int, int]]]) -> Array:
    """Convolutions one after another, stride 1 and padded to keep the size."""
    for suffix, (features, (height, width)) in layers:
        x = Conv(features, (height, width), padding=(height // 2, width // 2), name=prefix + suffix)(x)
    return x


class BlockA(nn.Module):
    """35x35 blocks: 1x1, 5x5, double 3x3 and pooled branches (Mixed_5b to 5d)."""

    pool_features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] to [B, H, W, 224 + pool_features]."""
        one = _chain(x, "branch1x1", ("", (64, (1, 1))))
        five = _chain(x, "branch5x5", ("_1", (48, (1, 1))), ("_2", (64, (5, 5))))
        three = _chain(x, "branch3x3dbl", ("_1", (64, (1, 1))), ("_2", (96, (3, 3))), ("_3", (96, (3, 3))))
        pool = _chain(_average_pool(x), "branch_pool", ("", (self.pool_features, (1, 1))))
        return jnp.concatenate([one, five, three, pool], -1)


class BlockB(nn.Module):
    """35x35 to 17x17 (Mixed_6a)."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] to [B, H', W', 480 + C]."""
        three = _square(384, 3, stride=2, name="branch3x3")(x)
        double = _chain(x, "branch3x3dbl", ("_1", (64, (1, 1))), ("_2", (96, (3, 3))))
        double = _square(96, 3, stride=2, name="branch3x3dbl_3")(double)
        return jnp.concatenate([three, double, _max_pool(x)], -1)


class BlockC(nn.Module):
    """17x17 blocks with factorised 7x7 convolutions (Mixed_6b to 6e)."""

    channels_7x7: int

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        """[B, H, W, C] to ([B, H, W, 768], its 1x1 branch [B, H, W, 192])."""
        c = self.channels_7x7
        one = _chain(x, "branch1x1", ("", (192, (1, 1))))
        seven = _chain(x, "branch7x7", ("_1", (c, (1, 1))), ("_2", (c, (1, 7))), ("_3", (192, (7, 1))))
        double = _chain(
            x,
            "branch7x7dbl",
            ("_1", (c, (1, 1))),
            ("_2", (c, (7, 1))),
            ("_3", (c, (1, 7))),
            ("_4", (c, (7, 1))),
            ("_5", (192, (1, 7))),
        )
        pool = _chain(_average_pool(x), "branch_pool", ("", (192, (1, 1))))
        return jnp.concatenate([one, seven, double, pool], -1), one


class BlockD(nn.Module):
    """17x17 to 8x8 (Mixed_7a)."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] to [B, H', W', 512 + C]."""
        three = _square(320, 3, stride=2, name="branch3x3_2")(_chain(x, "branch3x3", ("_1", (192, (1, 1)))))
        seven = _chain(x, "branch7x7x3", ("_1", (192, (1, 1))), ("_2", (192, (1, 7))), ("_3", (192, (7, 1))))
        seven = _square(192, 3, stride=2, name="branch7x7x3_4")(seven)
        return jnp.concatenate([three, seven, _max_pool(x)], -1)


class BlockE(nn.Module):
    """8x8 blocks that end in split 1x3 and 3x1 convolutions (Mixed_7b pools by average, Mixed_7c by maximum)."""

    pool: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[B, H, W, C] to [B, H, W, 2048]."""
        one = _chain(x, "branch1x1", ("", (320, (1, 1))))
        three = _chain(x, "branch3x3", ("_1", (384, (1, 1))))
        double = _chain(x, "branch3x3dbl", ("_1", (448, (1, 1))), ("_2", (384, (3, 3))))
        split = [
            _chain(branch, prefix, (suffix, (384, kernel)))
            for branch, prefix, number in ((three, "branch3x3", "_2"), (double, "branch3x3dbl", "_3"))
            for suffix, kernel in ((number + "a", (1, 3)), (number + "b", (3, 1)))
        ]
        pooled = _average_pool(x) if self.pool == "average" else _max_pool(x, 1)
        last = _chain(pooled, "branch_pool", ("", (192, (1, 1))))
        return jnp.concatenate([one, *split, last], -1)


class InceptionV3(nn.Module):
    """The network, with every tap that scores read; unused ones cost nothing under jit."""

    @nn.compact
    def __call__(self, x: Array) -> dict[str, Array]:
        """Maps preprocessed images [B, 299, 299, 3] (see :func:`preprocess`) to float32 features.

        Returns:
          '64', '192', '768', '2048': spatial means after the first and second max pool, Mixed_6e and Mixed_7c, [B, n];
          'logits_unbiased' and 'logits' [B, 1008] (Inception Score uses the former, as TensorFlow's code and
          torch-fidelity do); 'spatial' [B, 17 * 17 * 7], the first seven channels of Mixed_6d's 1x1 branch, of which
          sFID is made (Nash et al. 2021, arXiv:2103.03841; guided-diffusion's ``evaluator.py`` reads mixed_6/conv).
        """
        taps = {}
        x = _square(32, 3, stride=2, name="Conv2d_1a_3x3")(x)
        x = _square(32, 3, name="Conv2d_2a_3x3")(x)
        x = _square(64, 3, padding=(1, 1), name="Conv2d_2b_3x3")(x)
        x = _max_pool(x)
        taps["64"] = x.mean((1, 2))
        x = Conv(80, name="Conv2d_3b_1x1")(x)
        x = _square(192, 3, name="Conv2d_4a_3x3")(x)
        x = _max_pool(x)
        taps["192"] = x.mean((1, 2))
        for name, features in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = BlockA(features, name=name)(x)
        x = BlockB(name="Mixed_6a")(x)
        for name, channels in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x, one = BlockC(channels, name=name)(x)
            if name == "Mixed_6d":
                taps["spatial"] = one[..., :SPATIAL_CHANNELS].reshape(len(one), -1)
        taps["768"] = x.mean((1, 2))
        x = BlockD(name="Mixed_7a")(x)
        x = BlockE("average", name="Mixed_7b")(x)
        x = BlockE("maximum", name="Mixed_7c")(x)
        taps["2048"] = x.mean((1, 2))
        kernel = self.param("fc_kernel", nn.initializers.lecun_normal(), (2048, 1008))
        bias = self.param("fc_bias", nn.initializers.zeros, (1008,))
        taps["logits_unbiased"] = jnp.dot(taps["2048"], kernel, precision=jax.lax.Precision.HIGHEST)
        taps["logits"] = taps["logits_unbiased"] + bias[None]
        return taps
