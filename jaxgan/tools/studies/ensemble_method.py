"""Ensembles by vmap: several runs of one shape as one program, their states stacked and their step mapped.

Each run of the ensemble is a member. Member i starts from the weights, sees the data and draws the numbers that a run
of its own under its own seed would, so that both end the same up to the rounding of mapped arithmetic. The state's
leaves have a leading axis of members, [S, ...]; a batch interleaves the members' rows, [B S, ...], so that a mesh
splits B.

Mapped over members with weights of their own, products become batched ones and convolutions grouped ones: S small
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
from jaxgan.training.digest import non_finite
from jaxgan.training.health import Health
from jaxgan.training.method import Batch, Evaluator, Experiment, Method, Option, Result, Stage
from jaxgan.training.state import Metrics, TrainState, Variables
from jaxgan.training.step import begin_stage_key

# Stands for a metric that is not finite: a loop stops at one, and the other members are to go on.
NOT_FINITE = float(np.finfo(np.float32).max)

_FIELDS = ("nets", "opt", "ema", "extra", "frozen")


def _fields(state: TrainState) -> dict[str, Any]:
    """All that has an axis of members; they share the step."""
    return {name: getattr(state, name) for name in _FIELDS}


def member_state(state: TrainState, member: Array | int) -> TrainState:
    """One member's own state out of the stacked one."""
    return state.replace(**jax.tree.map(lambda x: x[member], _fields(state)))


