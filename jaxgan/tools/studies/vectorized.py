"""Several runs of one shape as one program: their states stacked, their step mapped over the stack.

A run of the group is a *lane*. Lane i starts from the weights, sees the data and draws the numbers that a run of its
own under its own seed would, so that the two end alike up to the rounding of mapped arithmetic. The state's leaves have
a leading axis of lanes, [S, ...]; a batch holds the lanes' rows in turn, [B S, ...], so that a mesh splits B.

Mapped over lanes with weights of their own, products become batched ones and convolutions grouped ones: S small
networks fill an accelerator that one leaves idle, while on XLA:CPU a grouped convolution leaves the fast path.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import Mesh

from jaxgan.parallel import shardings, split_interleaved
from jaxgan.tools.studies.swept_scalar import SweptScalar
from jaxgan.training.method import Batch, Evaluator, Experiment, Method, Result, Score, Stage
from jaxgan.training.state import Metrics, TrainState, Variables
from jaxgan.training.step import begin_stage_key

# Stands for a metric that is not finite: a loop stops at one, and the other lanes are to go on.
NOT_FINITE = float(np.finfo(np.float32).max)

_FIELDS = ("nets", "opt", "ema", "extra", "frozen")


def _fields(state: TrainState) -> dict[str, Any]:
    """All that has an axis of lanes; they share the step."""
    return {name: getattr(state, name) for name in _FIELDS}


def lane_state(state: TrainState, lane: Array | int) -> TrainState:
    """One lane's own state out of the stacked one."""
    return state.replace(**jax.tree.map(lambda x: x[lane], _fields(state)))


