"""Optimisers by the numbers that configs hold: Adam, AdamW, RMSProp, SGD; learning-rate schedules, masks, clipping."""

import math
import re
from collections.abc import Callable
from typing import Any

import jax
import optax

from jaxgan.parallel import inside_mesh, path_name, split_over
from jaxgan.training.errors import UserError

KINDS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("linear", "cosine", "exponential", "piecewise")


def optimizer(
    *,
    learning_rate: Any,
    kind: str = "adam",
    b1: float = 0.0,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_in_sqrt: bool = True,
    weight_decay: float = 0.0,
    decay_params: str | None = None,
    train_params: str | None = None,
    clip_norm: float | None = None,
    schedule: str = "linear",
    warmup_steps: int = 0,
    hold_steps: int = 0,
    decay_steps: int = 0,
    decay_rate: float = 0.1,
    end_factor: float = 0.0,
    boundaries: tuple[int, ...] = (),
    factors: tuple[float, ...] = (),
) -> optax.GradientTransformation:
    """The optimiser of one player, with its learning-rate schedule.

    Args:
      learning_rate: BigGAN: 5e-5 for G and 2e-4 for D. Two of them are TTUR (Heusel et al. 2017, arXiv:1706.08500).
      kind: 'adam' (Kingma & Ba 2014, arXiv:1412.6980), 'adamw' (Loshchilov & Hutter 2017, arXiv:1711.05101), 'rmsprop'
        (``b2`` is its decay; WGAN) or 'sgd' (``b1`` is its momentum; Goodfellow 2014).
      b1, b2: of Adam; BigGAN: 0 and 0.999.
      eps: optax's 1e-8; BigGAN-PyTorch's scripts and StudioGAN use 1e-6.
      eps_in_sqrt: of RMSProp: g / sqrt(v + eps), optax's and TensorFlow's; False for g / (sqrt(v) + eps), PyTorch's,
        which moves weights of small gradients much further.
      weight_decay: of 'adamw', decoupled: learning_rate * weight_decay * weight is taken off; of the others, L2 as
        PyTorch has it: weight_decay * weight is added to the gradient.
      decay_params: a regular expression of the parameters' whole paths, such as '.*/kernel', that decay; None for all.
      train_params: the same, of the parameters that are trained, such as 'g/head/.*'; the others stay bit for bit, and
        have no optimiser state. None for all.
      clip_norm: the largest norm of the player's whole gradient; larger ones are scaled down to it. None for no limit.
      schedule: how the rate falls after ``warmup_steps`` and ``hold_steps``: 'linear' or 'cosine' (Loshchilov & Hutter
        2016, arXiv:1608.03983) to ``end_factor`` times itself over ``decay_steps``; 'exponential', times ``decay_rate``
        for every ``decay_steps``, down to ``end_factor`` times itself; 'piecewise', times ``factors[i]`` from step
        ``boundaries[i]`` on, one after another.
      warmup_steps: rise linearly from 0 over so many of the player's updates.
      hold_steps: stay for so many updates, after those (CycleGAN: half of the run).
      decay_steps: updates of the decay, after those (linear: SNGAN, WGAN-GP, CycleGAN); 0 to stay.
      decay_rate: of 'exponential'.
      end_factor: where the decay ends, as a share of ``learning_rate``.
      boundaries: of 'piecewise', rising, counted after ``warmup_steps`` and ``hold_steps``.
      factors: of 'piecewise', one a boundary.

    Raises:
      UserError: on another kind or schedule, or numbers that contradict each other; when parameters are there, where an
        expression matches none of them.
    """
    _check_numbers(learning_rate, b1=b1, b2=b2, eps=eps, weight_decay=weight_decay, clip_norm=clip_norm)
    rate = _schedule(
        learning_rate, schedule, warmup_steps, hold_steps, decay_steps, decay_rate, end_factor, boundaries, factors
    )
    decays = None if decay_params is None else _matching(decay_params, "decay_params")
    if decay_params is not None and not weight_decay:
        raise UserError(f"decay_params={decay_params!r} says what decays: give a weight_decay above 0 too")
    if kind == "adam":
        made = optax.adam(rate, b1=b1, b2=b2, eps=eps)
    elif kind == "adamw":
        made = optax.adamw(rate, b1=b1, b2=b2, eps=eps, weight_decay=weight_decay, mask=decays)
    elif kind == "rmsprop":
        made = optax.rmsprop(rate, decay=b2, eps=eps, eps_in_sqrt=eps_in_sqrt)
    elif kind == "sgd":
        made = optax.sgd(rate, momentum=b1 or None)
    else:
        raise UserError(f"optimizer kind={kind!r}; choose from {', '.join(KINDS)}")
    if weight_decay and kind != "adamw":
        made = optax.chain(optax.add_decayed_weights(weight_decay, mask=decays), made)
    if clip_norm is not None:
        made = optax.chain(optax.clip_by_global_norm(clip_norm), made)
    return made if train_params is None else _train_only(made, _matching(train_params, "train_params"))


