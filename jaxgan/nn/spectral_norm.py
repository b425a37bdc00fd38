"""Spectral normalisation (Miyato et al. 2018, arXiv:1802.05957) and the layers that carry it.

A layer's weight is divided by an estimate of its largest singular value, from one power iteration on the matrix
[outputs, everything else] (the convention of BigGAN-PyTorch and of torch). The left vector ``u`` lives in the
collection ``'spectral'`` and is stored only where that collection is mutable: ``module.apply(...,
mutable=['spectral'])`` moves it by one iteration, any other call leaves it, so evaluation is read-only by construction.
``u`` and ``v`` carry no gradient, sigma does (BigGAN-PyTorch ``layers.py``, torch ``spectral_norm``).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.parallel import gather

# Power iterations in bfloat16 passes (the TPU default for float32 products) drift from the true singular value.
_PRECISION = jax.lax.Precision.HIGHEST


def _normalize(x: Array, eps: float) -> Array:
    return x / jnp.maximum(jnp.sqrt(jnp.square(x).sum()), eps)


def power_iteration(weight: Array, u: Array, *, output_axis: int = 0, eps: float = 1e-6) -> tuple[Array, Array]:
    """One power iteration for the largest singular value.

    Args:
      weight: float of any rank, taken as the matrix [outputs, everything else]. It is not reshaped to one, so that a
        weight which is split over a mesh is worked on where it lies: a device multiplies its own part, and vectors
        alone are summed.
      u: [outputs] float, the current left vector.
      output_axis: of ``weight``.
      eps: the least norm to divide by. References differ: BigGAN-PyTorch's layers 1e-12, its ImageNet script and
        StudioGAN 1e-6, the TF Hub release 1e-4.

    Returns:
      ``(sigma, u)``: the estimate, [] float, differentiable in ``weight``; and the moved vector, without gradient.
    """
    output_axis %= weight.ndim
    others = [axis for axis in range(weight.ndim) if axis != output_axis]

    def times(w: Array, v: Array) -> Array:
        return jnp.tensordot(w, v, axes=(others, list(range(v.ndim))), precision=_PRECISION)

    fixed = jax.lax.stop_gradient(weight)
    v = _normalize(jnp.tensordot(u, fixed, axes=((0,), (output_axis,)), precision=_PRECISION), eps)
    u = _normalize(times(fixed, v), eps)
    u, v = jax.lax.stop_gradient((u, v))
    sigma = jnp.vdot(u, times(weight, v), precision=_PRECISION)
    return sigma, u


def _normalized(module: nn.Module, weight: Array, output_axis: int, eps: float, dtype: Any) -> Array:
    """``weight`` divided by its estimated spectral norm, in ``dtype``, whole on every device; ``module`` keeps u."""
    if module.has_variable("spectral", "folded"):
        if module.is_mutable_collection("spectral"):
            raise ValueError(
                "weights whose spectral norms are folded in are for evaluation: train those they came from"
            )
        return gather(weight.astype(dtype or weight.dtype))
    wide = weight.astype(jnp.float32)

    def start() -> Array:
        shape = (weight.shape[output_axis],)
        return _normalize(jax.random.normal(module.make_rng("params"), shape, jnp.float32), eps)

    u = module.variable("spectral", "u", start)
    sigma, moved = power_iteration(wide, u.value, output_axis=output_axis, eps=eps)
    if module.is_mutable_collection("spectral") and not module.is_initializing():
        u.value = moved
    # Narrowed before it is gathered: half the bytes travel, and each device divides its own part.
    return gather((weight / sigma.astype(weight.dtype)).astype(dtype or weight.dtype))


def fold_spectral_norms(variables: Any, *, eps: float = 1e-6) -> Any:
    """``variables`` of a network with every weight divided by its spectral norm once and for all: what is drawn from
    them in evaluation is the same, and no power iteration is run. They cannot be trained.

    Args:
      variables: the collections of a network; one without ``spectral``, or folded already, comes back as it is.
      eps: that of the layers, which tells on weights of no size alone.
    """
    if not variables.get("spectral"):
        return variables

    def fold(params: Any, spectral: Any) -> tuple[Any, Any]:
        if "u" not in spectral:
            below = {name: fold(params[name], spectral[name]) for name in spectral if name != "folded"}
            folded = {"folded": spectral["folded"]} if "folded" in spectral else {}
            return {**params, **{n: p for n, (p, _) in below.items()}}, folded | {n: s for n, (_, s) in below.items()}
        name, axis = ("embedding", 0) if "embedding" in params else ("kernel", -1)
        sigma, _ = power_iteration(params[name].astype(jnp.float32), spectral["u"], output_axis=axis, eps=eps)
        return {**params, name: params[name] / sigma.astype(params[name].dtype)}, {"folded": jnp.zeros(())}

    params, spectral = fold(variables["params"], variables["spectral"])
    return {**variables, "params": params, "spectral": spectral}


class NormalizedWeight(NamedTuple):
    """A spectrally normalised weight as it is stored.

    Attributes:
      weight: float of any rank, undivided.
      u: [outputs], the left vector.
      output_axis: of ``weight``.
    """

    weight: Array
    u: Array
    output_axis: int


def normalized_weights(variables: Mapping[str, Any]) -> dict[str, NormalizedWeight]:
    """The spectrally normalised weights of a network by the '/'-joined names of their layers, in order; empty where
    there are none, or their norms are folded in.
    """
    found: dict[str, NormalizedWeight] = {}

    def walk(params: Any, spectral: Any, path: tuple[str, ...]) -> None:
        if "u" in spectral:
            name, axis = ("embedding", 0) if "embedding" in params else ("kernel", -1)
            found["/".join(path)] = NormalizedWeight(params[name], spectral["u"], axis)
            return
        for name in spectral:
            if name != "folded":
                walk(params[name], spectral[name], (*path, name))

    walk(variables["params"], variables.get("spectral", {}), ())
    return found


class Conv(nn.Conv):
    """``flax.linen.Conv`` on [B, H, W, C] whose kernel is spectrally normalised, unless ``spectral_norm=False``."""

    spectral_norm: bool = True
    sn_eps: float = 1e-6

    def param(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The parameter as the layer uses it."""
        value = super().param(name, *args, **kwargs)
        if name == "kernel" and self.spectral_norm:
            return _normalized(self, value, -1, self.sn_eps, self.dtype)
        return value