def _written(value: Array) -> Array:
    """A metric [S], with what is not finite made :data:`NOT_FINITE` while any member's is finite.

    Where none is, the loop stops as it does for a single run.
    """
    if not jnp.issubdtype(value.dtype, jnp.inexact):
        return value
    finite = jnp.isfinite(value)
    return jnp.where(finite.any() & ~finite, NOT_FINITE, value.astype(jnp.float32))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class EnsembleMethod(Method):
    """A method that steps all members of an ensemble at once.

    The loop's key is not used: member i draws from what the loop would derive from its own seed. Metrics are those of
    the members, '<member>/<metric>'.

    Attributes:
      method: the members' own.
      names: of the members.
      seeds: of the members.
      numbers: config key -> the members' values, of what differs between them.
      rebuild: config key -> value, to the method with these values; needed where there are numbers.
      stage: its number, from 0.
      plain: the keys whose values are handed over as traced arrays, not as a :class:`SweptScalar`: what calls compiled
        functions with a number takes the one, what asks whether it is 0 the other.
    """

    method: Method
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    numbers: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    rebuild: Callable[[Mapping[str, Any]], Method] | None = None
    plain: frozenset[str] = frozenset()
    stage: int = 0

    @property
    def players(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """The members' own."""
        return self.method.players

    @property
    def optimizers(self) -> Mapping[str, optax.GradientTransformation]:  # type: ignore[override]
        """The members' own; where the numbers of an optimiser differ, those of the first member."""
        return self.method.optimizers

    @property
    def averaged(self) -> tuple[str, ...]:  # type: ignore[override]
        """The members' own."""
        return self.method.averaged

    @property
    def latent_shapes(self) -> Any:  # type: ignore[override]
        """The members' own."""
        return self.method.latent_shapes

    @property
    def conditions(self) -> tuple[str, ...]:  # type: ignore[override]
        """The members' own."""
        return self.method.conditions

    @property
    def options(self) -> Mapping[str, Option]:  # type: ignore[override]
        """The members' own."""
        return self.method.options

    @property
    def num_classes(self) -> int:  # type: ignore[override]
        """The members' own."""
        return self.method.num_classes

    def _keys(self) -> tuple[Array, Array]:
        """[S] keys that weights come from, and [S] that steps do, as :func:`jaxgan.training.loop.train` splits them."""
        pairs = [jax.random.split(jax.random.key(seed)) for seed in self.seeds]
        return jnp.stack([pair[0] for pair in pairs]), jnp.stack([pair[1] for pair in pairs])

    def _step_keys(self, step: Array) -> Array:
        return jax.vmap(lambda key: jax.random.fold_in(key, step))(self._keys()[1])

    def _each(self, fn: Callable[..., Any], *stacked: Any, sequential: bool = False) -> Any:
        """``fn(method, ...)`` of every member, over arguments [S, ...]: at once, or one after the other."""
        # Stacked one by one they are weakly typed, as a config's floats are.
        numbers = {key: jnp.stack([jnp.asarray(v) for v in values]) for key, values in self.numbers.items()}

        def one(own: dict[str, Array], *arguments: Any) -> Any:
            given = {
                key: value if key in self.plain else SweptScalar(key, self.numbers[key], value)
                for key, value in own.items()
            }
            method = self.rebuild(given) if given and self.rebuild is not None else self.method
            return fn(method, *arguments)

        if sequential:
            return jax.lax.map(lambda arguments: one(*arguments), (numbers, *stacked))
        return jax.vmap(one)(numbers, *stacked)

    def _rows(self, batch: Batch) -> Batch:
        return jax.tree.map(lambda x: split_interleaved(x, len(self.names)), batch)

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """The members' fresh states, stacked."""
        del rng

        def one(method: Method, key: Array, rows: Batch) -> dict[str, Any]:
            return _fields(method.init(key, rows))

        # One after the other: on two CPU cores jaxlib's QR of a stack of matrices (orthogonal weights) never ends.
        made = self._each(one, self._keys()[0], self._rows(batch), sequential=True)
        return TrainState(step=jnp.zeros((), jnp.int32), **made)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """All members' steps."""
        del rng

        def one(method: Method, own: dict[str, Any], rows: Batch, key: Array) -> tuple[dict[str, Any], Metrics]:
            moved, metrics = method.step(TrainState(step=state.step, **own), rows, key)
            return _fields(moved), metrics

        moved, metrics = self._each(one, _fields(state), self._rows(batch), self._step_keys(state.step))
        return state.replace(**moved), self._named(metrics)

    def _named(self, metrics: Metrics) -> Metrics:
        """Metrics [S] as '<member>/<metric>'."""
        written = {name: _written(value) for name, value in metrics.items()}
        return {f"{member}/{name}": value[i] for i, member in enumerate(self.names) for name, value in written.items()}

    def health(self, new: TrainState, old: TrainState, players: Sequence[str], options: Health) -> Metrics:
        """The health of every member."""

        def one(method: Method, after: dict[str, Any], before: dict[str, Any]) -> Metrics:
            states = (TrainState(step=new.step, **after), TrainState(step=old.step, **before))
            return method.health(*states, players, options)

        return self._named(self._each(one, _fields(new), _fields(old)))

    def non_finite(self, state: TrainState) -> list[str]:
        """Names of arrays, where no member is without NaN and infinity: one that diverged leaves the others be."""
        leaves = [x for x in jax.tree.leaves(_fields(state)) if jnp.issubdtype(x.dtype, jnp.inexact)]
        sound = jnp.stack([jnp.isfinite(x).reshape(x.shape[0], -1).all(axis=1) for x in leaves]).all(axis=0)
        return [] if bool(sound.any()) else non_finite(state)

    @property
    def prepares_stage(self) -> bool:
        """Where the members' method does."""
        return self.method.prepares_stage

    def begin_stage(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """All members' own preparations."""
        del rng

        def one(method: Method, own: dict[str, Any], rows: Batch, key: Array) -> dict[str, Any]:
            return _fields(method.begin_stage(TrainState(step=state.step, **own), rows, key))

        keys = jax.vmap(lambda key: begin_stage_key(key, self.stage))(self._keys()[1])
        return state.replace(**self._each(one, _fields(state), self._rows(batch), keys))

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """Samples of every member for the same batch and key, [S, B, ...]."""
        return self._each(lambda method, own: method.sample(own, batch, rng), nets)

    def batch_moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
        """The batch moments of every member's norms in the same draw, [S, ...]."""
        return self._each(lambda method, own: method.batch_moments(own, batch, rng), nets)


def _interleaved(open_members: Sequence[Callable[[int], Iterator[dict[str, np.ndarray]]]], start_step: int) -> Any:
    """The members' own streams, interleaved row by row."""
    streams = [opened(start_step) for opened in open_members]
    try:
        for batches in zip(*streams):
            stacked = {name: np.stack([batch[name] for batch in batches], axis=1) for name in batches[0]}
            yield {name: x.reshape(-1, *x.shape[2:]) for name, x in stacked.items()}
    finally:
        for stream in streams:
            if (close := getattr(stream, "close", None)) is not None:
                close()


def _logged(name: str, member: str, value: Result) -> tuple[str, Result]:
    """A member's result as the group logs it: pictures are files, whose names hold no '/'."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"{member}.{name}", value
    return f"{member}/{name}", value


def _evaluators(experiments: Sequence[Experiment], stage: int, names: Sequence[str], mesh: Mesh) -> list[Evaluator]:
    """Every member's own, each over its own networks; a member whose networks are not finite has nothing to score."""

    def take(nets: dict[str, Variables], member: Array) -> tuple[dict[str, Variables], Array]:
        own = jax.tree.map(lambda x: x[member], nets)
        finite = [jnp.isfinite(x).all() for x in jax.tree.leaves(own) if jnp.issubdtype(x.dtype, jnp.inexact)]
        return own, jnp.stack(finite).all()

    where = shardings(experiments[0].shapes(), experiments[0].rules, mesh).nets
    taken = jax.jit(take, out_shardings=(where, None))

    def run(member: int, evaluator: Evaluator, nets: dict[str, Variables], step: int) -> dict[str, Result]:
        own, finite = taken(nets, jnp.int32(member))
        results = evaluator.run(own, step) if finite else {"networks": NOT_FINITE}
        return dict(_logged(name, names[member], value) for name, value in results.items())

    return [
        Evaluator(f"{name}/{e.name}", functools.partial(run, member, e), e.every_steps)
        for member, (name, experiment) in enumerate(zip(names, experiments))
        for e in experiment.stages[stage].evaluators(mesh)
    ]


def stacked_experiment(
    experiments: Sequence[Experiment],
    *,
    names: Sequence[str],
    seeds: Sequence[int],
    numbers: Mapping[str, tuple[float, ...]] | None = None,
    rebuild: Callable[[Mapping[str, Any]], Experiment] | None = None,
    plain: frozenset[str] = frozenset(),
) -> Experiment:
    """Stacks experiments whose shapes, stages, averages and rules agree into one.

    Args:
      experiments: the members' own: their data and their evaluators are used as they are, and the first one's methods
        for all, except for ``numbers``.
      names: of the members; none holds a '/'.
      seeds: of the members: of weights and steps. Their data have theirs already.
      numbers: config key -> the members' values, where they differ.
      rebuild: the experiment with these keys' values; called while the step is traced.
      plain: see :class:`EnsembleMethod`.

    Raises:
      ValueError: where the members' stages or averages differ, or experiments bring their own init or frozen networks.
    """
    first = experiments[0]
    if first.init is not None or first.frozen is not None:
        raise ValueError(f"member {names[0]}: an experiment with an init or frozen networks of its own trains alone")
    for name, other in zip(names, experiments):
        same = [(s.name, s.batch, s.steps) for s in other.stages] == [(s.name, s.batch, s.steps) for s in first.stages]
        if not same or [s.ema for s in other.stages] != [s.ema for s in first.stages]:
            raise ValueError(f"members {names[0]} and {name} differ in stages, batches or averages")

    def stage(index: int) -> Stage:
        ours = first.stages[index]
        method = EnsembleMethod(
            method=ours.method,
            names=tuple(names),
            seeds=tuple(seeds),
            numbers=numbers or {},
            rebuild=None if rebuild is None else lambda given: rebuild(given).stages[index].method,
            plain=plain,
            stage=index,
        )
        return ours._replace(
            method=method,
            data=functools.partial(_interleaved, [e.stages[index].data for e in experiments]),
            batch={
                key: jax.ShapeDtypeStruct((x.shape[0] * len(names), *x.shape[1:]), x.dtype)
                for key, x in ours.batch.items()
            },
            images_per_step=ours.images_per_step * len(names),
            evaluators=lambda mesh: _evaluators(experiments, index, names, mesh),
        )

    return first._replace(stages=tuple(stage(index) for index in range(len(first.stages))))
