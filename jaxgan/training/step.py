"""Train step: from a method to the one jitted, donated, sharded function that the loop dispatches."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.convolutions import Choose, WithForms
from jaxgan.parallel import BATCH, shardings
from jaxgan.training.ema import Ema
from jaxgan.training.finite import all_finite
from jaxgan.training.health import Health, gaps
from jaxgan.training.method import Batch, Experiment, Method, Stage
from jaxgan.training.scan_or_unroll import scan_or_unroll
from jaxgan.training.state import Metrics, TrainState, Variables

StepFn = Callable[[TrainState, Batch, Array], tuple[TrainState, Metrics]]

# Folded into the run's key for what happens between steps: no step has this number.
_STAGES = 2**32 - 1
_REFRESHES = _STAGES - 1


def make_step(
    method: Method,
    *,
    ema: Ema | None = None,
    players: Iterable[str] | None = None,
    steps_per_dispatch: int = 1,
    skip_nonfinite: bool = False,
    health: Health | None = None,
    unroll: bool | None = None,
) -> StepFn:
    """The pure function (state, batch, rng) -> (state, metrics) of one step, or of several.

    The method's step is run under ``fold_in(rng, state.step)``, so that the run's only random state is its seed; the
    averages are updated and the step is counted.

    Args:
      method: which players there are, and how they are updated.
      ema: which nets are averaged.
      players: those that are updated; None for all. See :class:`jaxgan.training.method.Stage`.
      steps_per_dispatch: K > 1 runs K steps in a call; every array of the batch then has a leading axis of K, and
        metrics are those of each step, [K].
      skip_nonfinite: a step after which anything in the state or the metrics is NaN or infinite changes nothing except
        the count of steps; the metric ``skipped`` is 1 for it, else 0.
      health: adds the metrics of :meth:`jaxgan.training.method.Method.health`, and the gap between D's outputs; None
        for none.
      unroll: of the K steps, see :func:`jaxgan.training.scan_or_unroll.scan_or_unroll`.

    Raises:
      ValueError: where ``players`` names one that the method lacks, or, when the step is traced, the method updates
        one that it does not name.
    """
    resting = _resting(method, players)

    def one(state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        step_rng = jax.random.fold_in(rng, state.step)
        new, metrics = method.step(state, batch, step_rng)
        if resting:
            new = _put_back(new, state, method, resting, metrics)
        new = new.replace(step=state.step + 1)
        if ema is not None:
            new = new.replace(ema=ema.update(new.ema, new.nets, new.step))
        if skip_nonfinite:
            new, metrics = _unless_nonfinite(new, state, metrics)
        if health is not None:
            moving = [player for player in method.players if player not in resting]
            metrics = metrics | gaps(metrics) | method.health(new, state, moving, health)
        return new, metrics

    if steps_per_dispatch == 1:
        return one

    def several(state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        return scan_or_unroll(lambda s, b: one(s, b, rng), state, batch, unroll=unroll)

    return several


def make_stage_step(stage: Stage, **options: Any) -> StepFn:
    """:func:`make_step` of a stage's method, averages and players, with its other options."""
    return make_step(stage.method, ema=stage.ema, players=stage.players, **options)


def _unless_nonfinite(new: TrainState, old: TrainState, metrics: Metrics) -> tuple[TrainState, Metrics]:
    """``new`` where all of it and the metrics are finite, else ``old`` with the step counted."""
    moved, rest = new.replace(frozen={}), old.replace(frozen={}, step=new.step)
    sound = all_finite((moved, metrics))
    chosen = jax.tree.map(lambda a, b: jnp.where(sound, a, b), moved, rest)
    return chosen.replace(frozen=new.frozen), metrics | {"skipped": 1.0 - sound.astype(jnp.float32)}


def _resting(method: Method, players: Iterable[str] | None) -> list[str]:
    """The method's players that are not among ``players``."""
    if players is None:
        return []
    moving = set(players)
    if unknown := sorted(moving - set(method.players)):
        raise ValueError(f"players={sorted(moving)}: the method has no {unknown[0]!r}, only {sorted(method.players)}")
    return sorted(set(method.players) - moving)


def _put_back(new: TrainState, old: TrainState, method: Method, resting: list[str], metrics: Metrics) -> TrainState:
    """``new`` with the nets and optimiser states of the resting players as they were."""
    for player in resting:
        if f"{player}/loss" in metrics:
            raise ValueError(
                f"the stage does not name {player!r} among its players, and its method's step updates it: build the "
                "stage's method so that it leaves this player out"
            )
    moving = {net for player, nets in method.players.items() if player not in resting for net in nets}
    nets = {net for player in resting for net in method.players[player]} - moving
    return new.replace(
        nets=new.nets | {net: old.nets[net] for net in nets},
        opt=new.opt | {player: old.opt[player] for player in resting},
    )


