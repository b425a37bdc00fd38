"""Class conditioning of networks, by the names of their field ``conditioning``: 'none', and among others

concat      the class's one-hot joined to the input (Mirza & Osindero 2014, arXiv:1411.1784), as planes to an image
cbn         G: class-conditional batch norm (de Vries et al. 2017, arXiv:1707.00683)
projection  D: <embed(label), h> added to the logit (Miyato & Koyama 2018, arXiv:1802.05637)
"""

import jax
import jax.numpy as jnp
from jax import Array


def check_conditioning(conditioning: str, num_classes: int, *, accepted: tuple[str, ...]) -> None:
    """Raises ValueError where ``conditioning`` is not one of ``accepted``, or asks for classes where there are none."""
    if conditioning not in accepted:
        raise ValueError(f"conditioning={conditioning!r}; this network takes {', '.join(accepted)}")
    if conditioning != "none" and num_classes == 0:
        raise ValueError(f"conditioning={conditioning!r} needs classes, but num_classes=0: set num_classes, or 'none'")


def check_conditional_norm(conditioning: str, batch_norm: bool) -> None:
    """Raises ValueError where ``conditioning`` is 'cbn' and there are no batch norms to condition."""
    if conditioning == "cbn" and not batch_norm:
        raise ValueError("conditioning='cbn' conditions batch norms: set batch_norm=True")


def class_weights(labels: Array, num_classes: int, *, dtype: jnp.dtype = jnp.float32) -> Array:
    """Int labels [B] as one-hot rows [B, num_classes]; float class weights [B, num_classes] as they are.

    Raises:
      ValueError: on weights of another number of classes.
    """
    if jnp.issubdtype(labels.dtype, jnp.integer):
        return jax.nn.one_hot(labels, num_classes, dtype=dtype)
    if labels.shape[-1] != num_classes:
        raise ValueError(f"float labels are class weights [B, {num_classes}], got shape {labels.shape}")
    return labels.astype(dtype)


def join_classes(x: Array, labels: Array, num_classes: int) -> Array:
    """Joins the one-hot of ``labels`` to the last axis of ``x``: [B, ..., C] -> [B, ..., C + num_classes]."""
    weights = class_weights(labels, num_classes, dtype=x.dtype)
    weights = weights.reshape(weights.shape[0], *(1,) * (x.ndim - 2), num_classes)
    return jnp.concatenate([x, jnp.broadcast_to(weights, (*x.shape[:-1], num_classes))], axis=-1)
