"""From a method to the one jitted function that a loop dispatches."""

from collections.abc import Callable
from typing import Any

import jax
from jax import Array
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import BATCH, shardings
from jaxgan.training.ema import Ema
from jaxgan.training.method import Batch, Experiment, Method
from jaxgan.training.scan_or_unroll import scan_or_unroll
from jaxgan.training.state import Metrics, TrainState

StepFn = Callable[[TrainState, Batch, Array], tuple[TrainState, Metrics]]


def make_step(
    method: Method, *, ema: Ema | None = None, steps_per_dispatch: int = 1, unroll: bool | None = None
) -> StepFn:
    """The pure function (state, batch, rng) -> (state, metrics) of one step, or of several.

    The method's step is run under ``fold_in(rng, state.step)``, so that the run's only random state is its seed; the
    averages are updated and the step is counted.

    Args:
      method: who moves, and how.
      ema: which nets are averaged.
      steps_per_dispatch: K > 1 runs K steps in a call; every array of the batch then has a leading axis of K, and
        metrics are those of each step, [K].
      unroll: of the K steps, see :func:`jaxgan.training.scan_or_unroll.scan_or_unroll`.
    """

    def one(state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        step_rng = jax.random.fold_in(rng, state.step)
        new, metrics = method.step(state, batch, step_rng)
        new = new.replace(step=state.step + 1)
        if ema is not None:
            new = new.replace(ema=ema.update(new.ema, new.nets, new.step))
        return new, metrics

    if steps_per_dispatch == 1:
        return one

    def several(state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        return scan_or_unroll(lambda s, b: one(s, b, rng), state, batch, unroll=unroll)

    return several


def compile_step(
    step: StepFn, mesh: Mesh, state_shardings: Any, *, steps_per_dispatch: int = 1, donate: bool = True
) -> Any:
    """``jax.jit`` of a step over a mesh: state as its shardings say, batch split over the mesh, metrics whole, state
    donated.

    Call and lower the result inside ``jax.set_mesh(mesh)``.
    """
    batch = NamedSharding(mesh, P(None, *BATCH) if steps_per_dispatch > 1 else BATCH)
    whole = NamedSharding(mesh, P())
    return jax.jit(
        step,
        in_shardings=(state_shardings, batch, whole),
        out_shardings=(state_shardings, whole),
        donate_argnums=(0,) if donate else (),
    )


def init_state(experiment: Experiment, *, rng: Array, mesh: Mesh) -> tuple[TrainState, Any]:
    """A fresh state, born sharded as the experiment's rules say, and its shardings.

    Args:
      experiment: its first stage's method makes the state.
      rng: the key that initial weights come from.
      mesh: where the leaves go.
    """
    where = shardings(experiment.shapes(), experiment.rules, mesh)
    with jax.set_mesh(mesh):
        return jax.jit(experiment.fresh_state, out_shardings=where)(rng), where
