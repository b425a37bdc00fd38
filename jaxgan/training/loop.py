"""Training loop for any method: stages, data, dispatches, checkpoints and logs."""

import collections
import contextlib
import dataclasses
import functools
import itertools
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath
from jax.sharding import Mesh

from jaxgan.data.prefetch import prefetch
from jaxgan.parallel import host_to_global, is_main
from jaxgan.training.best import Best
from jaxgan.training.checkpoint import Checkpoints, NonFiniteStateError
from jaxgan.training.data_identity import difference, renumbered
from jaxgan.training.errors import UserError
from jaxgan.training.faults import Faults
from jaxgan.training.goodput import Goodput, sentence, summary
from jaxgan.training.health import Health
from jaxgan.training.logging import Progress, Writer, parameter_table
from jaxgan.training.method import Evaluator, Experiment, FailedScore, Stage
from jaxgan.training.pending import Pending
from jaxgan.training.preemption import EXIT_RESTART, StopRequest
from jaxgan.training.state import TrainState
from jaxgan.training.step import compile_step, init_state, make_begin_stage, make_stage_step, needs_begin_stage
from jaxgan.training.storage import writing
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
      on_nonfinite: where metrics or the state hold NaN or infinity: 'stop' ends the run, its last good checkpoint kept;
        'rollback' goes on from that, with other randomness and other data; 'continue' leaves out the update of such a
        step, on the device (``skipped`` in the records counts them).
      max_rollbacks: after so many the run stops.
      on_evaluation_error: 'record' notes a score that fails, with its reason, and trains on; 'stop' ends the run, whose
        checkpoint was saved before.
      accept_data_change: go on with other data than the run was trained on.
      health: log update-to-weight ratios, D's gap and the largest singular value of each spectrally normalised weight.
      singular_values_every: steps between records of the second and the third of them, where ``health``; 0 for never.
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
    on_nonfinite: str = "stop"
    max_rollbacks: int = 3
    on_evaluation_error: str = "record"
    accept_data_change: bool = False
    health: bool = False
    singular_values_every: int = 0
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
        for name, value in (intervals | {"training.log_every": self.log_every, "training.keep": self.keep}).items():
            if value < 1:
                raise UserError(f"{name}={value} must be at least 1")
        if self.singular_values_every < 0:
            raise UserError(f"training.singular_values_every={self.singular_values_every}: give 0 for never, or more")
        choices = {"best_is": ("max", "min"), "on_nonfinite": ("stop", "rollback", "continue")}
        for name, allowed in (choices | {"on_evaluation_error": ("record", "stop")}).items():
            if getattr(self, name) not in allowed:
                raise UserError(f"{name}={getattr(self, name)!r}; choose from {', '.join(map(repr, allowed))}")
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


class DivergedError(UserError):
    """Metrics or a state with NaN or infinity.

    Attributes:
      step: where they were found.
    """

    def __init__(self, message: str, step: int):
        super().__init__(message)
        self.step = step


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
    evaluators: Sequence[Sequence[Evaluator]] | None = None,
) -> Outcome:
    """Trains to the end of the last stage, from the newest sound checkpoint where there is one.

    Killed at any moment and called again the same way on the same devices, it ends in the same state bit for bit: data
    and randomness are functions of the step, the seed and the count of rollbacks alone. SIGTERM or SIGINT saves and
    returns; SIGTERM while there is nothing to save (compilation, scores) ends the process with exit code 42.

    Args:
      experiment: what to train.
      workdir: the run's folder.
      config: what the experiment was built from; its fingerprint goes into each checkpoint.
      seed: of initial weights and of every step.
      mesh: the devices.
      options: how to drive it.
      evaluators: each stage's, where :func:`checked_evaluators` made them already.

    Raises:
      UserError: where an interval is wrong, the data is not what the run was trained on, storage fails, or training
        diverges.
    """
    made = checked_evaluators(experiment, mesh, options) if evaluators is None else evaluators
    process, peers = jax.process_index(), jax.process_count() > 1
    with Watchdog(options.watchdog, workdir=workdir, process=process, peers=peers) as watchdog:
        return _train(experiment, made, workdir, config, seed, mesh, options, watchdog)


def checked_evaluators(experiment: Experiment, mesh: Mesh, options: LoopOptions) -> list[Sequence[Evaluator]]:
    """Each stage's evaluators, with all that they read opened.

    Raises:
      UserError: where an interval is wrong, or something that a score needs is not there.
    """
    made = [list(stage.evaluators(mesh)) for stage in experiment.stages]
    options.check(experiment, itertools.chain(*made))
    return list(made)


