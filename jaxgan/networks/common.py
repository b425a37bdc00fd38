"""Common parts of networks: layer fields (dtypes, initialisers, spectral normalisation, batch norms), checks of sizes
and names, class inputs, the first map.

Generators are called as ``network(z, labels, train=...)``, discriminators as ``network(images, labels, train=...)``:

  z       [B, z_dim] float
  images  [B, H, W, C] float in [-1, 1], or points [B, N]
  labels  [B] int, or [B, num_classes] float class weights, for mixtures; ignored where ``conditioning`` is 'none'. A
          network of another condition says so.
  train   normalise with the batch's statistics and drop units (rng 'dropout'). All networks take it; one without
          batch norm or dropout gives the same either way.

The functions read a network's fields by these names, which mean the same in all networks:

  num_classes, conditioning     see :mod:`jaxgan.networks.conditioning`
  z_dim                         latent size
  spectral_norm, sn_eps         as in :class:`jaxgan.nn.Conv`
  weight_init                   a name of :func:`jaxgan.nn.initializers.initializer`
  bn_eps, bn_groups             ``eps`` and ``groups`` of :class:`jaxgan.nn.BatchNorm`
  dtype, param_dtype            of the computation and of the parameters
"""

from collections.abc import Callable, Collection
from typing import Any

from jax import Array

from jaxgan import nn as layers
from jaxgan.networks.conditioning import join_classes

# Norms of networks that translate images, and of discriminators of patches.
TRANSLATION_NORMS = ("batch", "instance", "none")


def pick(network: Any, *names: str, **given: Any) -> dict[str, Any]:
    """The network's fields ``names`` as keyword arguments, for a layer that calls them the same; those ``given`` are
    not read from the network.
    """
    return {name: getattr(network, name) for name in names if name not in given} | given


def weight_fields(network: Any, **given: Any) -> dict[str, Any]:
    """Fields of :class:`jaxgan.nn.Conv` and :class:`jaxgan.nn.Dense`: ``spectral_norm``, ``sn_eps``, ``kernel_init``
    (from ``weight_init``), ``dtype``, ``param_dtype``; ``given`` as in :func:`pick`.
    """
    if "kernel_init" not in given:
        given["kernel_init"] = layers.initializer(network.weight_init)
    return pick(network, "spectral_norm", "sn_eps", "dtype", "param_dtype", **given)


def batch_norm_fields(network: Any, **given: Any) -> dict[str, Any]:
    """Fields of :class:`jaxgan.nn.BatchNorm`: ``eps``, ``groups``, ``dtype``, ``param_dtype``; ``given`` as in
    :func:`pick`.
    """
    return pick(network, "dtype", "param_dtype", **dict(eps=network.bn_eps, groups=network.bn_groups), **given)


def batch_norm(network: Any, h: Array, labels: Any = None, *, name: str, train: bool) -> Array:
    """Batch norm of ``h`` [B, ..., C], class-conditional where ``network.conditioning`` is 'cbn'."""
    if network.conditioning != "cbn":
        return layers.BatchNorm(name=name, **batch_norm_fields(network))(h, train=train)
    fields = batch_norm_fields(network) | weight_fields(network)
    return layers.ConditionalBatchNorm(network.num_classes, name=name, **fields)(h, labels, train=train)


def translation_norm(network: Any, h: Array, *, name: str, train: bool) -> Array:
    """``h`` [B, H, W, C] after the norm that ``network.norm`` names: 'batch', 'instance' (without gain and bias) or
    'none'. In evaluation batch norms use running statistics where ``network.running`` is set, else the batch's own.

    Raises:
      ValueError: on another name.
    """
    check_choice("norm", network.norm, TRANSLATION_NORMS)
    if network.norm == "instance":
        return layers.instance_norm(h, eps=network.bn_eps)
    if network.norm == "none":
        return h
    running = getattr(network, "running", True)
    return layers.BatchNorm(name=name, running=running, **batch_norm_fields(network))(h, train=train)


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raises ValueError, naming the choices, where ``value`` is none of them."""
    if value not in choices:
        raise ValueError(f"{name}={value!r}; choose from {', '.join(choices)}")


def check_latents(network: Any, z: Array) -> None:
    """Raises ValueError where ``z`` has not ``network.z_dim`` columns."""
    if z.shape[-1] != network.z_dim:
        raise ValueError(f"z has {z.shape[-1]} columns, but z_dim={network.z_dim}")


def check_entries(name: str, values: tuple[Any, ...], count: int, each: str) -> None:
    """Raises ValueError where ``values``, the field ``name``, has not ``count`` entries, one for ``each`` of those."""
    if len(values) != count:
        raise ValueError(f"{name}={tuple(values)} has {len(values)} entries; set {count}, one for each {each}")


def concat_classes(network: Any, x: Array, labels: Array) -> Array:
    """``x`` [B, ..., C] with the one-hot of ``labels`` joined to its channels, where ``network.conditioning`` is
    'concat'.
    """
    return join_classes(x, labels, network.num_classes) if network.conditioning == "concat" else x


def first_map(
    z: Array,
    base: tuple[int, int],
    channels: int,
    *,
    of_units: Callable[[Array], Array] = lambda units: units,
    **fields: Any,
) -> Array:
    """The layer ``project``: z [B, Z] to the map [B, *base, channels] that a convolutional generator starts from.

    Args:
      z: [B, Z] float.
      base: height and width.
      channels: of the map.
      of_units: applied to the layer's units [B, height * width * channels] before they become a map.
      **fields: of :class:`jaxgan.nn.Dense`.
    """
    height, width = base
    units = layers.Dense(height * width * channels, name="project", **fields)(z)
    return of_units(units).reshape(-1, height, width, channels)
