"""Linen layers and differentiable operations, each importable alone."""

from jaxgan.nn.attention import SelfAttention
from jaxgan.nn.batch_norm import BatchNorm, ConditionalBatchNorm
from jaxgan.nn.bottleneck import DownBottleneck, UpBottleneck
from jaxgan.nn.initializers import initializer
from jaxgan.nn.instance_norm import instance_norm
from jaxgan.nn.minibatch import MinibatchDiscrimination, minibatch_stddev
from jaxgan.nn.pixel_shuffle import pixel_shuffle
from jaxgan.nn.pixels import from_uint8, to_uint8
from jaxgan.nn.pooling import pooled
from jaxgan.nn.reflect_pad import reflect_pad
from jaxgan.nn.remat import REMAT, rematerialized
from jaxgan.nn.resample import average_pool, max_pool, upsample_nearest
from jaxgan.nn.residual import DownBlock, UpBlock
from jaxgan.nn.sow_features import FEATURES, sow_features, sown
from jaxgan.nn.spectral_norm import Conv, Dense, Embed, fold_spectral_norms, power_iteration

__all__ = [
    "FEATURES",
    "REMAT",
    "BatchNorm",
    "ConditionalBatchNorm",
    "Conv",
    "Dense",
    "DownBlock",
    "DownBottleneck",
    "Embed",
    "MinibatchDiscrimination",
    "SelfAttention",
    "UpBlock",
    "UpBottleneck",
    "average_pool",
    "fold_spectral_norms",
    "from_uint8",
    "initializer",
    "instance_norm",
    "max_pool",
    "minibatch_stddev",
    "pixel_shuffle",
    "pooled",
    "power_iteration",
    "reflect_pad",
    "rematerialized",
    "sow_features",
    "sown",
    "to_uint8",
    "upsample_nearest",
]