def _check_numbers(learning_rate: Any, *, b1: Any, b2: Any, eps: Any, weight_decay: Any, clip_norm: Any) -> None:
    """Refuses numbers under which parameters leave for infinity, or stay NaN; traced ones are what they are."""
    if isinstance(learning_rate, int | float) and not 0 <= learning_rate < math.inf:
        raise UserError(f"optimizer learning_rate={learning_rate}: give a finite number, 0 or more")
    for name, value in (("b1", b1), ("b2", b2)):
        if isinstance(value, int | float) and not 0 <= value < 1:
            raise UserError(f"optimizer {name}={value}: give a number from 0 and below 1")
    if isinstance(eps, int | float) and not 0 < eps < math.inf:
        raise UserError(f"optimizer eps={eps}: give a number above 0")
    if isinstance(weight_decay, int | float) and not 0 <= weight_decay < math.inf:
        raise UserError(f"optimizer weight_decay={weight_decay}: give a finite number, 0 or more")
    if isinstance(clip_norm, int | float) and not clip_norm > 0:
        raise UserError(f"optimizer clip_norm={clip_norm}: give a number above 0, or None for no limit")


def _schedule(
    learning_rate: Any,
    kind: str,
    warmup_steps: int,
    hold_steps: int,
    decay_steps: int,
    decay_rate: float,
    end_factor: float,
    boundaries: tuple[int, ...],
    factors: tuple[float, ...],
) -> Any:
    """The rate as a number where it stays, else as optax's function of the player's updates."""
    if kind not in SCHEDULES:
        raise UserError(f"optimizer schedule={kind!r}; choose from {', '.join(SCHEDULES)}")
    if len(boundaries) != len(factors) or bool(boundaries) != (kind == "piecewise"):
        raise UserError(
            f"schedule={kind!r} with boundaries={boundaries}, factors={factors}: 'piecewise' needs as many factors as "
            "boundaries, one or more, and other schedules take none"
        )
    if kind in ("exponential", "piecewise") and bool(decay_steps) != (kind == "exponential"):
        raise UserError(
            f"schedule={kind!r} with decay_steps={decay_steps}: 'exponential' needs them, 'piecewise' takes boundaries"
        )
    if kind == "piecewise":
        decay = optax.piecewise_constant_schedule(learning_rate, dict(zip(boundaries, factors)))
    elif not decay_steps:
        if not warmup_steps:
            return learning_rate
        decay = optax.constant_schedule(learning_rate)
    elif kind == "linear":
        decay = optax.linear_schedule(learning_rate, learning_rate * end_factor if end_factor else 0.0, decay_steps)
    elif kind == "cosine":
        decay = optax.cosine_decay_schedule(learning_rate, decay_steps, alpha=end_factor)
    else:
        decay = optax.exponential_decay(
            learning_rate, decay_steps, decay_rate, end_value=learning_rate * end_factor if end_factor else None
        )
    parts, ends = [decay], []
    if hold_steps:
        parts, ends = [optax.constant_schedule(learning_rate), decay], [warmup_steps + hold_steps]
    if warmup_steps:
        parts, ends = [optax.linear_schedule(0.0, learning_rate, warmup_steps), *parts], [warmup_steps, *ends]
    return optax.join_schedules(parts, ends)


def _matching(pattern: str, key: str) -> Callable[[Any], Any]:
    """The mask, params -> tree of bools, of the parameters whose whole paths match."""

    def mask(params: Any) -> Any:
        found = jax.tree_util.tree_map_with_path(lambda path, _: bool(re.fullmatch(pattern, path_name(path))), params)
        if not any(jax.tree.leaves(found)):
            names = [path_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
            raise UserError(f"{key}={pattern!r} matches none of the player's parameters, such as {names[0]!r}")
        return found

    return mask


def _train_only(made: optax.GradientTransformation, mask: Callable[[Any], Any]) -> optax.GradientTransformation:
    """``made`` for the parameters of ``mask``, and no update for the others."""

    def rest(params: Any) -> Any:
        return jax.tree.map(lambda trained: not trained, mask(params))

    return optax.chain(optax.masked(made, mask), optax.masked(optax.set_to_zero(), rest))


def split_update(optimizer: optax.GradientTransformation, axes: tuple[str, ...]) -> optax.GradientTransformation:
    """``optimizer``, whose work is split over axes of the mesh where one is set (ZeRO stage 1, arXiv:1910.02054,
    section 5.1).

    A device sums and updates its own part of every parameter, and the updated parts are gathered. The optimiser's state
    must be split the same way: :data:`jaxgan.parallel.ZERO1` says so.

    Args:
      optimizer: one that treats every element by itself, such as Adam; a norm of the whole gradient is summed over the
        devices.
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
