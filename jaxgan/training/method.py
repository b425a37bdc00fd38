"""What a family of GANs must say of itself: the trainer knows nothing more."""

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


class Stage(NamedTuple):
    """A stretch of training under one method.

    Attributes:
      name: for logs.
      method: who moves, and how.
      data: ``data(start_step)`` opens this process's rows of the batches from that step on; called only where a stage
        trains.
      batch: shapes and dtypes of one step's global batch.
      images_per_step: for the images/s of logs.
      steps: its length.
    """

    name: str
    method: Method
    data: Callable[[int], Iterator[dict[str, np.ndarray]]]
    batch: dict[str, jax.ShapeDtypeStruct]
    images_per_step: int
    steps: int


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
      run: (nets, step) -> name -> score, float, or uint8 picture [H, W, C]; averaged nets stand in the place of raw
        ones where they exist.
      every_steps: how often in training; 0 for at the end alone.
      scores: the names, without 'eval/', of the scores and floats that ``run`` gives: what ``jaxgan evaluate
        --metrics=NAME`` may ask for.
    """

    name: str
    run: Callable[[dict[str, Variables], int], dict[str, Result]]
    every_steps: int
    scores: tuple[str, ...] = ()


def _no_evaluators(mesh: Mesh) -> Sequence[Evaluator]:
    del mesh
    return ()


class Experiment(NamedTuple):
    """One paper, bound: what the trainer runs.

    Attributes:
      stages: in order; a plain GAN has one.
      ema: which nets are averaged, and how; None for none.
      evaluators: the scores, for a mesh.
      rules: partition rules for the state.
    """

    stages: Sequence[Stage]
    ema: Ema | None = None
    evaluators: Callable[[Mesh], Sequence[Evaluator]] = _no_evaluators
    rules: Rules = REPLICATED

    def fresh_state(self, rng: Array) -> TrainState:
        """The state at step 0, averages included."""
        stage = self.stages[0]
        blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), stage.batch)
        state = stage.method.init(rng, blank)
        return state if self.ema is None else state.replace(ema=self.ema.init(state.nets))

    def shapes(self) -> TrainState:
        """The state's shapes and dtypes, with no array built."""
        return jax.eval_shape(self.fresh_state, jax.random.key(0))


class Option(NamedTuple):
    """A setting that a method lets sampling change, by ``--set name=value``.

    Attributes:
      default: its value where nothing is set; its type is the option's.
      low, high: bounds of a number, both included; None for none.
      choices: the values there are. A choice is known when the sampler is compiled; an option without choices is a
        number that is traced, so that another value compiles nothing anew.
    """

    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] | None = None
