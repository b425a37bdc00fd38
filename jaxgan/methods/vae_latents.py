"""Latents of variational autoencoders: a prior and the encoder's posterior, of Gaussians, of a mixture of Gaussians, or
of categories.

All are made of N(0, I) noise [B, numbers], so that what is drawn is a function of it. The encoder's two outputs [B,
numbers] are ``found``: mean and logarithm of the variance, or, of categories, their logits and nothing.
"""

import dataclasses
import math
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.nn.gaussian_mixture import GaussianMixture
from jaxgan.nn.gumbel_softmax import uniform_kl
from jaxgan.training.update import Module

PRIORS = ("normal", "mixture", "categorical")
Found = tuple[Array, Array]


class VaeLatents(Protocol):
    """Prior and posterior of a latent."""

    @property
    def numbers(self) -> int:
        """That the encoder gives, twice, and that a posterior is drawn from."""
        ...

    @property
    def size(self) -> int:
        """Numbers that the decoder takes."""
        ...

    @property
    def prior_numbers(self) -> int:
        """Of N(0, I), that the prior is drawn from."""
        ...

    @property
    def prior(self) -> Module | None:
        """A module with the prior's parameters; None where it has none."""
        ...

    def posterior(self, found: Found, noise: Array, *, relaxed: bool) -> Array:
        """z [B, size] of the posterior; ``relaxed``, where there is no gradient otherwise."""
        ...

    def log_ratio(self, variables: Any, found: Found, noise: Array) -> Array:
        """log p(z) - log q(z | x) of the unrelaxed z that ``noise`` gives, [B]."""
        ...

    def divergence(self, variables: Any, found: Found, noise: Array) -> Array:
        """The posterior's KL from the prior, [B]: exact, or of the z that ``noise`` gives."""
        ...

    def of_prior(self, variables: Any, noise: Array) -> Array:
        """z [B, size] of the prior."""
        ...

    def edited(self, z: Array, dim: Array, value: Array) -> Array:
        """z with its number, or its category, ``dim`` at ``value``; as it is where ``dim`` is negative."""
        ...


def _log_normal(z: Array, mean: Array, log_variance: Array) -> Array:
    """Log of the density of N(mean, exp(log_variance)) of each number."""
    return -0.5 * (jnp.square(z - mean) * jnp.exp(-log_variance) + log_variance + math.log(2 * math.pi))


def _gaussian(found: Found, noise: Array) -> Array:
    mean, log_variance = found
    return mean + jnp.exp(0.5 * log_variance) * noise


def _with_number(z: Array, dim: Array, value: Array) -> Array:
    return jnp.where(jnp.arange(z.shape[1])[None] == dim, value, z)


@dataclasses.dataclass(frozen=True)
class NormalLatents:
    """N(0, I), and a Gaussian of each image (Kingma & Welling 2013, arXiv:1312.6114, appendix B and C.2).

    Attributes:
      size: numbers of z.
    """

    size: int
    prior: Module | None = None

    @property
    def numbers(self) -> int:
        """Those of z."""
        return self.size

    @property
    def prior_numbers(self) -> int:
        """Those of z."""
        return self.size

    def posterior(self, found: Found, noise: Array, *, relaxed: bool) -> Array:
        """See :class:`VaeLatents`."""
        del relaxed
        return _gaussian(found, noise)

    def log_ratio(self, variables: Any, found: Found, noise: Array) -> Array:
        """See :class:`VaeLatents`."""
        del variables
        z = _gaussian(found, noise)
        # The constants of both are the same.
        return (-0.5 * jnp.square(z) + 0.5 * jnp.square(noise) + 0.5 * found[1]).sum(-1)

    def divergence(self, variables: Any, found: Found, noise: Array) -> Array:
        """Exact: appendix B."""
        del variables, noise
        mean, log_variance = found
        return 0.5 * (jnp.exp(log_variance) + jnp.square(mean) - 1 - log_variance).sum(-1)

    def of_prior(self, variables: Any, noise: Array) -> Array:
        """The noise itself."""
        del variables
        return noise

    def edited(self, z: Array, dim: Array, value: Array) -> Array:
        """See :class:`VaeLatents`."""
        return _with_number(z, dim, value)


