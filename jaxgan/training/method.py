"""Method, Stage, Experiment: what a family declares of itself; the trainer knows nothing more."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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
      conditions: fields of a batch that ``sample`` needs.
      num_classes: classes that uniform labels are drawn from; 0 for none.
      options: what sampling may set; anything else is refused.
    """

    players: Mapping[str, tuple[str, ...]]
    optimizers: Mapping[str, optax.GradientTransformation]
    averaged: tuple[str, ...] = ()
    latent_shapes: Any = None
    conditions: tuple[str, ...] = ()
    num_classes: int = 0
    options: Mapping[str, Option] = {}

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

    def batch_moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
        """The statistics that one train-mode draw sees, by net, shaped as its ``batch_stats``; empty where there are
        none. ``batch`` as for ``sample``.
        """
        del nets, batch, rng
        return {}

    def begin_stage(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """Prepares the state before a stage's first step, under a key of its own; by default it stays as it is."""
        del batch, rng
        return state


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