@dataclasses.dataclass(frozen=True)
class CompiledStep:
    """A step whose frozen networks are an argument of their own, so that donating the state leaves them alone.

    Attributes:
      function: (state without frozen networks, batch, rng, frozen networks) -> (state, metrics): jitted, or compiled.
    """

    function: Any

    def __call__(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """The state after, with the same frozen networks, and the metrics."""
        new, metrics = self.function(*step_arguments(state, batch, rng))
        return new.replace(frozen=state.frozen), metrics

    def trace(self, state: Any, batch: Any, rng: Any) -> Any:
        """``jax.stages.Traced`` for these arguments (arrays or shapes)."""
        return self.function.trace(*step_arguments(state, batch, rng))

    def lower(self, state: Any, batch: Any, rng: Any) -> Any:
        """``jax.stages.Lowered`` for these arguments."""
        return self.function.lower(*step_arguments(state, batch, rng))

    def compile(
        self, state: Any, batch: Any, rng: Any, compiler_options: dict[str, Any] | None = None
    ) -> "CompiledStep":
        """The step compiled ahead of time for these arguments; ``function`` is a ``jax.stages.Compiled``."""
        return CompiledStep(self.lower(state, batch, rng).compile(compiler_options))


def step_arguments(state: Any, batch: Any, rng: Any) -> tuple[Any, Any, Any, Any]:
    """The arguments of a compiled step, in its order: (state without frozen networks, batch, rng, frozen networks)."""
    return state.replace(frozen={}), batch, rng, state.frozen


def compile_step(
    step: StepFn,
    mesh: Mesh,
    state_shardings: Any,
    *,
    steps_per_dispatch: int = 1,
    donate: bool = True,
    forms: Choose | None = None,
) -> CompiledStep:
    """``jax.jit`` of a step over a mesh: state as its shardings say, batch split over the mesh, metrics whole, state
    donated, its frozen networks kept, and convolutions in the forms that ``forms`` chooses, if it is given.

    Call and lower the result inside ``jax.set_mesh(mesh)``.
    """

    def function(
        state: TrainState, batch: Batch, rng: Array, frozen: dict[str, Variables]
    ) -> tuple[TrainState, Metrics]:
        new, metrics = step(state.replace(frozen=frozen), batch, rng)
        return new.replace(frozen={}), metrics

    function.__name__ = step.__name__
    batch = NamedSharding(mesh, P(None, *BATCH) if steps_per_dispatch > 1 else BATCH)
    whole = NamedSharding(mesh, P())
    jitted = jax.jit(
        function if forms is None else WithForms(function, forms),
        in_shardings=step_arguments(state_shardings, batch, whole),
        out_shardings=(state_shardings.replace(frozen={}), whole),
        donate_argnums=(0,) if donate else (),
    )
    return CompiledStep(jitted)


def begin_stage_key(rng: Array, number: int) -> Array:
    """The key of a stage's ``begin_stage``, from the run's key of steps and the stage's number from 0."""
    return jax.random.fold_in(jax.random.fold_in(rng, _STAGES), number)


def make_refresh(method: Method) -> StepFn:
    """The pure function (state, no batch, rng) -> (state, no metrics) of one call of a method's ``refresh``."""

    def refresh(state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        del batch
        return method.refresh(state, rng), {}

    return refresh


def refresh_key(rng: Array, step: int) -> Array:
    """The key of the calls of ``refresh`` before a step, from the run's key of steps."""
    return jax.random.fold_in(jax.random.fold_in(rng, _REFRESHES), step)


def _newly_averaged(experiment: Experiment, number: int) -> tuple[str, ...]:
    """The nets that a stage averages and the one before it did not."""
    stage = experiment.stages[number]
    before = experiment.stages[number - 1].ema if number else None
    averaged_before = () if before is None else before.nets
    return () if stage.ema is None else tuple(net for net in stage.ema.nets if net not in averaged_before)


def needs_begin_stage(experiment: Experiment, number: int) -> bool:
    """Whether :func:`make_begin_stage` does anything: the method prepares stages, or, after the first, an average
    starts.
    """
    own = experiment.stages[number].method.prepares_stage
    return own or bool(number and _newly_averaged(experiment, number))


def make_begin_stage(experiment: Experiment, number: int) -> StepFn:
    """The pure function (state, batch, rng) -> (state, no metrics) that prepares the state for a stage.

    After the method's ``begin_stage``, the average of a net that the stage before did not average starts as a copy.

    Args:
      experiment: what is trained.
      number: of the stage, from 0.
    """
    stage = experiment.stages[number]
    fresh = _newly_averaged(experiment, number)

    def begin(state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        state = stage.method.begin_stage(state, batch, begin_stage_key(rng, number))
        return state.replace(ema=state.ema | {net: jax.tree.map(jnp.copy, state.nets[net]) for net in fresh}), {}

    return begin


def place_frozen(experiment: Experiment, mesh: Mesh) -> dict[str, Variables]:
    """The experiment's frozen networks as global arrays, split as its rules say; empty where it has none."""
    if experiment.frozen is None:
        return {}
    frozen = experiment.frozen()
    where = shardings({"frozen": frozen}, experiment.rules, mesh)["frozen"]

    def put(x: Any, sharding: NamedSharding) -> Array:
        values = np.asarray(x)
        return jax.make_array_from_callback(values.shape, sharding, lambda index: values[index])

    return jax.tree.map(put, frozen, where)


def init_state(experiment: Experiment, *, rng: Array, mesh: Mesh) -> tuple[TrainState, Any]:
    """A fresh state, born sharded as the experiment's rules say, and its shardings.

    Args:
      experiment: its ``init``, or its first stage's method, makes the state; its frozen networks are read.
      rng: the key that initial weights come from.
      mesh: where the leaves go.
    """
    frozen = place_frozen(experiment, mesh)
    where = shardings(jax.eval_shape(experiment.fresh_state, rng).replace(frozen=frozen), experiment.rules, mesh)
    with jax.set_mesh(mesh):
        state = jax.jit(experiment.fresh_state, out_shardings=where.replace(frozen={}))(rng)
    return state.replace(frozen=frozen), where