class Dense(nn.Dense):
    """``flax.linen.Dense`` on [..., C] whose kernel is spectrally normalised, unless ``spectral_norm=False``."""

    spectral_norm: bool = True
    sn_eps: float = 1e-6

    def param(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The parameter as the layer uses it."""
        value = super().param(name, *args, **kwargs)
        if name == "kernel" and self.spectral_norm:
            return _normalized(self, value, -1, self.sn_eps, self.dtype)
        return value


class Embed(nn.Module):
    """A table of class vectors, spectrally normalised unless ``spectral_norm=False``.

    Called with int labels [B] it gives rows [B, features]; with floats [B, num_embeddings] it gives those mixtures of
    rows, which is how one interpolates between classes.
    """

    num_embeddings: int
    features: int
    spectral_norm: bool = True
    sn_eps: float = 1e-6
    dtype: Any = None
    param_dtype: Any = jnp.float32
    embedding_init: Any = nn.initializers.normal(1.0)

    @nn.compact
    def __call__(self, labels: Array) -> Array:
        """Looks up int labels [B], or mixes rows by float weights [B, num_embeddings] -> [B, features]."""
        table = self.param("embedding", self.embedding_init, (self.num_embeddings, self.features), self.param_dtype)
        if self.spectral_norm:
            table = _normalized(self, table, 0, self.sn_eps, self.dtype)
        table = table.astype(self.dtype or self.param_dtype)
        if jnp.issubdtype(labels.dtype, jnp.integer):
            return jnp.take(table, labels, axis=0)
        if labels.shape[-1] != self.num_embeddings:
            raise ValueError(
                f"float labels are class weights [B, {self.num_embeddings}], got shape {labels.shape}; "
                "give int labels [B] for a plain look-up"
            )
        return labels.astype(table.dtype) @ table
