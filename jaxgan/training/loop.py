"""Training loop for any method: stages, data, dispatches, checkpoints and logs."""

import collections
import contextlib
import dataclasses
import itertools
import logging
import time
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np
from etils import epath
from jax.sharding import Mesh

from jaxgan.data.prefetch import prefetch
from jaxgan.parallel import host_to_global, is_main
from jaxgan.training.best import Best
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.errors import UserError
from jaxgan.training.faults import Faults
from jaxgan.training.logging import Progress, Writer, parameter_table
from jaxgan.training.method import Evaluator, Experiment, Stage
from jaxgan.training.preemption import StopRequest
from jaxgan.training.state import TrainState
from jaxgan.training.step import compile_step, init_state, make_begin_stage, make_stage_step
from jaxgan.training.watchdog import Limits, Watchdog
from jaxgan.training.workdir import config_text, fingerprint

log = logging.getLogger("jaxgan")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopOptions:
    """How a run is driven.

    Attributes:
      save_every: steps between checkpoints; the last step is always saved.
      log_every: steps between records in metrics.jsonl.
      keep: checkpoints that stay, the newest; the last one of each stage stays too.
      steps_per_dispatch: steps in one call of the compiled function.
      max_in_flight: dispatches that may wait for the device; a loop that runs ahead without bound holds memory for
        every one of them.
      best: a score in metrics.jsonl, such as 'eval/tstr', whose best checkpoint in the last stage is kept as well as
        the newest, and named in best.json; None for none.
      best_is: 'max' or 'min'.
      progress: show the bar.
      watchdog: how long each part may take until the process is taken for stuck.
    """

    save_every: int
    log_every: int
    keep: int = 2
    steps_per_dispatch: int = 1
    max_in_flight: int = 4
    best: str | None = None
    best_is: str = "max"
    progress: bool = True
    watchdog: Limits = dataclasses.field(default_factory=Limits)

    def check(self, experiment: Experiment, evaluators: Iterable[Evaluator]) -> None:
        """Raises UserError where an interval is not positive, or ends inside a dispatch, or two stages share a name."""
        names = [stage.name for stage in experiment.stages]
        if len(set(names)) < len(names):
            raise UserError(f"stages {', '.join(names)}: give each a name of its own")
        k = self.steps_per_dispatch
        intervals = {"training.save_every": self.save_every, "training.steps_per_dispatch": k}
        intervals |= {f"steps of stage {s.name}": s.steps for s in experiment.stages}
        intervals |= {f"every_steps of {e.name}": e.every_steps for e in evaluators if e.every_steps}
        for name, value in (intervals | {"training.log_every": self.log_every}).items():
            if value < 1:
                raise UserError(f"{name}={value} must be at least 1")
        if self.best_is not in ("max", "min"):
            raise UserError(f"best_is={self.best_is!r}; choose from 'max', 'min'")
        for name, value in intervals.items():
            if value % k:
                raise UserError(f"{name}={value} is no multiple of training.steps_per_dispatch={k}; make it one")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
      state: the last state.
      stopped_by: the signal that stopped it early, or None.
      seconds: wall time of this process's part of the run.
    """

    state: TrainState
    stopped_by: int | None
    seconds: float


def _dispatches(batches: Iterator[dict[str, np.ndarray]], k: int) -> Iterator[dict[str, np.ndarray]]:
    """Stacks K steps' batches for one dispatch."""
    if k == 1:
        yield from batches
        return
    while True:
        group = [next(batches) for _ in range(k)]
        yield {name: np.stack([b[name] for b in group]) for name in group[0]}


def _at(metrics: dict[str, Any], k: int, index: int) -> dict[str, Any]:
    """The metrics of one of a dispatch's K steps."""
    return dict(metrics) if k == 1 else {name: value[index] for name, value in metrics.items()}


def _records(metrics: dict[str, Any], step: int, k: int, every: int) -> dict[int, dict[str, Any]]:
    """The steps of a dispatch, which ended at ``step``, that are due for the log, with their metrics."""
    return {n: _at(metrics, k, n - step + k - 1) for n in range(step - k + 1, step + 1) if n % every == 0}


