"""Prior of a generator's latents: normal or uniform noise, and InfoGAN's categorical and continuous codes."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

PRIOR_KINDS = ("normal", "uniform")


@dataclasses.dataclass(frozen=True)
class Prior:
    """Maps latents ~ N(0, I) to a prior: noise, then one-hot codes, then continuous codes, along the last axis.

    Every draw stays N(0, I) of ``size`` numbers, whatever the prior; so drawing, truncation and what is stored of a
    sample need not know it. Uniform numbers are the normal's distribution function of a draw. A code of k categories is
    the largest of k draws: equal probabilities, also under every truncation but 'clamp', whose ties go to the first.

    Attributes:
      noise: numbers that are no code.
      kind: of the noise, 'normal' (BigGAN and most later ones) or 'uniform' on [-1, 1] (DCGAN, arXiv:1511.06434, and
        the code of InfoGAN).
      categorical: sizes of the one-hot codes (InfoGAN, arXiv:1606.03657, section 7; one code of 10 on MNIST).
      continuous: codes uniform on [-1, 1], one number each.

    Raises:
      ValueError: on an unknown kind, a negative count, a code of fewer than two categories, or a prior of no numbers.
    """

    noise: int
    kind: str = "normal"
    categorical: tuple[int, ...] = ()
    continuous: int = 0

    def __post_init__(self) -> None:
        if self.kind not in PRIOR_KINDS:
            raise ValueError(f"unknown kind of noise {self.kind!r}; choose from {list(PRIOR_KINDS)}")
        # A config's list would not be hashable, and so could not be closed over by what is compiled.
        object.__setattr__(self, "categorical", tuple(self.categorical))
        if any(k < 2 for k in self.categorical):
            raise ValueError(f"a categorical code has at least 2 categories, got {self.categorical}")
        if self.noise < 0 or self.continuous < 0 or not self.size:
            raise ValueError(f"needs counts from 0 and a number in all, got {self}")

    @property
    def size(self) -> int:
        """Numbers of a latent, and of what a generator sees."""
        return self.noise + sum(self.categorical) + self.continuous

    @property
    def num_codes(self) -> int:
        """Codes, each categorical one counted once."""
        return len(self.categorical) + self.continuous

    def __call__(self, latents: Array) -> Array:
        """[B, size] ~ N(0, I) -> [B, size] float32 distributed as the prior.

        Raises:
          ValueError: where the last axis is not ``size``.
        """
        self._check(latents)
        noise, *blocks, continuous = self._parts(latents.astype(jnp.float32))
        codes = [jax.nn.one_hot(block.argmax(-1), block.shape[-1]) for block in blocks]
        noise = noise if self.kind == "normal" else _uniform(noise)
        return jnp.concatenate([noise, *codes, _uniform(continuous)], axis=-1)

    def codes(self, mapped: Array) -> tuple[tuple[Array, ...], Array]:
        """Codes in mapped latents [B, size]: one-hot ones, each [B, k], and continuous ones [B, continuous]."""
        self._check(mapped)
        _, *categorical, continuous = self._parts(mapped)
        return tuple(categorical), continuous

    def set_code(self, mapped: Array, code: int, value: Array | float) -> Array:
        """Mapped latents with one code set.

        Args:
          mapped: [B, size], of :meth:`__call__`.
          code: which, from 0: the categorical ones, then the continuous ones.
          value: [] or [B]; a category from 0, or any number: InfoGAN's figure 2 goes from -2 to 2, past what is
            trained on.

        Returns:
          [B, size].

        Raises:
          ValueError: on a code that there is not, or a category (where it is a number) that the code has not.
        """
        self._check(mapped)
        if not 0 <= code < self.num_codes:
            raise ValueError(f"this prior has codes 0 to {self.num_codes - 1}, got {code}")
        noise, *blocks = self._parts(mapped)
        if code < len(self.categorical):
            k = self.categorical[code]
            if isinstance(value, int | float) and value not in range(k):
                raise ValueError(f"code {code} has categories 0 to {k - 1}, got {value}")
            one_hot = jax.nn.one_hot(jnp.asarray(value, jnp.int32), k, dtype=mapped.dtype)
            blocks[code] = jnp.broadcast_to(one_hot, blocks[code].shape)
        else:
            blocks[-1] = blocks[-1].at[:, code - len(self.categorical)].set(value)
        return jnp.concatenate([noise, *blocks], axis=-1)

    def _check(self, latents: Array) -> None:
        if latents.ndim != 2 or latents.shape[-1] != self.size:
            raise ValueError(f"this prior has latents [B, {self.size}], got {latents.shape}")

    def _parts(self, latents: Array) -> list[Array]:
        """[noise, each categorical code, continuous codes]: columns of [B, size]."""
        ends, end = [], self.noise
        for k in self.categorical:
            ends.append(end)
            end += k
        return jnp.split(latents, [*ends, end], axis=-1)


def _uniform(z: Array) -> Array:
    """2 Phi(z) - 1: uniform on [-1, 1] for z ~ N(0, 1)."""
    return jax.lax.erf(z * 0.5**0.5)
