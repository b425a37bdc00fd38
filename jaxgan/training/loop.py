"""Training loop for any method: stages, data, dispatches, checkpoints and logs."""

import collections
import contextlib
import dataclasses
import functools
import itertools
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath
from jax.sharding import Mesh

from jaxgan.data.prefetch import prefetch
from jaxgan.parallel import from_main, host_to_global, is_main, is_of_peer
from jaxgan.training.agreement import is_everyones
from jaxgan.training.alarm_watch import WINDOW, AlarmWatch
from jaxgan.training.best import Best
from jaxgan.training.checkpoint import Checkpoints, NonFiniteStateError
from jaxgan.training.conv_choices import conv_choices
from jaxgan.training.data_identity import check_same
from jaxgan.training.errors import UserError
from jaxgan.training.faults import Faults
from jaxgan.training.goodput import Goodput, sentence, summary
from jaxgan.training.health import Health
from jaxgan.training.logging import Progress, Writer, parameter_table
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.meter import Meter
from jaxgan.training.method import Evaluator, Experiment, FailedScore, Stage
from jaxgan.training.pending import Pending, numbers
from jaxgan.training.preemption import EXIT_RESTART, StopRequest
from jaxgan.training.records import read_lines
from jaxgan.training.refresh import make_refresher
from jaxgan.training.state import TrainState
from jaxgan.training.step import (
    compile_step,
    init_state,
    make_begin_stage,
    make_stage_step,
    needs_begin_stage,
)
from jaxgan.training.storage import close_all, writing
from jaxgan.training.watchdog import Watchdog
from jaxgan.training.workdir import config_text, fingerprint

log = logging.getLogger("jaxgan")


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
    began = time.monotonic()
    process, peers = jax.process_index(), jax.process_count() > 1
    init_rng, step_rng = jax.random.split(jax.random.key(seed))
    faults, goodput = Faults.from_environment(workdir=workdir, process=process), Goodput(workdir, began=began)
    made = checked_evaluators(experiment, mesh, options) if evaluators is None else evaluators
    about: dict[str, Any] = dict(process=process, peers=peers, ending=goodput.cut_short)
    with Watchdog(options.watchdog, workdir=workdir, **about) as watchdog:
        always = experiment.stage_starts[1:]
        run = _Run(
            experiment=experiment,
            evaluators=made,
            mesh=mesh,
            options=options,
            workdir=workdir,
            config=config,
            rng=step_rng,
            record={
                "seed": seed,
                "config": fingerprint(config),
                "rng": {"impl": str(jax.random.key_impl(step_rng)), "key": jax.random.key_data(step_rng).tolist()},
            },
            checkpoints=Checkpoints(workdir, keep=options.keep, always=always, reading=faults.reading),
            goodput=goodput,
            stop=StopRequest(),
            watchdog=watchdog,
            faults=faults,
        )
        with run.stop:
            try:
                state = run.whole(init_rng)
            except BaseException:
                watchdog.beat("save")
                run.close(failing=True)
                raise
            watchdog.beat("save")
            run.close()
    run.writer.check()
    if is_main():
        log.info("time: %s", sentence(summary(workdir)))
    finished = int(state.step) >= experiment.total_steps
    return Outcome(state, None if finished else run.stop.signal, time.monotonic() - began)


def checked_evaluators(experiment: Experiment, mesh: Mesh, options: LoopOptions) -> list[Sequence[Evaluator]]:
    """Each stage's evaluators, with all that they read opened.

    Raises:
      UserError: where an interval is wrong, or something that a score needs is not there.
    """
    made = [list(stage.evaluators(mesh)) for stage in experiment.stages]
    options.check(experiment, itertools.chain(*made))
    options.check_best(made[-1])
    return list(made)


