"""Vector quantisation with a codebook that is trained by gradients or by moving averages (van den Oord et al. 2017,
arXiv:1711.00937, sections 3.1, 3.2 and appendix A.1; code google-deepmind/sonnet, ``nets/vqvae.py``).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

UPDATES = ("average", "gradient")
FIRST_CODES = ("fan_in", "reciprocal")


class Quantized(NamedTuple):
    """Vectors that became codes.

    Attributes:
      vectors: [..., D] float32: the codes' vectors, whose gradient goes on to what was quantised.
      codes: [...] int32.
      loss: [], to be added: ``commitment`` times the mean square of inputs less codes, and with ``update='gradient'``
        ``codebook`` times that of codes less inputs.
      perplexity: [], of the batch's codes: e to their entropy, 1 to K.
      usage: [], the share of the K codes that the batch has.
    """

    vectors: Array
    codes: Array
    loss: Array
    perplexity: Array
    usage: Array


class VectorQuantizer(nn.Module):
    """Each vector becomes the nearest of K codes.

    With ``update='average'`` codes are moving averages of what they stand for, in the collection 'codebook', moved in
    train mode where it is mutable: the sums and counts without bias to 0, the counts smoothed by Laplace's rule, after
    the batch was quantised by the codes before. With 'gradient' they are the parameter 'codes'.

    Attributes:
      size: K.
      dim: D.
      update: 'average' or 'gradient'.
      commitment: beta.
      decay: of the averages, a batch.
      epsilon: of Laplace's rule.
      restart: a code whose average count falls below this becomes a vector of the batch, drawn of the stream 'noise'; 0
        for never, as in the reference.
      codebook: weight of the codes' own loss, with 'gradient'.
      first_codes: where codes start: 'fan_in', uniform with the variance 1 / D (Sonnet), or 'reciprocal', uniform in
        [-1 / K, 1 / K] (CompVis/taming-transformers).
    """

    size: int = 512
    dim: int = 64
    update: str = "average"
    commitment: float = 0.25
    decay: float = 0.99
    epsilon: float = 1e-5
    restart: float = 0.0
    codebook: float = 1.0
    first_codes: str = "fan_in"

    def setup(self) -> None:
        """The codes, and what their averages are made of."""
        if self.update not in UPDATES:
            raise ValueError(f"update={self.update!r}; choose from {', '.join(UPDATES)}")
        if self.first_codes not in FIRST_CODES:
            raise ValueError(f"first_codes={self.first_codes!r}; choose from {', '.join(FIRST_CODES)}")
        shape = (self.size, self.dim)
        scaled = nn.initializers.variance_scaling(1.0, "fan_in", "uniform", in_axis=1, out_axis=0)
        first: Any = _reciprocal if self.first_codes == "reciprocal" else scaled
        if self.update == "gradient":
            self.codes = self.param("codes", first, shape, jnp.float32)
            return
        self.averages = self.variable("codebook", "codes", lambda: first(self.make_rng("params"), shape, jnp.float32))
        self.counts = self.variable("codebook", "counts", jnp.zeros, (self.size,), jnp.float32)
        self.sums = self.variable("codebook", "sums", jnp.zeros, shape, jnp.float32)
        self.updates = self.variable("codebook", "updates", jnp.zeros, (), jnp.float32)

    @property
    def book(self) -> Array:
        """The codes' vectors [K, D]."""
        return self.codes if self.update == "gradient" else self.averages.value

    def vectors(self, codes: Array) -> Array:
        """The vectors [..., D] of codes int [...]."""
        return self.book[codes]

    def __call__(self, inputs: Array, *, train: bool) -> Quantized:
        """Quantises ``inputs`` [..., D] float.

        Raises:
          ValueError: on vectors of another size.
        """
        if inputs.shape[-1] != self.dim:
            raise ValueError(f"codes of {self.dim} numbers got vectors of {inputs.shape[-1]}")
        book = self.book
        flat = inputs.astype(jnp.float32).reshape(-1, self.dim)
        squares = jnp.square(flat).sum(-1)[:, None] + jnp.square(book).sum(-1)[None]
        nearest = (squares - 2 * flat @ book.T).argmin(-1)
        chosen = book[nearest].reshape(inputs.shape)
        counts = jax.ops.segment_sum(jnp.ones_like(nearest, jnp.float32), nearest, self.size)

        wide = inputs.astype(jnp.float32)
        loss = self.commitment * jnp.square(wide - jax.lax.stop_gradient(chosen)).mean()
        if self.update == "gradient":
            loss += self.codebook * jnp.square(chosen - jax.lax.stop_gradient(wide)).mean()
        else:
            self._average(jax.lax.stop_gradient(flat), nearest, counts, train=train)
        share = counts / counts.sum()
        entropy = -(share * jnp.log(share + 1e-10)).sum()
        return Quantized(
            vectors=wide + jax.lax.stop_gradient(chosen - wide),
            codes=nearest.reshape(inputs.shape[:-1]).astype(jnp.int32),
            loss=loss,
            perplexity=jnp.exp(entropy),
            usage=(counts > 0).mean(),
        )

    def _average(self, flat: Array, nearest: Array, counts: Array, *, train: bool) -> None:
        if not train or self.is_initializing() or not self.is_mutable_collection("codebook"):
            return
        sums = jax.ops.segment_sum(flat, nearest, self.size)
        updates = self.updates.value + 1
        counts = self.decay * self.counts.value + (1 - self.decay) * counts
        sums = self.decay * self.sums.value + (1 - self.decay) * sums
        unbiased = 1 - self.decay**updates
        if self.restart:
            rows = jax.random.randint(self.make_rng("noise"), (self.size,), 0, flat.shape[0])
            dead = counts / unbiased < self.restart
            counts = jnp.where(dead, self.restart * unbiased, counts)
            sums = jnp.where(dead[:, None], self.restart * unbiased * flat[rows], sums)
        average, total = counts / unbiased, counts.sum() / unbiased
        smooth = (average + self.epsilon) / (total + self.size * self.epsilon) * total
        self.averages.value = sums / unbiased / smooth[:, None]
        self.counts.value, self.sums.value, self.updates.value = counts, sums, updates


def _reciprocal(key: Array, shape: tuple[int, int], dtype: Any) -> Array:
    """Uniform in [-1 / K, 1 / K] of shape [K, D]."""
    return jax.random.uniform(key, shape, dtype, -1 / shape[0], 1 / shape[0])
