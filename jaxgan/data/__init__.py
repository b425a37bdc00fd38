"""Data sets as random-access sources of fields, augmentation of whole examples, and batches by the step."""

from jaxgan.data.augment import Augmentation, augmentations, augmented
from jaxgan.data.derived_fields import Binarise, ClassCaptions, Colours, Degrade, Edges, Grey, Levels
from jaxgan.data.digits import digits_source
from jaxgan.data.fields import Field, FieldSpec
from jaxgan.data.folder import folder_source
from jaxgan.data.geometry import Flip, Jitter, RandomCrop, Rescale, Resize
from jaxgan.data.image_pairs import pairs_source
from jaxgan.data.loader import INDEX, batch_fields, batches, domain_field
from jaxgan.data.open import class_domains, open_dataset, open_domains
from jaxgan.data.plain_images import domain_sources, single_image_source
from jaxgan.data.prefetch import Prefetch, prefetch
from jaxgan.data.source import Batch, Source, array_source, in_memory, joined, load, select, subset
from jaxgan.data.stacked_mnist import stacked_mnist_source
from jaxgan.data.tfds_source import tfds_source
from jaxgan.data.toy import Mixture, toy_batches, toy_mixture
from jaxgan.data.transforms import center_crop_resize, flip_mask, to_channels

__all__ = [
    "INDEX",
    "Augmentation",
    "Batch",
    "Binarise",
    "ClassCaptions",
    "Colours",
    "Degrade",
    "Edges",
    "Field",
    "FieldSpec",
    "Flip",
    "Grey",
    "Jitter",
    "Levels",
    "Mixture",
    "Prefetch",
    "RandomCrop",
    "Rescale",
    "Resize",
    "Source",
    "array_source",
    "augmentations",
    "augmented",
    "batch_fields",
    "batches",
    "center_crop_resize",
    "class_domains",
    "digits_source",
    "domain_field",
    "domain_sources",
    "flip_mask",
    "folder_source",
    "in_memory",
    "joined",
    "load",
    "open_dataset",
    "open_domains",
    "pairs_source",
    "prefetch",
    "select",
    "single_image_source",
    "stacked_mnist_source",
    "subset",
    "tfds_source",
    "to_channels",
    "toy_batches",
    "toy_mixture",
]
