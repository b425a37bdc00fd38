"""Image sets as random-access sources, and batches as a pure function of the step."""

from jaxgan.data.digits import digits_source
from jaxgan.data.folder import folder_source
from jaxgan.data.loader import batches
from jaxgan.data.open import open_dataset
from jaxgan.data.prefetch import Prefetch, prefetch
from jaxgan.data.source import Batch, Source, in_memory, load
from jaxgan.data.stacked_mnist import stacked_mnist_source
from jaxgan.data.tfds_source import tfds_source
from jaxgan.data.toy import Mixture, toy_batches, toy_mixture
from jaxgan.data.transforms import center_crop_resize, flip_mask, to_channels

__all__ = [
    "Batch",
    "Mixture",
    "Prefetch",
    "Source",
    "batches",
    "center_crop_resize",
    "digits_source",
    "flip_mask",
    "folder_source",
    "in_memory",
    "load",
    "open_dataset",
    "prefetch",
    "stacked_mnist_source",
    "tfds_source",
    "to_channels",
    "toy_batches",
    "toy_mixture",
]