@dataclasses.dataclass(kw_only=True)
class _Run:
    """One run: what stays the same through all of its stages, and what a rollback opens anew."""

    experiment: Experiment
    evaluators: Sequence[Sequence[Evaluator]]
    mesh: Mesh
    options: LoopOptions
    workdir: epath.PathLike
    config: dict[str, Any]
    rng: jax.Array
    record: dict[str, Any]
    checkpoints: Checkpoints
    goodput: Goodput
    stop: StopRequest
    watchdog: Watchdog
    faults: Faults

    def __post_init__(self) -> None:
        self.pending = Pending(self.workdir)
        self.writer = Writer(None, step=0)
        self.watch = AlarmWatch()
        self.health = Health(self.options.singular_values_every) if self.options.health else None
        self.rollbacks = 0
        self.identities: dict[str, Any] = {}
        # The metrics of the step that it goes on from, where its scores are still to come.
        self.waiting: dict[str, float] | None = None
        # The same on all processes, and of no other start.
        self.start = from_main(int(time.time()) % 2**31)

    def whole(self, init_rng: jax.Array) -> TrainState:
        """Trains from the newest checkpoint to the end or to a request to stop, over rollbacks."""
        state = self.restored(init_rng)
        while True:
            try:
                with jax.set_mesh(self.mesh):
                    state = self.stages(state)
            except DivergedError as error:
                self.goodput.write(error.step)
                state = self.rolled_back(init_rng, error)
                continue
            self.goodput.write(int(state.step))
            return state

    def restored(self, init_rng: jax.Array) -> TrainState:
        """The newest sound state, or a fresh one, with its records open."""
        with self.quiet("initialise"):
            state, self.shardings = init_state(self.experiment, rng=init_rng, mesh=self.mesh)
        if is_main() and not self.rollbacks:
            log.info("parameters:\n%s", parameter_table(state))
        with self.quiet("restore"):
            found = self.checkpoints.restore(state)
        meta: dict[str, Any] = {}
        if found is not None:
            state, meta = found
            log.info("going on from step %d (%s)", int(state.step), self.checkpoints.directory)
            if meta["seed"] != self.record["seed"]:
                log.warning("trained with seed %s, the config says %s", meta["seed"], self.record["seed"])
            self.rollbacks = max(self.rollbacks, meta.get("rollbacks", 0))
            self.identities = meta["data"].get("sets", {})
        step, starts = int(state.step), self.experiment.stage_starts
        self.writer.close()
        self.waiting = self.pending.read(step, meta)
        # A step that is still to be scored is recorded with its scores; a kill may have left a part of that.
        last, counts = step if self.waiting is None else step - 1, meta.get("records")
        about: dict[str, Any] = dict(step=last, after=starts[-1], checked=counts is not None)
        self.best = Best(self.workdir, self.options.best, self.options.best_is, **about)
        self.checkpoints.keep_best(self.best.step)
        self.watch = AlarmWatch(self.records_until(last), kept=meta.get("before_alarm"))
        self.checkpoints.keep_before_alarm(self.watch.kept)
        files: dict[str, Any] = dict(config=config_text(self.config), counts=counts, told=self.watch.add)
        self.writer = Writer(self.workdir if is_main() else None, step=last, **files)
        self.goodput.resumed_at = step
        return state

    def records_until(self, step: int) -> list[dict[str, Any]]:
        """The newest records up to a step, on process 0."""
        if not is_main():
            return []
        records = read_lines(epath.Path(self.workdir) / "metrics.jsonl").records  # damage is said where they are opened
        return [record for record in records if record["step"] <= step][-WINDOW:]

    def look_for_alarms(self) -> None:
        """Says what the records of this process warn of, and keeps the checkpoint before it."""
        before = self.watch.kept
        if is_main():
            self.watch.look(self.checkpoints.steps())
        kept = from_main(-1 if self.watch.kept is None else self.watch.kept)
        self.watch.kept = None if kept < 0 else kept
        if self.watch.kept != before:
            self.checkpoints.keep_before_alarm(self.watch.kept)

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

    def close(self, *, failing: bool = False) -> None:
        """Writes what is left, and waits for the last checkpoint; where ``failing``, an error is under way."""
        close_all(self.writer.close, self.checkpoints.close, failing=failing)

    @contextlib.contextmanager
    def quiet(self, kind: str) -> Iterator[None]:
        """A block without training, in which there is nothing new to save."""

        def leave() -> None:
            log.info("stopped by SIGTERM; all that was trained is saved, the same command goes on")
            try:
                self.checkpoints.wait()
                self.goodput.cut_short()
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
            # Process 0 writes them, here and in the checkpoint.
            to_come = numbers(pending) if pending is not None and is_main() else None
            if to_come is not None:
                self.pending.write(step, to_come)
            data = {"position": step, "sets": self.identities}
            self.look_for_alarms()
            meta = self.record | {"data": data, "stage": stage.name, "rollbacks": self.rollbacks}
            meta |= {"settings": json.loads(config_text(self.config)), "records": self.writer.counts()}
            meta |= {"pending": to_come, "before_alarm": self.watch.kept}
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
        """Results of the evaluators that are due; those that fail are recorded, unless the options say to stop.

        Raises:
          UserError: where one fails on some processes alone.
        """
        nets = self.experiment.nets_to_score(state, self.experiment.stages[number])
        results: dict[str, Any] = {}
        with self.quiet("evaluate"):
            self.faults.evaluating(step)
            for evaluator in self.due(number, step):
                try:
                    results |= evaluator.run(nets, step)
                except Exception as error:
                    several = jax.process_count() > 1
                    if self.options.on_evaluation_error == "stop" or (several and is_of_peer(error)):
                        raise
                    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                    if several:
                        self.check_everyones(f"{self.start}-{step}-{evaluator.name}", reason)
                    log.warning("evaluator %s failed at step %d, training goes on: %s", evaluator.name, step, reason)
                    results[f"eval/{evaluator.name}"] = FailedScore(reason)
        return results

    def check_everyones(self, name: str, reason: str) -> None:
        """Refuses to go on after an error that other processes do not have."""
        folder, process = epath.Path(self.workdir) / "errors", jax.process_index()
        if not is_everyones(folder, name, process=process, processes=jax.process_count()):
            raise UserError(
                f"scoring failed on process {process} and not on all: {reason}. The others are left in an exchange "
                "that this one cannot join; mend what it says and run the same command again, which scores the saved "
                "step"
            )

    def scored_if_pending(self, state: TrainState) -> None:
        """Computes the scores of a checkpoint whose run ended before it had them."""
        step = int(state.step)
        metrics, self.waiting = self.waiting, None
        if metrics is not None:
            stage = self.experiment.stage_of_checkpoint(step)
            names = [stage.name for stage in self.experiment.stages]
            with self.quiet("initialise"):
                self.check_data(stage)
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
        self.writer.keep_counts(step)
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
        if not self.options.accept_data_change:
            check_same(found, self.identities.get(stage.name), resumed=bool(self.goodput.resumed_at))
        self.identities = self.identities | {stage.name: found}

    @property
    def step_rng(self) -> jax.Array:
        """Of every step: after a rollback the randomness is not what led to it, as the data is not."""
        return jax.random.fold_in(self.rng, self.rollbacks) if self.rollbacks else self.rng

    def data(self, stage: Stage, step: int) -> Iterator[dict[str, np.ndarray]]:
        """The batches from a step of a stage on; other ones after a rollback."""
        return stage.data(step + self.rollbacks * self.experiment.total_steps)

    def begin_stage(self, number: int, state: TrainState) -> TrainState:
        stage = self.experiment.stages[number]
        with prefetch(self.data(stage, 0), lambda b: host_to_global(b, self.mesh), depth=1) as batches:
            batch = next(batches)
        begin = compile_step(make_begin_stage(self.experiment, number), self.mesh, self.shardings)
        return begin(state, batch, self.step_rng)[0]

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
        forms = conv_choices(
            options.convolutions,
            mesh=self.mesh,
            seconds=options.convolution_seconds,
            run=self.workdir,
            resumed=step > 0,
        )
        run = compile_step(pure, self.mesh, self.shardings, steps_per_dispatch=k, forms=forms)
        beat = functools.partial(self.watchdog.beat, "step")
        refresh = make_refresher(stage.method, self.mesh, self.shardings, steps_per_dispatch=k, after_block=beat)
        rng = self.step_rng
        source = _dispatches(self.data(stage, step - first), k)
        progress = Progress(
            total=end - first,
            start=step - first,
            images_per_step=stage.images_per_step,
            show=tuple(f"{player}/loss" for player in sorted(stage.players or stage.method.players)),
            enabled=options.progress and is_main(),
        )
        # Metrics of dispatches that may still run, with their records.
        in_flight: collections.deque[tuple[Any, dict[int, dict[str, Any]]]] = collections.deque()
        place = functools.partial(host_to_global, mesh=self.mesh, stacked=k > 1)
        with prefetch(source, place) as batches, contextlib.closing(progress):
            meter = Meter(stage.images_per_step, step, self.goodput)
            while step < end:
                if refresh is not None and (step - first) % refresh.every == 0:
                    state = refresh(state, rng, step)
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
                records = _records(metrics, step, k, options.log_every)
                in_flight.append((metrics, dict(records)))
                if len(in_flight) > options.max_in_flight:
                    jax.block_until_ready(in_flight[0][0])
                    self.check_finite(in_flight.popleft()[1])
                self.watchdog.beat("step")
                self.faults.at(step)
                stopping = self.stop.due()
                if step in records:
                    records[step] = records[step] | meter.read(step, batches.wait_seconds)
                with meter.paused():
                    scoring = bool(self.due(number, step))
                    pending = (records.pop(step, None) or _at(metrics, k, k - 1)) if scoring else None
                    self.write(stage, records)
                    saving = scoring or stopping or step % options.save_every == 0 or step == end
                    if saving:
                        try:
                            self.check_finite(*(earlier for _, earlier in in_flight))
                        except DivergedError:
                            self.write(stage, {} if pending is None else {step: pending})
                            raise
                        self.save(stage, state, pending)
                    if records or saving:
                        self.goodput.write(step)
                    if stopping:
                        break
                    if pending is not None:
                        self.score(number, state, step, pending)
                progress.advance(k, self.writer.latest)
        return state

    def check_finite(self, *dispatches: dict[int, dict[str, Any]]) -> None:
        """Raises DivergedError for the first logged step whose metrics are not finite, the same on every process."""
        if self.options.on_nonfinite == "continue":
            return
        for step, values in sorted(item for records in dispatches for item in records.items()):
            bad = sorted(name for name, value in values.items() if not np.all(np.isfinite(np.asarray(value))))
            if bad:
                raise DivergedError(f"{', '.join(bad)} not finite at step {step}", step)