def train(
    experiment: Experiment,
    *,
    workdir: epath.PathLike,
    config: dict[str, Any],
    seed: int,
    mesh: Mesh,
    options: LoopOptions,
) -> Outcome:
    """Trains to the end of the last stage, from the newest sound checkpoint where there is one.

    Killed at any moment and called again the same way on the same devices, it ends in the same state bit for bit: data
    and randomness are functions of the step and the seed alone. SIGTERM or SIGINT saves and returns.

    Args:
      experiment: what to train.
      workdir: the run's folder.
      config: what the experiment was built from; its fingerprint goes into each checkpoint.
      seed: of initial weights and of every step.
      mesh: the devices.
      options: how to drive it.

    Raises:
      UserError: where an interval is wrong, or training diverges.
    """
    process, peers = jax.process_index(), jax.process_count() > 1
    with Watchdog(options.watchdog, workdir=workdir, process=process, peers=peers) as watchdog:
        return _train(experiment, workdir, config, seed, mesh, options, watchdog)


def _train(
    experiment: Experiment,
    workdir: epath.PathLike,
    config: dict[str, Any],
    seed: int,
    mesh: Mesh,
    options: LoopOptions,
    watchdog: Watchdog,
) -> Outcome:
    began = time.monotonic()
    faults = Faults.from_environment(workdir=workdir, process=jax.process_index())
    evaluators = [list(stage.evaluators(mesh)) for stage in experiment.stages]
    options.check(experiment, itertools.chain(*evaluators))
    init_rng, step_rng = jax.random.split(jax.random.key(seed))

    starts = experiment.stage_starts
    checkpoints = Checkpoints(workdir, keep=options.keep, always=starts[1:], reading=faults.reading)
    state, state_shardings = init_state(experiment, rng=init_rng, mesh=mesh)
    if is_main():
        log.info("parameters:\n%s", parameter_table(state))
    with watchdog.section("restore"):
        restored = checkpoints.restore(state)
    if restored is not None:
        state, meta = restored
        log.info("going on from step %d (%s)", int(state.step), checkpoints.directory)
        if meta["seed"] != seed:
            log.warning("the checkpoint was trained with seed %s, the config says %s", meta["seed"], seed)
    best = Best(workdir, options.best, options.best_is, step=int(state.step), after=starts[-1])
    checkpoints.keep_best(best.step)
    writer = Writer(workdir if is_main() else None, step=int(state.step), config=config_text(config))
    record = {
        "seed": seed,
        "config": fingerprint(config),
        "rng": {"impl": str(jax.random.key_impl(step_rng)), "key": jax.random.key_data(step_rng).tolist()},
    }
    run = _Run(
        experiment,
        evaluators,
        mesh,
        options,
        state_shardings,
        step_rng,
        checkpoints,
        writer,
        best,
        StopRequest(),
        record,
        watchdog,
        faults,
    )
    try:
        with jax.set_mesh(mesh), run.stop:
            for number, stage in enumerate(experiment.stages):
                if int(state.step) < starts[number] + stage.steps and run.stop.signal is None:
                    state = run.stage(number, state)
    finally:
        watchdog.beat("save")
        writer.close()
        checkpoints.close()
    writer.check()
    return Outcome(
        state, run.stop.signal if int(state.step) < experiment.total_steps else None, time.monotonic() - began
    )