@dataclasses.dataclass(frozen=True)
class MixtureLatents:
    """A mixture of Gaussians that is learnt with the rest, and a Gaussian of each image: modes of the prior can become
    kinds of images (Dilokthanakul et al. 2016, arXiv:1611.02648, has a deeper one).

    Attributes:
      size: numbers of z.
      components: of the mixture.
    """

    size: int
    components: int = 10

    @property
    def numbers(self) -> int:
        """Those of z."""
        return self.size

    @property
    def prior(self) -> Module:
        """The mixture's parameters."""
        return GaussianMixture(self.components, self.size)

    @property
    def prior_numbers(self) -> int:
        """Those of z, and one that chooses the component."""
        return self.size + 1

    def posterior(self, found: Found, noise: Array, *, relaxed: bool) -> Array:
        """See :class:`VaeLatents`."""
        del relaxed
        return _gaussian(found, noise)

    def log_ratio(self, variables: Any, found: Found, noise: Array) -> Array:
        """See :class:`VaeLatents`."""
        z = _gaussian(found, noise)
        logits, means, log_variances = self._mixture(variables)
        each = _log_normal(z[:, None], means[None], log_variances[None]).sum(-1)
        log_p = jax.nn.logsumexp(each + jax.nn.log_softmax(logits)[None], axis=-1)
        return log_p - _log_normal(z, *found).sum(-1)

    def divergence(self, variables: Any, found: Found, noise: Array) -> Array:
        """Of the z that ``noise`` gives: there is no closed form."""
        return -self.log_ratio(variables, found, noise)

    def of_prior(self, variables: Any, noise: Array) -> Array:
        """A component by the last number's place in N(0, 1), and of it by the others."""
        logits, means, log_variances = self._mixture(variables)
        ends = jnp.cumsum(jax.nn.softmax(logits))
        place = jax.scipy.stats.norm.cdf(noise[:, -1:])
        chosen = jnp.minimum((place > ends[None]).sum(-1), self.components - 1)
        return means[chosen] + jnp.exp(0.5 * log_variances[chosen]) * noise[:, :-1]

    def edited(self, z: Array, dim: Array, value: Array) -> Array:
        """See :class:`VaeLatents`."""
        return _with_number(z, dim, value)

    def _mixture(self, variables: Any) -> tuple[Array, Array, Array]:
        found: Any = self.prior.apply(variables)
        return found


@dataclasses.dataclass(frozen=True)
class CategoricalLatents:
    """Uniform categories, one-hot, of which each image has a distribution; relaxed by Gumbel-softmax while it trains
    (Jang et al. 2017, arXiv:1611.01144).

    Attributes:
      groups: of categories.
      categories: of each.
      temperature: of the relaxation.
    """

    groups: int
    categories: int
    temperature: float = 0.67
    prior: Module | None = None

    @property
    def size(self) -> int:
        """One-hot numbers of all groups."""
        return self.groups * self.categories

    @property
    def numbers(self) -> int:
        """A logit for each."""
        return self.size

    @property
    def prior_numbers(self) -> int:
        """One for each: the largest of a group is its category."""
        return self.size

    def _grouped(self, x: Array) -> Array:
        return x.reshape(x.shape[0], self.groups, self.categories)

    def posterior(self, found: Found, noise: Array, *, relaxed: bool) -> Array:
        """See :class:`VaeLatents`."""
        uniform = jnp.clip(jax.scipy.stats.norm.cdf(noise), 1e-7, 1 - 1e-7)
        gumbel = -jnp.log(-jnp.log(uniform))
        noisy = self._grouped(found[0] + gumbel)
        if relaxed:
            return jax.nn.softmax(noisy / self.temperature, axis=-1).reshape(noise.shape)
        return jax.nn.one_hot(noisy.argmax(-1), self.categories).reshape(noise.shape)

    def log_ratio(self, variables: Any, found: Found, noise: Array) -> Array:
        """See :class:`VaeLatents`."""
        del variables
        z = self._grouped(self.posterior(found, noise, relaxed=False))
        log_q = (z * jax.nn.log_softmax(self._grouped(found[0]), axis=-1)).sum((1, 2))
        return -self.groups * math.log(self.categories) - log_q

    def divergence(self, variables: Any, found: Found, noise: Array) -> Array:
        """Exact."""
        del variables, noise
        return uniform_kl(self._grouped(found[0])).sum(-1)

    def of_prior(self, variables: Any, noise: Array) -> Array:
        """See :class:`VaeLatents`."""
        del variables
        return jax.nn.one_hot(self._grouped(noise).argmax(-1), self.categories).reshape(noise.shape)

    def edited(self, z: Array, dim: Array, value: Array) -> Array:
        """See :class:`VaeLatents`; ``dim`` is a group and ``value`` its category."""
        new = jax.nn.one_hot(jnp.asarray(value, jnp.int32), self.categories).reshape(1, 1, -1)
        chosen = (jnp.arange(self.groups) == dim).reshape(1, -1, 1)
        return jnp.where(chosen, new, self._grouped(z)).reshape(z.shape)