def _written(value: Array) -> Array:
    """A metric [S], with what is not finite made :data:`NOT_FINITE` while any lane's is: where none is, the loop stops
    as it does for a run alone.
    """
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        return value
    finite = jnp.isfinite(value)
    return jnp.where(finite.any() & ~finite, NOT_FINITE, value.astype(jnp.float32))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Lanes(Method):
    """A method for the runs of a group at once.

    The key that a loop hands over is not used: lane i draws from what the loop would derive from its own seed. Metrics
    are those of the lanes, '<lane>/<metric>'.

    Attributes:
      method: the lanes' own.
      names: of the lanes.
      seeds: of the lanes.
      numbers: config key -> the lanes' values, of what differs between them.
      remake: config key -> value, to the method with these values; needed where there are numbers.
      stage: its number, from 0.
      plain: the keys whose values are handed over as traced arrays, not as a :class:`SweptScalar`: what calls compiled
        functions with a number takes the one, what asks whether it is 0 the other.
    """

    method: Method
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    numbers: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    remake: Callable[[Mapping[str, Any]], Method] | None = None
    plain: frozenset[str] = frozenset()
    stage: int = 0

    @property
    def players(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """The lanes' own."""
        return self.method.players

    @property
    def optimizers(self) -> Mapping[str, optax.GradientTransformation]:  # type: ignore[override]
        """The lanes' own; where the numbers of an optimiser differ, those of the first lane."""
        return self.method.optimizers

    @property
    def latent_shapes(self) -> Any:  # type: ignore[override]
        """The lanes' own."""
        return self.method.latent_shapes

    @property
    def num_classes(self) -> int:  # type: ignore[override]
        """The lanes' own."""
        return self.method.num_classes

    def _keys(self) -> tuple[Array, Array]:
        """[S] keys that weights come from, and [S] that steps do, as :func:`jaxgan.training.loop.train` splits them."""
        pairs = [jax.random.split(jax.random.key(seed)) for seed in self.seeds]
        return jnp.stack([pair[0] for pair in pairs]), jnp.stack([pair[1] for pair in pairs])

    def _step_keys(self, step: Array) -> Array:
        return jax.vmap(lambda key: jax.random.fold_in(key, step))(self._keys()[1])

    def _each(self, fn: Callable[..., Any], *stacked: Any, in_turn: bool = False) -> Any:
        """``fn(method, ...)`` of every lane, over arguments [S, ...]: at once, or ``in_turn``."""
        # Stacked one by one they are weakly typed, as a config's floats are.
        numbers = {key: jnp.stack([jnp.asarray(v) for v in values]) for key, values in self.numbers.items()}

        def one(own: dict[str, Array], *arguments: Any) -> Any:
            given = {
                key: value if key in self.plain else SweptScalar(key, self.numbers[key], value)
                for key, value in own.items()
            }
            method = self.remake(given) if given and self.remake is not None else self.method
            return fn(method, *arguments)

        if in_turn:
            return jax.lax.map(lambda arguments: one(*arguments), (numbers, *stacked))
        return jax.vmap(one)(numbers, *stacked)

    def _rows(self, batch: Batch) -> Batch:
        return jax.tree.map(lambda x: split_interleaved(x, len(self.names)), batch)

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """The lanes' fresh states, stacked."""
        del rng

        def one(method: Method, key: Array, rows: Batch) -> dict[str, Any]:
            return _fields(method.init(key, rows))

        # In turn: on CPUs of two cores jaxlib's QR of a stack of matrices, which orthogonal weights take, never ends.
        made = self._each(one, self._keys()[0], self._rows(batch), in_turn=True)
        return TrainState(step=jnp.zeros((), jnp.int32), **made)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """All lanes' steps."""
        del rng

        def one(method: Method, own: dict[str, Any], rows: Batch, key: Array) -> tuple[dict[str, Any], Metrics]:
            moved, metrics = method.step(TrainState(step=state.step, **own), rows, key)
            return _fields(moved), metrics

        moved, metrics = self._each(one, _fields(state), self._rows(batch), self._step_keys(state.step))
        written = {name: _written(value) for name, value in metrics.items()}
        named = {f"{lane}/{name}": value[i] for i, lane in enumerate(self.names) for name, value in written.items()}
        return state.replace(**moved), named

    def begin_stage(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """All lanes' own preparations."""
        del rng

        def one(method: Method, own: dict[str, Any], rows: Batch, key: Array) -> dict[str, Any]:
            return _fields(method.begin_stage(TrainState(step=state.step, **own), rows, key))

        keys = jax.vmap(lambda key: begin_stage_key(key, self.stage))(self._keys()[1])
        return state.replace(**self._each(one, _fields(state), self._rows(batch), keys))

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """What every lane draws for the same batch and key, [S, B, ...]."""
        return self._each(lambda method, own: method.sample(own, batch, rng), nets)

    def batch_moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
        """What every lane's norms see in the same draw, [S, ...]."""
        return self._each(lambda method, own: method.batch_moments(own, batch, rng), nets)


def _side_by_side(open_lanes: Sequence[Callable[[int], Iterator[dict[str, np.ndarray]]]], start_step: int) -> Any:
    """The lanes' own streams, a row of each in turn."""
    streams = [opened(start_step) for opened in open_lanes]
    try:
        for batches in zip(*streams):
            stacked = {name: np.stack([batch[name] for batch in batches], axis=1) for name in batches[0]}
            yield {name: x.reshape(-1, *x.shape[2:]) for name, x in stacked.items()}
    finally:
        for stream in streams:
            if (close := getattr(stream, "close", None)) is not None:
                close()


def _told(name: str, lane: str, value: Result) -> tuple[str, Result]:
    """A lane's result as the group logs it: pictures are files, whose names hold no '/'."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"{lane}.{name}", value
    if isinstance(value, Score):
        return f"{lane}/{name}", value if np.isfinite(value.value) else value._replace(value=NOT_FINITE)
    return f"{lane}/{name}", float(value) if np.isfinite(value) else NOT_FINITE


def _evaluators(experiments: Sequence[Experiment], stage: int, names: Sequence[str], mesh: Mesh) -> list[Evaluator]:
    """Every lane's own, each over its own networks; a lane whose networks are not finite has nothing to score."""

    def take(nets: dict[str, Variables], lane: Array) -> tuple[dict[str, Variables], Array]:
        own = jax.tree.map(lambda x: x[lane], nets)
        finite = [jnp.isfinite(x).all() for x in jax.tree.leaves(own) if jnp.issubdtype(x.dtype, jnp.inexact)]
        return own, jnp.stack(finite).all()

    where = shardings(experiments[0].shapes(), experiments[0].rules, mesh).nets
    taken = jax.jit(take, out_shardings=(where, None))

    def run(lane: int, evaluator: Evaluator, nets: dict[str, Variables], step: int) -> dict[str, Result]:
        own, finite = taken(nets, jnp.int32(lane))
        results = evaluator.run(own, step) if finite else {"networks": NOT_FINITE}
        return dict(_told(name, names[lane], value) for name, value in results.items())

    return [
        Evaluator(f"{name}/{e.name}", functools.partial(run, lane, e), e.every_steps)
        for lane, (name, experiment) in enumerate(zip(names, experiments))
        for e in experiment.stages[stage].evaluators(mesh)
    ]


def vectorized(
    experiments: Sequence[Experiment],
    *,
    names: Sequence[str],
    seeds: Sequence[int],
    numbers: Mapping[str, tuple[float, ...]] | None = None,
    remake: Callable[[Mapping[str, Any]], Experiment] | None = None,
    plain: frozenset[str] = frozenset(),
) -> Experiment:
    """One experiment of several whose shapes, stages, averages and rules agree.

    Args:
      experiments: the lanes' own: their data and their evaluators are used as they are, and the first one's methods
        for all, but for ``numbers``.
      names: of the lanes; none holds a '/'.
      seeds: of the lanes: of weights and steps. Their data have theirs already.
      numbers: config key -> the lanes' values, where they differ.
      remake: the experiment with these keys' values; called while the step is traced.
      plain: see :class:`Lanes`.

    Raises:
      ValueError: where the lanes' stages or averages differ, or experiments bring their own init or frozen networks.
    """
    first = experiments[0]
    if first.init is not None or first.frozen is not None:
        raise ValueError(f"lane {names[0]}: an experiment with an init or frozen networks of its own trains alone")
    for name, other in zip(names, experiments):
        alike = [(s.name, s.batch, s.steps) for s in other.stages] == [(s.name, s.batch, s.steps) for s in first.stages]
        if not alike or [s.ema for s in other.stages] != [s.ema for s in first.stages]:
            raise ValueError(f"lanes {names[0]} and {name} differ in stages, batches or averages")

    def stage(index: int) -> Stage:
        ours = first.stages[index]
        method = Lanes(
            method=ours.method,
            names=tuple(names),
            seeds=tuple(seeds),
            numbers=numbers or {},
            remake=None if remake is None else lambda given: remake(given).stages[index].method,
            plain=plain,
            stage=index,
        )
        return ours._replace(
            method=method,
            data=functools.partial(_side_by_side, [e.stages[index].data for e in experiments]),
            batch={
                key: jax.ShapeDtypeStruct((x.shape[0] * len(names), *x.shape[1:]), x.dtype)
                for key, x in ours.batch.items()
            },
            images_per_step=ours.images_per_step * len(names),
            evaluators=lambda mesh: _evaluators(experiments, index, names, mesh),
        )

    return first._replace(stages=tuple(stage(index) for index in range(len(first.stages))))
