"""What a family of GANs must say of itself: the trainer knows nothing more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import optax
from jax import Array

from jaxgan.parallel import REPLICATED, Rules
from jaxgan.training.ema import Ema
from jaxgan.training.state import Metrics, TrainState, Variables

Batch = dict[str, Array]


class Method(Protocol):
    """How the players move: a frozen, keyword-only dataclass with identity hash, so that ``jax.jit`` can close over it.

    Attributes:
      players: player -> the nets that its optimiser moves.
      optimizers: player -> optimiser.
    """

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
        """Draws with fixed statistics; ``image`` [B, H, W, C] in [-1, 1] is what metrics score, the rest are panels to look at."""

    def moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
        """The statistics that one train-mode draw sees, by net, shaped as its ``batch_stats``; empty where there are none."""

    def enter(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """Prepares the state on a stage's first step; most methods return it as it is."""


class Stage(NamedTuple):
    """A stretch of training under one method.

    Attributes:
      name: for logs.
      method: who moves, and how.
      data: opens the stage's data, as ``data()``; called only where a stage trains.
      steps: its length.
    """

    name: str
    method: Method
    data: Callable[[], Any]
    steps: int


class Evaluator(NamedTuple):
    """A score, or a picture, computed from the networks now and then.

    Attributes:
      name: for logs and the command line.
      run: (nets, step) -> metric name -> float; averaged nets take the place of raw ones where they exist.
      every_steps: how often in training; 0 for at the end alone.
    """

    name: str
    run: Callable[[dict[str, Variables], int], dict[str, float]]
    every_steps: int


class Experiment(NamedTuple):
    """One paper, bound: what the trainer runs.

    Attributes:
      stages: in order; a plain GAN has one.
      ema: which nets are averaged, and how; None for none.
      evaluators: builds the scores for a mesh and a folder for pictures, as ``evaluators(mesh, pictures)``.
      rules: partition rules for the state.
    """

    stages: Sequence[Stage]
    ema: Ema | None = None
    evaluators: Callable[..., Sequence[Evaluator]] = lambda *_: ()
    rules: Rules = REPLICATED


def state_shapes(experiment: Experiment, batch: Any) -> Any:
    """The state's shapes and dtypes, from those of a batch, with no array built."""
    method = experiment.stages[0].method

    def init(rng: Array, batch: Any) -> TrainState:
        state = method.init(rng, batch)
        return state if experiment.ema is None else state.replace(ema=experiment.ema.init(state.nets))

    return jax.eval_shape(init, jax.random.key(0), batch)
