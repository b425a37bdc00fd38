"""FeatureNetwork: a network from images to features that scores look through, with its weights and their hash."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan.features.efficientnet_lite import IMAGE_SIZE, EfficientNetLite0, features_input
from jaxgan.features.inception import InceptionV3, preprocess
from jaxgan.features.resizers import resize

Features = dict[str, Array]


class FeatureNetwork(NamedTuple):
    """A feature network with its weights; any other than ours fits by being written as one of these.

    Attributes:
      name: 'inception', 'efficientnet_lite0', or one's own; it names the scores.
      digest: SHA-256 of the weights, for the stamp.
      resizer: which resizer ``apply`` uses, for the stamp.
      variables: the weights.
      apply: a pure, hashable function of (variables, images [B, H, W, 1 or 3] uint8), that gives 'pool' [B, D] and,
        where it has them, 'spatial' [B, S] and 'logits' [B, K], float32.
      published: whether these are the very weights that published scores were computed with.
    """

    name: str
    digest: str
    resizer: str
    variables: Any
    apply: Callable[[Any, Array], Features]
    published: bool = False

    def dims(self, image_shape: tuple[int, ...]) -> dict[str, int]:
        """The width of each output, for images of shape (H, W, C)."""
        image = jax.ShapeDtypeStruct((1, *image_shape), np.uint8)
        return {name: x.shape[-1] for name, x in jax.eval_shape(self.apply, self.variables, image).items()}


@dataclasses.dataclass(frozen=True)
class InceptionFeatures:
    """The FID Inception after ``resizer``; a value, so that jit knows it again."""

    resizer: str

    def __call__(self, variables: Any, images: Array) -> Features:
        """See :class:`FeatureNetwork`; logits are those without bias, which the Inception Score is defined on."""
        taps: Any = InceptionV3().apply(variables, preprocess(images, self.resizer))
        return {"pool": taps["2048"], "spatial": taps["spatial"], "logits": taps["logits_unbiased"]}


@dataclasses.dataclass(frozen=True)
class EfficientNetLite0Features:
    """EfficientNet-Lite0 at 224 pixels after ``resizer``."""

    resizer: str

    def __call__(self, variables: Any, images: Array) -> Features:
        """See :class:`FeatureNetwork`."""
        x = resize(images, (IMAGE_SIZE, IMAGE_SIZE), self.resizer)
        found: Any = EfficientNetLite0().apply(variables, features_input(jnp.broadcast_to(x, (*x.shape[:-1], 3))))
        spatial = found.spatial.reshape(len(images), -1)
        return {"pool": found.pool, "spatial": spatial, "logits": found.logits}
