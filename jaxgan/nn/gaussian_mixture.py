"""Parameters of a mixture of diagonal Gaussians."""

import jax
from flax import linen as nn
from jax import Array


class GaussianMixture(nn.Module):
    """Shares, means and variances that are learnt.

    Attributes:
      components: K.
      size: D.
    """

    components: int
    size: int

    @nn.compact
    def __call__(self) -> tuple[Array, Array, Array]:
        """``(logits of the shares [K], means [K, D], logarithms of the variances [K, D])``; the means begin at N(0, I),
        so that components differ.
        """
        shape = (self.components, self.size)
        return (
            self.param("logits", jax.nn.initializers.zeros, (self.components,)),
            self.param("means", jax.nn.initializers.normal(1.0), shape),
            self.param("log_variances", jax.nn.initializers.zeros, shape),
        )