@dataclasses.dataclass
class _Run:
    """One run: what stays the same through all of its stages."""

    experiment: Experiment
    evaluators: list[list[Evaluator]]
    mesh: Mesh
    options: LoopOptions
    shardings: Any
    rng: Any
    checkpoints: Checkpoints
    writer: Writer
    best: Best
    stop: StopRequest
    record: dict[str, Any]
    watchdog: Watchdog
    faults: Faults

    def save(self, stage: Stage, state: TrainState, step: int) -> None:
        # Records first: a run that goes on from this checkpoint does not write them again.
        self.writer.flush()
        about = {"data": {"position": int(state.step)}, "stage": stage.name}
        self.faults.saving(step, self.checkpoints.directory)
        self.checkpoints.save(state, self.record | about)
        self.faults.saved(step, self.checkpoints)

    def evaluate(self, number: int, state: TrainState, step: int) -> dict[str, Any]:
        """Results of the evaluators of stage ``number`` that are due after ``step``."""
        stage = self.experiment.stages[number]
        last = step == self.experiment.stage_starts[number] + stage.steps
        results: dict[str, Any] = {}
        for evaluator in self.evaluators[number]:
            if last or (evaluator.every_steps and step % evaluator.every_steps == 0):
                results |= evaluator.run(self.experiment.nets_to_score(state, stage), step)
        return results

    def begin_stage(self, number: int, state: TrainState) -> TrainState:
        stage = self.experiment.stages[number]
        with prefetch(stage.data(0), lambda b: host_to_global(b, self.mesh), depth=1) as batches:
            batch = next(batches)
        begin = compile_step(make_begin_stage(self.experiment, number), self.mesh, self.shardings)
        return begin(state, batch, self.rng)[0]

    def stage(self, number: int, state: TrainState) -> TrainState:
        """Runs a stage to its end or to a request to stop."""
        self.watchdog.beat("compile")
        stage, first = self.experiment.stages[number], self.experiment.stage_starts[number]
        k, step, end = self.options.steps_per_dispatch, int(state.step), first + stage.steps
        # Records of one stage alone need no name.
        name = stage.name if len(self.experiment.stages) > 1 else None
        if step == first:
            state = self.begin_stage(number, state)
        pure = make_stage_step(stage, steps_per_dispatch=k)
        run = compile_step(pure, self.mesh, self.shardings, steps_per_dispatch=k)
        progress = Progress(
            total=end - first,
            start=step - first,
            images_per_step=stage.images_per_step,
            show=tuple(f"{player}/loss" for player in sorted(stage.players or stage.method.players)),
            enabled=self.options.progress and is_main(),
        )
        in_flight: collections.deque[Any] = collections.deque()
        source = _dispatches(stage.data(step - first), k)
        with prefetch(source, lambda b: host_to_global(b, self.mesh, stacked=k > 1)) as batches:
            meter = _Meter(stage.images_per_step, step)
            while step < end:
                state, metrics = run(state, next(batches), self.rng)
                step += k
                state = self.faults.after(step, state)
                if meter.compiling:
                    # The only wait: speeds are of steps alone, and a compilation that fails says so here.
                    jax.block_until_ready(metrics)
                    log.info("compiled, and ran the first dispatch, in %.1f s", meter.start(step))
                in_flight.append(metrics)
                if len(in_flight) > self.options.max_in_flight:
                    jax.block_until_ready(in_flight.popleft())
                self.watchdog.beat("step")
                self.faults.at(step)
                stopping = self.stop.due()
                records = _records(metrics, step, k, self.options.log_every)
                if step in records:
                    records[step] |= meter.read(step, batches.wait_seconds)
                with meter.paused():
                    with self.watchdog.section("evaluate"):
                        results = self.evaluate(number, state, step)
                    if results:
                        records[step] = records.get(step, _at(metrics, k, k - 1)) | results
                    for at, values in sorted(records.items()):
                        self.writer.write(at, values, stage=name)
                    improved = self.best.update(step, results)
                    if improved:
                        self.checkpoints.keep_best(step)
                    if step % self.options.save_every == 0 or step == end or stopping or improved:
                        with self.watchdog.section("save"):
                            self.save(stage, state, step)
                progress.advance(k, self.writer.latest)
                if stopping:
                    break
        progress.close()
        return state


class _Meter:
    """Images per second, and the share of time spent waiting for data, since the last reading."""

    def __init__(self, images_per_step: int, step: int):
        self._images, self._step, self._waited = images_per_step, step, 0.0
        self._since = time.monotonic()
        self.compiling = True

    def start(self, step: int) -> float:
        """Begins to count after ``step``; returns the seconds that went before."""
        now = time.monotonic()
        seconds, self._since, self._step, self.compiling = now - self._since, now, step, False
        return seconds

    def read(self, step: int, wait_seconds: float) -> dict[str, float]:
        now = time.monotonic()
        seconds = max(now - self._since, 1e-9)
        values = {
            "perf/images_per_second": (step - self._step) * self._images / seconds,
            "perf/data_wait_share": (wait_seconds - self._waited) / seconds,
        }
        self._since, self._step, self._waited = now, step, wait_seconds
        return values

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time in the block does not count."""
        began = time.monotonic()
        yield
        self._since += time.monotonic() - began
