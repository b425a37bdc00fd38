"""Quantisation by a distribution over codes, relaxed by Gumbel-softmax (DALL-E: arXiv:2102.12092, section 2.1; VQGAN's
variant: CompVis/taming-transformers, ``GumbelQuantize``).
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.nn.gumbel_softmax import gumbel_softmax, uniform_kl
from jaxgan.nn.vector_quantizer import Quantized


class GumbelQuantizer(nn.Module):
    """Each vector becomes a code that is drawn of its logits, one-hot with the gradient of the relaxed draw; in
    evaluation the likeliest.

    Attributes:
      size: K.
      dim: D, of a code's vector.
      kl: weight of the nats of codes from uniform ones, a mean over vectors.
    """

    size: int
    dim: int
    kl: float = 5e-4

    def setup(self) -> None:
        """The logits' layer and the codes' vectors."""
        self.to_logits = nn.Dense(self.size)
        self.codes = self.param("codes", nn.initializers.normal(1.0), (self.size, self.dim), jnp.float32)

    def vectors(self, codes: Array) -> Array:
        """The vectors [..., D] of codes int [...]."""
        return self.codes[codes]

    def __call__(self, inputs: Array, temperature: Array, *, train: bool) -> Quantized:
        """Quantises ``inputs`` [..., C] float, in train mode under the stream 'noise'."""
        logits = self.to_logits(inputs).astype(jnp.float32)
        nearest = logits.argmax(-1)
        shares = nn.one_hot(nearest, self.size)
        if train:
            shares = gumbel_softmax(self.make_rng("noise"), logits, temperature, hard=True)
        used = shares.reshape(-1, self.size).mean(0)
        return Quantized(
            vectors=shares @ self.codes,
            codes=shares.argmax(-1).astype(jnp.int32),
            loss=self.kl * uniform_kl(logits).mean(),
            perplexity=jnp.exp(-(used * jnp.log(used + 1e-10)).sum()),
            usage=(used > 0).mean(),
        )
