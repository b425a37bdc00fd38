"""A small convolutional image classifier, trained on samples by scores such as train-on-synthetic-test-on-real."""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array


class Classifier(nn.Module):
    """Two rounds of 3x3 convolution, ReLU and 2x2 max-pooling, then a hidden layer.

    Attributes:
      num_classes: outputs.
      features: channels of the two convolutions.
      hidden: units of the hidden layer.
    """

    num_classes: int
    features: tuple[int, int] = (16, 32)
    hidden: int = 64

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Images [B, H, W, C] float in [-1, 1] -> logits [B, num_classes] float32."""
        h = images
        for features in self.features:
            h = nn.relu(nn.Conv(features, (3, 3))(h))
            h = nn.max_pool(h, (2, 2), (2, 2))
        h = nn.relu(nn.Dense(self.hidden)(h.reshape(h.shape[0], -1)))
        return nn.Dense(self.num_classes)(h).astype(jnp.float32)
