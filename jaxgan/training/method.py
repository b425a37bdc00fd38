"""What a family of GANs must say of itself: the trainer knows nothing more."""

import bisect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import Mesh

from jaxgan.parallel import REPLICATED, Rules
from jaxgan.training.ema import Ema
from jaxgan.training.errors import UserError
from jaxgan.training.state import Metrics, TrainState, Variables

Batch = dict[str, Array]


class Method(Protocol):
    """How the players move: a frozen, keyword-only dataclass with identity hash, so that ``jax.jit`` can close over it.

    Attributes:
      players: player -> the nets that its optimiser moves.
      optimizers: player -> optimiser.
      latent_shape: shape of one latent, which truncation applies to; None where nothing is drawn.
      num_classes: classes that ``sample`` takes labels of; 0 for none.
    """

    @property
    def latent_shape(self) -> tuple[int, ...] | None:
        """Shape of one latent, which truncation applies to; None where nothing is drawn."""

    @property
    def num_classes(self) -> int:
        """Classes that ``sample`` takes labels of; 0 for none."""

    @property
    def players(self) -> Mapping[str, tuple[str, ...]]:
        """Player -> the nets that its optimiser moves."""

    @property
    def optimizers(self) -> Mapping[str, optax.GradientTransformation]:
        """Player -> optimiser."""

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """The state at step 0; ``batch`` is one step's worth of data."""

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """All players' updates. Counting, averaging and sharding happen outside."""

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """Draws with fixed statistics; ``image`` [B, H, W, C] in [-1, 1] is what metrics score, the rest are panels to
        look at.
        """

    def moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
        """The statistics that one train-mode draw sees, by net, shaped as its ``batch_stats``; empty where there are
        none.
        """

    def begin_stage(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """Prepares the state on a stage's first step; most methods return it as it is."""


class Score(NamedTuple):
    """A number with the protocol that it was measured by.

    Attributes:
      value: the number.
      stderr: its standard error, where it is defined.
      stamp: what must be alike for two of them to be compared; see :mod:`jaxgan.evaluation.protocol`.
    """

    value: float
    stderr: float | None
    stamp: dict[str, Any]

    def fields(self) -> dict[str, Any]:
        """``value``, ``stderr`` where defined, ``stamp``: what a JSON line holds of it."""
        error = {} if self.stderr is None else {"stderr": self.stderr}
        return {"value": self.value, **error, "stamp": self.stamp}


Result = float | np.ndarray | Score


class Evaluator(NamedTuple):
    """Scores, or pictures, computed from the networks now and then.

    Attributes:
      name: for logs and the command line.
      run: (nets, step) -> name -> score, float, or uint8 picture [H, W, C]. The nets are those of
        :meth:`Experiment.nets_to_score`: averages replace raw networks where the stage has them, and frozen networks
        are among them.
      every_steps: how often in training, in steps of the run; 0 for at the stage's end alone.
    """

    name: str
    run: Callable[[dict[str, Variables], int], dict[str, Result]]
    every_steps: int


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
      players: those of the method's players that are updated in it; None for all. The nets and the optimiser states of
        the others come out of every step as they went in, bit for bit. The method must not update the others either
        (a player that was updated would be seen by the next one within the step): a step that logs a loss of a player
        that is not named here is refused when it is traced.
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
        """What samples are drawn from and scores are of: nets, with the averages of ``stage`` instead of raw ones
        unless ``raw``, and the frozen networks.
        """
        names = () if raw or stage.ema is None else stage.ema.nets
        return state.nets | {name: state.ema[name] for name in names} | state.frozen
