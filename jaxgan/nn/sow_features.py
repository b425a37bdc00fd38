"""What a discriminator shows of its insides: the representation before its last layer."""

from flax import linen as nn
from jax import Array

FEATURES = "features"


def sow_features(module: nn.Module, features: Array) -> None:
    """Shows ``features`` to those who apply ``module`` with the collection ``'features'`` mutable, as
    ``features['last']``; costs nothing otherwise.

    Feature matching (arXiv:1606.03498, section 3.1) compares them, and auxiliary heads (ACGAN, InfoGAN) read them.

    Args:
      module: the network, inside its call.
      features: [B, F].
    """
    module.sow(FEATURES, "last", features, reduce_fn=lambda _, new: new, init_fn=lambda: None)