def _train(
    experiment: Experiment,
    evaluators: Sequence[Sequence[Evaluator]],
    workdir: epath.PathLike,
    config: dict[str, Any],
    seed: int,
    mesh: Mesh,
    options: LoopOptions,
    watchdog: Watchdog,
) -> Outcome:
    began = time.monotonic()
    faults = Faults.from_environment(workdir=workdir, process=jax.process_index())
    init_rng, step_rng = jax.random.split(jax.random.key(seed))
    record = {
        "seed": seed,
        "config": fingerprint(config),
        "rng": {"impl": str(jax.random.key_impl(step_rng)), "key": jax.random.key_data(step_rng).tolist()},
    }
    always = experiment.stage_starts[1:]
    checkpoints = Checkpoints(workdir, keep=options.keep, always=always, reading=faults.reading)
    goodput = Goodput(workdir, began=began)
    stop = StopRequest()
    helpers = (checkpoints, goodput, stop, watchdog, faults)
    run = _Run(experiment, evaluators, mesh, options, workdir, config, step_rng, helpers, record)
    try:
        with stop:
            state = run.restored(init_rng)
            while True:
                try:
                    with jax.set_mesh(mesh):
                        state = run.stages(state)
                    break
                except DivergedError as error:
                    state = run.rolled_back(init_rng, error)
            goodput.write(int(state.step))
    finally:
        watchdog.beat("save")
        run.close()
    run.writer.check()
    if is_main():
        log.info("time: %s", sentence(summary(workdir)))
    finished = int(state.step) >= experiment.total_steps
    return Outcome(state, None if finished else stop.signal, time.monotonic() - began)


