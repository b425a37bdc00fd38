"""Method, Stage, Experiment: the interface between a family and the trainer, which knows nothing more of it."""

import bisect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import Mesh

from jaxgan.parallel import REPLICATED, Rules
from jaxgan.training.digest import non_finite
from jaxgan.training.ema import Ema
from jaxgan.training.errors import UserError
from jaxgan.training.health import Health, health_metrics
from jaxgan.training.state import Metrics, TrainState, Variables

Batch = dict[str, Array]


class Option(NamedTuple):
    """A setting of sampling that a method declares, such as psi, temperature or top_k.

    Attributes:
      default: what it is where nothing is set; its type is the option's.
      low, high: bounds, both allowed; None for none.
      choices: the values allowed; None for any within the bounds. An option with choices is a constant of the compiled
        program, any other number is an argument of it.
    """

    default: float | int | str
    low: float | None = None
    high: float | None = None
    choices: tuple[float | int | str, ...] | None = None


class Method:
    """How the players are updated: a base with defaults for frozen, keyword-only dataclasses with identity hash
    (``eq=False``), so that ``jax.jit`` can close over one.

    A method gives ``players``, ``optimizers``, ``init``, ``step`` and ``sample``; one of likelihoods also
    ``nats(nets, batch, rng) -> [B]``.

    Attributes:
      players: player -> the nets that its optimizer moves.
      optimizers: player -> optimizer.
      averaged: nets that have an exponential moving average.
      latent_shapes: tree of ``jax.ShapeDtypeStruct``, of one row, drawn N(0, I) and given to ``sample`` as
        ``batch['z']``; None where nothing is drawn.
      style_shape: (L, W) of the styles between a latent and its image, which :meth:`map_latents` gives and ``sample``
        takes as ``batch['w']`` [B, L, W] in place of 'z'; None where there are none.
      conditions: fields of a batch that ``sample`` needs.
      optional_conditions: images that ``sample`` takes where it is given them, such as the one whose style is taken.
      num_classes: classes that uniform labels are drawn from; 0 for none.
      options: what sampling may set; anything else is refused.
      origins: of frozen networks that come from another run: a name -> reads that run's fingerprint, for the stamps of
        what is drawn.
    """

    players: Mapping[str, tuple[str, ...]]
    optimizers: Mapping[str, optax.GradientTransformation]
    averaged: tuple[str, ...] = ()
    latent_shapes: Any = None
    style_shape: tuple[int, int] | None = None
    conditions: tuple[str, ...] = ()
    optional_conditions: tuple[str, ...] = ()
    num_classes: int = 0
    options: Mapping[str, Option] = {}
    origins: Mapping[str, Callable[[], str]] = {}

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """The state at step 0; ``batch`` is one step's worth of data."""
        raise NotImplementedError

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """All players' updates. Counting, averaging and sharding happen outside."""
        raise NotImplementedError

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """Draws with fixed statistics.

        Args:
          nets: averages in place, frozen ones among them.
          batch: 'z' (a tree of [B, ...] like ``latent_shapes``), the ``conditions``, 'key' [B], a key a row, so that
            row i depends on its own inputs only; 'options', name -> value of each declared option; 'step' [] int32.
          rng: shared by the batch; for what is the same in every row.

        Returns:
          ``image`` [B, H, W, C] in [-1, 1] or ``point`` [B, F], which metrics score; the rest are panels to look at.
        """
        raise NotImplementedError

    def map_latents(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> Array:
        """Styles [B, L, W] of the latents in ``batch``, of a method with a ``style_shape``; as for ``sample``."""
        raise NotImplementedError

    def batch_moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
        """The statistics that one train-mode draw sees, by net, shaped as its ``batch_stats``; empty where there are
        none. ``batch`` as for ``sample``.
        """
        del nets, batch, rng
        return {}

    def non_finite(self, state: TrainState) -> list[str]:
        """The names of the state's arrays whose NaN or infinity makes it unfit to be saved."""
        return non_finite(state)

    def health(self, new: TrainState, old: TrainState, players: Sequence[str], options: Health) -> Metrics:
        """The health of ``players`` after a step; see :func:`jaxgan.training.health.health_metrics`."""
        return health_metrics({player: self.players[player] for player in players}, new, old, options)

    def begin_stage(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """Prepares the state before a stage's first step, under a key of its own; by default it stays as it is."""
        del batch, rng
        return state

    @property
    def prepares_stage(self) -> bool:
        """Whether :meth:`begin_stage` does anything, and is compiled: where the class has one of its own, unless the
        class knows better.
        """
        return type(self).begin_stage is not Method.begin_stage

    @property
    def refresh_due(self) -> "Refresh | None":
        """How often :meth:`refresh` is called; None for never."""
        return None

    def refresh(self, state: TrainState, rng: Array) -> TrainState:
        """Prepares the state between two steps, such as by assigning samples to examples; a method counts its calls."""
        raise NotImplementedError


class Refresh(NamedTuple):
    """How often a method's :meth:`Method.refresh` is called.

    Attributes:
      every: before each so many steps of a stage, the first one among them.
      blocks: calls, one after another, under one key.
    """

    every: int
    blocks: int = 1


class Score(NamedTuple):
    """A number with the protocol that it was measured by.

    Attributes:
      value: the number.
      stderr: its standard error, where it is defined.
      stamp: what must be the same for two of them to be compared; see :mod:`jaxgan.evaluation.protocol`.
    """

    value: float
    stderr: float | None
    stamp: dict[str, Any]

    def fields(self) -> dict[str, Any]:
        """``value``, ``stderr`` where defined, ``stamp``: what a JSON line holds of it."""
        error = {} if self.stderr is None else {"stderr": self.stderr}
        return {"value": self.value, **error, "stamp": self.stamp}


class FailedScore(NamedTuple):
    """A score that could not be computed.

    Attributes:
      reason: the error, in one line.
    """

    reason: str

    def fields(self) -> dict[str, Any]:
        """The fields of its JSON line: no value, and the reason."""
        return {"value": None, "error": self.reason}


Result = float | np.ndarray | Score | FailedScore


class Evaluator(NamedTuple):
    """Scores, or pictures, computed from the networks now and then.

    Attributes:
      name: for logs and the command line.
      run: (nets, step) -> name -> score, float, uint8 picture [H, W, C], or a score that failed alone. The nets are
        those of :meth:`Experiment.nets_to_score`: averages replace raw networks where the stage has them, and frozen
        networks are among them.
      every_steps: how often in training, in steps of the run; 0 for at the stage's end alone.
      scores: the names, without 'eval/', of the scores and floats that ``run`` gives: what ``jaxgan evaluate
        --metrics=NAME`` may ask for, and ``evaluation.best`` be. None where that is not said.
    """

    name: str
    run: Callable[[dict[str, Variables], int], dict[str, Result]]
    every_steps: int
    scores: tuple[str, ...] | None = None


def no_evaluators(mesh: Mesh) -> Sequence[Evaluator]:
    """The evaluators of a stage that is not scored."""
    del mesh
    return ()


class Stage(NamedTuple):
    """A stretch of training under one method.

    Attributes:
      name: for logs, records and ``--stage``; no two stages of an experiment share one.
      method: which players there are, and how they are updated.
      data: ``data(start_step)`` opens this process's rows of the batches from that step of the stage on; called only
        where a stage trains.
      batch: shapes and dtypes of one step's global batch.
      images_per_step: images of one player update, for the images/s of logs.
      steps: its length.
      ema: which nets are averaged while it trains, and how; None for none.
      evaluators: its scores, for a mesh.
      data_identity: () -> what tells this data from other data: length, version, names of classes, by set. It is kept
        in every checkpoint, and a run does not go on with other data. None where nothing is known.
      players: those of the method's players that are updated in it; None for all. The nets and the optimiser states of
        the others come out of every step as they went in, bit for bit. The method must not update the others either
        (a player that was updated would be seen by the next one within the step): a step that logs a loss of a player
        that is not named here is refused when it is traced.
      check_data: opens the data, and raises where it is not there or its batches are others than the stage's; what it
        returns is of no meaning. None where nothing can be wrong.
      texts: (texts) -> the conditions that are drawn for, of a method of captions; None for no such method.
      examples: (split, data_dir=None) -> the set that scores read; None for the one that the config names, as it is.
    """

    name: str
    method: Method
    data: Callable[[int], Iterator[dict[str, np.ndarray]]]
    batch: dict[str, jax.ShapeDtypeStruct]
    images_per_step: int
    steps: int
    ema: Ema | None = None
    evaluators: Callable[[Mesh], Sequence[Evaluator]] = no_evaluators
    players: tuple[str, ...] | None = None
    data_identity: Callable[[], dict[str, Any]] | None = None
    check_data: Callable[[], object] | None = None
    examples: Callable[..., Any] | None = None
    texts: Callable[[Sequence[str]], dict[str, np.ndarray]] | None = None


class Experiment(NamedTuple):
    """One paper, bound: what the trainer runs.

    Attributes:
      stages: in order, over one state tree; most experiments have one.
      rules: partition rules for the state.
      init: rng -> the state at step 0, without averages and frozen networks; it has the nets and the optimisers of
        every stage. None for the first stage's ``method.init``.
      frozen: reads the networks that nobody updates, by name: arrays of the host or of a device, the same on every
        process. They lie in ``state.frozen``, where steps, samplers and evaluators find them, and are never
        checkpointed, donated, or constants of a compiled program. Called once a start; None for no such networks.
    """

    stages: Sequence[Stage]
    rules: Rules = REPLICATED
    init: Callable[[Array], TrainState] | None = None
    frozen: Callable[[], dict[str, Variables]] | None = None

    @property
    def stage_starts(self) -> tuple[int, ...]:
        """The step that each stage begins at, in completed steps."""
        return tuple(itertools.accumulate((stage.steps for stage in self.stages[:-1]), initial=0))

    @property
    def total_steps(self) -> int:
        """The step that the run ends at."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """The stage that step number ``step`` belongs to, counted from 0; past the end, the last stage."""
        return self.stages[bisect.bisect_right(self.stage_starts, step) - 1]

    def stage_of_checkpoint(self, step: int) -> Stage:
        """The stage that made the state after ``step`` completed steps: where two stages meet, the one that ended."""
        return self.stage_at(max(step - 1, 0))

    def stage_named(self, name: str | None) -> Stage:
        """The stage of that name; None for the only one.

        Raises:
          UserError: where there is no such stage, or None leaves a choice.
        """
        names = [stage.name for stage in self.stages]
        if name is None and len(names) == 1:
            return self.stages[0]
        if name not in names:
            given = "the experiment has several stages" if name is None else f"--stage={name}: there is no such stage"
            raise UserError(f"{given}; choose --stage= from {', '.join(names)}")
        return self.stages[names.index(name)]

    def check_data(self) -> None:
        """Opens the data of every stage, and raises what is wrong with it."""
        for stage in self.stages:
            if stage.check_data is not None:
                stage.check_data()

    def fresh_state(self, rng: Array) -> TrainState:
        """The state at step 0, with a copy of every net that some stage averages, and no frozen networks yet."""
        if self.init is not None:
            state = self.init(rng)
        else:
            stage = self.stages[0]
            state = stage.method.init(rng, jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), stage.batch))
        ema: dict[str, Variables] = {}
        for stage in self.stages:
            if stage.ema is not None:
                ema |= stage.ema.init(state.nets)
        return state.replace(ema=ema)

    def shapes(self) -> TrainState:
        """The state's shapes and dtypes, frozen networks included; nothing is computed."""
        state = jax.eval_shape(self.fresh_state, jax.random.key(0))
        if self.frozen is None:
            return state
        return state.replace(frozen=jax.eval_shape(lambda nets: nets, self.frozen()))

    def nets_to_score(self, state: TrainState, stage: Stage, *, raw: bool = False) -> dict[str, Variables]:
        """Networks for sampling and scores: nets, with the averages of ``stage`` instead of raw ones unless ``raw``,
        and the frozen networks.
        """
        names = () if raw or stage.ema is None else stage.ema.nets
        return state.nets | {name: state.ema[name] for name in names} | state.frozen
