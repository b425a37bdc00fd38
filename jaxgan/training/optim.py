"""Optimisers by the numbers that configs hold."""

from typing import Any

import jax
import optax

from jaxgan.parallel import inside_mesh, split_over


def _schedule(learning_rate: Any, warmup_steps: int, decay_steps: int) -> Any:
    if not warmup_steps and not decay_steps:
        return learning_rate
    parts: list[optax.Schedule] = []
    if warmup_steps:
        parts.append(optax.linear_schedule(0.0, learning_rate, warmup_steps))
    parts.append(
        optax.linear_schedule(learning_rate, 0.0, decay_steps)
        if decay_steps
        else optax.constant_schedule(learning_rate)
    )
    return optax.join_schedules(parts, [warmup_steps] if warmup_steps else [])


def optimizer(
    *,
    learning_rate: Any,
    kind: str = "adam",
    b1: float = 0.0,
    b2: float = 0.999,
    eps: float = 1e-8,
    warmup_steps: int = 0,
    decay_steps: int = 0,
) -> optax.GradientTransformation:
    """The optimiser of one player.

    Args:
      learning_rate: BigGAN: 5e-5 for G and 2e-4 for D. Two of them are TTUR (Heusel et al. 2017, arXiv:1706.08500).
      kind: 'adam' (Kingma & Ba 2014, arXiv:1412.6980), 'rmsprop' (``b2`` is its decay; WGAN) or 'sgd' (``b1`` is its
        momentum; Goodfellow 2014).
      b1, b2: of Adam; BigGAN: 0 and 0.999.
      eps: optax's 1e-8; BigGAN-PyTorch's scripts and StudioGAN use 1e-6.
      warmup_steps: rise linearly from 0 over so many of the player's updates.
      decay_steps: fall linearly to 0 over so many of its updates, after those (SNGAN, WGAN-GP); 0 to stay.

    Raises:
      ValueError: on another kind.
    """
    schedule = _schedule(learning_rate, warmup_steps, decay_steps)
    if kind == "adam":
        return optax.adam(schedule, b1=b1, b2=b2, eps=eps)
    if kind == "rmsprop":
        return optax.rmsprop(schedule, decay=b2, eps=eps)
    if kind == "sgd":
        return optax.sgd(schedule, momentum=b1 or None)
    raise ValueError(f"optimizer kind={kind!r}; choose from ['adam', 'rmsprop', 'sgd']")


def split_update(optimizer: optax.GradientTransformation, axes: tuple[str, ...]) -> optax.GradientTransformation:
    """``optimizer``, whose work is split over axes of the mesh where one is set (ZeRO stage 1, arXiv:1910.02054,
    section 5.1).

    A device sums and updates its own part of every parameter, and the updated parts are gathered. The optimiser's state
    must lie split alike: :data:`jaxgan.parallel.ZERO1` says so.

    Args:
      optimizer: one that treats every element by itself, such as Adam.
      axes: of the mesh.
    """

    def split(tree: Any) -> Any:
        if not inside_mesh():
            return tree
        sizes = jax.sharding.get_abstract_mesh().shape
        return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, split_over(axes, x.shape, sizes)), tree)

    def update(grads: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        updates, state = optimizer.update(split(grads), state, None if params is None else split(params))
        return split(updates), state

    return optax.GradientTransformation(optimizer.init, update)