class _Run:
    """One run: what stays the same through all of its stages, and what a rollback opens anew."""

    def __init__(
        self,
        experiment: Experiment,
        evaluators: Sequence[Sequence[Evaluator]],
        mesh: Mesh,
        options: LoopOptions,
        workdir: epath.PathLike,
        config: dict[str, Any],
        rng: jax.Array,
        helpers: tuple[Checkpoints, Goodput, StopRequest, Watchdog, Faults],
        record: dict[str, Any],
    ):
        self.experiment, self.evaluators, self.mesh, self.options = experiment, evaluators, mesh, options
        self.workdir, self.config, self.rng = workdir, config, rng
        self.checkpoints, self.goodput, self.stop, self.watchdog, self.faults = helpers
        self.record = record
        self.pending = Pending(workdir)
        self.writer = Writer(None, step=0)
        self.health = Health(options.singular_values_every) if options.health else None
        self.rollbacks = 0
        self.identities: dict[str, Any] = {}

    def restored(self, init_rng: jax.Array) -> TrainState:
        """The newest sound state, or a fresh one, with its records open."""
        with self.quiet("initialise"):
            state, self.shardings = init_state(self.experiment, rng=init_rng, mesh=self.mesh)
        if is_main() and not self.rollbacks:
            log.info("parameters:\n%s", parameter_table(state))
        with self.quiet("restore"):
            found = self.checkpoints.restore(state)
        if found is not None:
            state, meta = found
            log.info("going on from step %d (%s)", int(state.step), self.checkpoints.directory)
            if meta["seed"] != self.record["seed"]:
                log.warning("trained with seed %s, the config says %s", meta["seed"], self.record["seed"])
            self.rollbacks = max(self.rollbacks, meta.get("rollbacks", 0))
            self.identities = meta["data"].get("sets", {})
        step, starts = int(state.step), self.experiment.stage_starts
        self.best = Best(self.workdir, self.options.best, self.options.best_is, step=step, after=starts[-1])
        self.checkpoints.keep_best(self.best.step)
        self.writer.close()
        self.writer = Writer(self.workdir if is_main() else None, step=step, config=config_text(self.config))
        self.goodput.resumed_at = step
        return state

    def rolled_back(self, init_rng: jax.Array, error: DivergedError) -> TrainState:
        """The last good state, to go on from with other data and other randomness.

        Raises:
          DivergedError: where the options say to stop, or too many rollbacks did not help.
        """
        at_most = self.options.max_rollbacks if self.options.on_nonfinite == "rollback" else 0
        if self.rollbacks >= at_most:
            after = f" after {self.rollbacks} rollbacks" if self.rollbacks else ""
            raise DivergedError(
                f"training diverged{after}: {error}. Lower the learning rates, or go on from an earlier checkpoint "
                "(--from_step=N), perhaps with --config.training.on_nonfinite=rollback",
                error.step,
            ) from error
        self.rollbacks += 1
        log.warning("%s; rollback %d of at most %d", error, self.rollbacks, at_most)
        return self.restored(init_rng)

    def stages(self, state: TrainState) -> TrainState:
        """Trains what is left of every stage, or up to a request to stop."""
        self.scored_if_pending(state)
        for number, stage in enumerate(self.experiment.stages):
            first = self.experiment.stage_starts[number]
            if int(state.step) < first + stage.steps and self.stop.signal is None:
                state = self.stage(number, state)
        return state

    def close(self) -> None:
        """Writes what is left, and waits for the last checkpoint."""
        try:
            self.writer.close()
        finally:
            self.checkpoints.close()

    @contextlib.contextmanager
    def quiet(self, kind: str) -> Iterator[None]:
        """A block without training, in which there is nothing new to save."""

        def leave() -> None:
            log.info("stopped by SIGTERM; all that was trained is saved, the same command goes on")
            try:
                self.checkpoints.wait()
            finally:
                os._exit(EXIT_RESTART)

        watched = self.watchdog.section("begin" if kind == "initialise" else kind)
        with watched, self.goodput.time(kind), self.stop.nothing_to_save(leave):
            yield

    def save(self, stage: Stage, state: TrainState, pending: dict[str, Any] | None) -> None:
        """Saves a state; ``pending`` are the metrics of its step where its scores are still to come."""
        step = int(state.step)
        with self.watchdog.section("save"), self.goodput.time("save"):
            # Records first: a run that goes on from this checkpoint does not write them again.
            self.writer.flush()
            if pending is not None:
                self.pending.write(step, pending)
            data = {"position": step, "sets": self.identities}
            meta = self.record | {"data": data, "stage": stage.name, "rollbacks": self.rollbacks}
            try:
                with writing(self.checkpoints.directory):
                    self.faults.saving(step, self.checkpoints.directory)
                self.checkpoints.save(state, meta, wrong=stage.method.non_finite)
            except NonFiniteStateError as error:
                raise DivergedError(str(error), step) from error
            self.faults.saved(step, self.checkpoints)

    def due(self, number: int, step: int) -> list[Evaluator]:
        """The evaluators of stage ``number`` that are due after ``step``."""
        last = step == self.experiment.stage_starts[number] + self.experiment.stages[number].steps
        return [e for e in self.evaluators[number] if last or (e.every_steps and step % e.every_steps == 0)]

    def evaluate(self, number: int, state: TrainState, step: int) -> dict[str, Any]:
        """Results of the evaluators that are due; those that fail are recorded, unless the options say to stop."""
        nets = self.experiment.nets_to_score(state, self.experiment.stages[number])
        results: dict[str, Any] = {}
        with self.quiet("evaluate"):
            for evaluator in self.due(number, step):
                try:
                    results |= evaluator.run(nets, step)
                except Exception as error:
                    if self.options.on_evaluation_error == "stop":
                        raise
                    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                    log.warning("evaluator %s failed at step %d, training goes on: %s", evaluator.name, step, reason)
                    results[f"eval/{evaluator.name}"] = FailedScore(reason)
        return results

    def scored_if_pending(self, state: TrainState) -> None:
        """Computes the scores of a checkpoint whose run ended before it had them."""
        step = int(state.step)
        metrics = self.pending.read(step)
        if metrics is not None:
            stage = self.experiment.stage_of_checkpoint(step)
            names = [stage.name for stage in self.experiment.stages]
            self.score(names.index(stage.name), state, step, metrics)

    def write(self, stage: Stage, records: dict[int, dict[str, Any]]) -> None:
        """Hands over the records of steps, in their order."""
        for step, values in sorted(records.items()):
            values = values if self.health is None else self.health.measured(values, step)
            # Records of one stage alone need no name.
            self.writer.write(step, values, stage=stage.name if len(self.experiment.stages) > 1 else None)

    def score(self, number: int, state: TrainState, step: int, metrics: dict[str, Any]) -> None:
        """Computes the scores that are due at a step, which is saved, and writes them with the step's metrics."""
        results = self.evaluate(number, state, step)
        self.write(self.experiment.stages[number], {step: metrics | results})
        self.writer.flush()
        self.pending.done()
        if self.best.update(step, results):
            self.checkpoints.keep_best(step)

    def check_data(self, stage: Stage) -> None:
        """Refuses data other than what the run was trained on, and notes what it is trained on.

        Raises:
          UserError: with what differs.
        """
        if stage.data_identity is None:
            return
        found = stage.data_identity()
        saved = self.identities.get(stage.name)
        if saved is not None and saved != found and not self.options.accept_data_change:
            raise UserError(
                f"the data is not what this run was trained on:\n{difference(saved, found)}\nbring it back, start in a "
                "new --workdir, or pass --accept_data_change to go on with this data"
            )
        if saved is None and self.goodput.resumed_at and renumbered(found) and not self.options.accept_data_change:
            raise UserError(
                "this run began under an earlier version, which numbered class folders in the order of the alphabet "
                "(10 before 2): rename them so that both orders are the same and keep the classes' numbers, or pass "
                "--accept_data_change to go on with other numbers"
            )
        self.identities = self.identities | {stage.name: found}

    def begin_stage(self, number: int, state: TrainState) -> TrainState:
        stage = self.experiment.stages[number]
        with prefetch(stage.data(0), lambda b: host_to_global(b, self.mesh), depth=1) as batches:
            batch = next(batches)
        begin = compile_step(make_begin_stage(self.experiment, number), self.mesh, self.shardings)
        return begin(state, batch, self.rng)[0]

    def stage(self, number: int, state: TrainState) -> TrainState:
        """Runs a stage to its end or to a request to stop."""
        stage, first = self.experiment.stages[number], self.experiment.stage_starts[number]
        options, k, step, end = self.options, self.options.steps_per_dispatch, int(state.step), first + stage.steps
        with self.quiet("initialise"):
            self.check_data(stage)
        if step == first and needs_begin_stage(self.experiment, number):
            with self.quiet("compile"):
                state = self.begin_stage(number, state)
        skip = options.on_nonfinite == "continue"
        pure = make_stage_step(stage, steps_per_dispatch=k, skip_nonfinite=skip, health=self.health)
        run = compile_step(pure, self.mesh, self.shardings, steps_per_dispatch=k)
        # After a rollback neither the randomness nor the data is what led to it.
        rng = jax.random.fold_in(self.rng, self.rollbacks) if self.rollbacks else self.rng
        source = _dispatches(stage.data(step - first + self.rollbacks * self.experiment.total_steps), k)
        progress = Progress(
            total=end - first,
            start=step - first,
            images_per_step=stage.images_per_step,
            show=tuple(f"{player}/loss" for player in sorted(stage.players or stage.method.players)),
            enabled=options.progress and is_main(),
        )
        in_flight: collections.deque[Any] = collections.deque()
        last_logged: tuple[int, dict[str, Any]] | None = None
        place = functools.partial(host_to_global, mesh=self.mesh, stacked=k > 1)
        with prefetch(source, place) as batches, contextlib.closing(progress):
            meter = _Meter(stage.images_per_step, step, self.goodput)
            while step < end:
                if meter.compiling:
                    with self.quiet("compile"):
                        state, metrics = run(state, next(batches), rng)
                        # The only wait: speeds are of steps alone, and a compilation that fails says so here.
                        jax.block_until_ready(metrics)
                    log.info("compiled, and ran the first dispatch, in %.1f s", meter.start(step + k))
                else:
                    state, metrics = run(state, next(batches), rng)
                step += k
                state = self.faults.after(step, state)
                in_flight.append(metrics)
                if len(in_flight) > options.max_in_flight:
                    jax.block_until_ready(in_flight.popleft())
                self.watchdog.beat("step")
                self.faults.at(step)
                stopping = self.stop.due()
                records = _records(metrics, step, k, options.log_every)
                for at, values in sorted(records.items()):
                    # Of one record ago, so that nothing waits for the device.
                    if (diverged := self.diverged(last_logged)) is not None:
                        raise diverged
                    last_logged = (at, values)
                if step in records:
                    records[step] = records[step] | meter.read(step, batches.wait_seconds)
                with meter.paused():
                    scoring = bool(self.due(number, step))
                    if scoring:
                        records.setdefault(step, _at(metrics, k, k - 1))
                    saving = scoring or stopping or step % options.save_every == 0 or step == end
                    diverged = self.diverged(last_logged) if saving else None
                    pending = records.pop(step) if scoring and diverged is None else None
                    self.write(stage, records)
                    if diverged is not None:
                        raise diverged
                    if saving:
                        self.save(stage, state, pending)
                    if records or pending is not None:
                        self.goodput.write(step)
                    if stopping:
                        break
                    if pending is not None:
                        self.score(number, state, step, pending)
                progress.advance(k, self.writer.latest)
        return state

    def diverged(self, record: tuple[int, dict[str, Any]] | None) -> DivergedError | None:
        """The error of a logged step whose metrics are not finite, the same on every process; None where they are."""
        if record is None or self.options.on_nonfinite == "continue":
            return None
        step, values = record
        bad = sorted(name for name, value in values.items() if not np.all(np.isfinite(np.asarray(value))))
        return DivergedError(f"{', '.join(bad)} not finite at step {step}", step) if bad else None


class _Meter:
    """Images per second, and the share of time spent waiting for data, since the last reading."""

    def __init__(self, images_per_step: int, step: int, goodput: Goodput):
        self._images, self._step, self._waited, self._goodput = images_per_step, step, 0.0, goodput
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
        self._goodput.add("data_wait", wait_seconds - self._waited)
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
