"""Runs a study's grid, one training after another or those of one shape together, and goes on where it was stopped;
several processes may share it.
"""

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
from etils import epath
from ml_collections import ConfigDict

from jaxgan.parallel import is_main
from jaxgan.tools.studies.ensemble import Member, group_folder, group_members
from jaxgan.tools.studies.ensemble_runs import split_group
from jaxgan.tools.studies.results import (
    DIVERGED,
    FINISHED,
    Result,
    add_results,
    diverged_at,
    last_scores,
    noise_scales,
    read_results,
    training_speed,
)
from jaxgan.tools.studies.study import Study
from jaxgan.training.errors import UserError
from jaxgan.training.lock import lock
from jaxgan.training.loop import DivergedError, Outcome
from jaxgan.training.records import read_records
from jaxgan.training.workdir import fingerprint

log = logging.getLogger("jaxgan")

# (config, the run's folder) -> how it ended; jaxgan.experiment.run.train_experiment, except in tests.
Train = Callable[[ConfigDict, epath.Path], Outcome]
# (runs that share a program, the group's folder) -> how they ended: ensemble_runs.train_ensemble, except in tests.
TrainEnsemble = Callable[[Sequence[Member], epath.Path], Outcome]
Cell = tuple[str, int]


def cells(study: Study) -> Iterator[Cell]:
    """(variant, seed), all variants of one seed before the next seed: a study cut short compares all of them."""
    for seed in study.seeds:
        for variant in study.variants:
            yield variant, seed


def run_folder(workdir: epath.PathLike, cell: Cell) -> epath.Path:
    """Where a cell trains: ``workdir/variant/seed<k>``."""
    variant, seed = cell
    return epath.Path(workdir) / variant / f"seed{seed}"


def seeded(config: ConfigDict, seed: int) -> ConfigDict:
    """A copy under another seed."""
    copy = config.copy_and_resolve_references()
    copy.seed = seed
    return copy


def run_study(
    study: Study,
    workdir: epath.PathLike,
    *,
    train: Train,
    train_ensemble: TrainEnsemble | None = None,
    max_members: int | None = None,
    on_result: Callable[[Result], None] = lambda result: None,
) -> int | None:
    """Trains what results.jsonl does not hold yet; each run that ends adds its line.

    A run that diverges is a result too, and is not tried again. A run that was interrupted goes on from its newest
    checkpoint when the study is run again. Processes that are given the same study and folder share its runs: each
    takes those that no other has in hand (not on object stores, which have no locks).

    Args:
      study: what to run.
      workdir: the study's folder, an absolute path.
      train: trains one config in one folder.
      train_ensemble: trains runs that can share a program (:func:`jaxgan.tools.studies.ensemble.group_members`) as one;
        None trains every run by itself.
      max_members: runs that share a program, at the most; None for no limit.
      on_result: called with each new result.

    Returns:
      The signal that stopped a run, and with it the study; None where all cells have their results.

    Raises:
      UserError: before anything is trained, where a variant does not fit its recipe, or ``workdir`` holds its result
        under another config; later, what ``train`` and ``train_ensemble`` raise.
    """
    workdir = epath.Path(workdir)
    todo = _todo(study, workdir)
    jobs = [[member] for member in todo] if train_ensemble is None else group_members(todo, most=max_members)
    for number, job in enumerate(jobs, 1):
        what = ", ".join(f"{variant} seed {seed}" for variant, seed, _ in job)
        with contextlib.ExitStack() as held:
            try:
                for variant, seed, _ in job:
                    held.enter_context(lock(workdir / ".claims" / f"{variant}-seed{seed}"))
            except UserError:
                log.info("%s: %s: in the hands of another process", study.name, what)
                continue
            done = {(r.variant, r.seed) for r in read_results(workdir)}
            if any((member.variant, member.seed) in done for member in job):
                continue
            log.info("%s: %s (%d of %d)", study.name, what, number, len(jobs))
            if len(job) > 1 and train_ensemble is not None:
                results, stopped_by = _run_ensemble(job, workdir, train_ensemble)
            else:
                results, stopped_by = _run(job[0], run_folder(workdir, job[0][:2]), train)
            if stopped_by is not None:
                return stopped_by
            if is_main():
                add_results(workdir, results)
        for result in results:
            on_result(result)
        # Programs of the run before are of no use to the next, which has networks of its own.
        jax.clear_caches()
    return None


def _todo(study: Study, workdir: epath.Path) -> list[Member]:
    """The cells without a result, in order."""
    configs = study.configs()
    done = {(r.variant, r.seed): r for r in read_results(workdir)}
    todo = []
    for variant, seed in cells(study):
        config = seeded(configs[variant], seed)
        result = done.get((variant, seed))
        if result is None:
            todo.append(Member(variant, seed, config))
        elif result.config != _fingerprint(config):
            raise UserError(
                f"{workdir}/results.jsonl has variant {variant!r}, seed {seed} under another config; give the study a "
                "new --workdir, or take that line out of the file and move the run's folder away"
            )
    return todo


def _run(member: Member, folder: epath.Path, train: Train) -> tuple[list[Result], int | None]:
    """Trains one cell; returns its result, or the signal that stopped it."""
    if is_main():
        folder.mkdir(parents=True, exist_ok=True)
    began, stopped_by, diverged = time.monotonic(), None, None
    try:
        stopped_by = train(member.config, folder).stopped_by
    except DivergedError as error:
        diverged = error.step
        log.warning("%s, seed %d: %s", member.variant, member.seed, error)
    seconds = _add_seconds(folder, time.monotonic() - began)
    if stopped_by is not None:
        return [], stopped_by
    return [_result(member, read_records(folder / "metrics.jsonl"), seconds, diverged=diverged)], None


def _run_ensemble(
    members: Sequence[Member], workdir: epath.Path, train_ensemble: TrainEnsemble
) -> tuple[list[Result], int | None]:
    """Trains cells together; returns their results, or the signal that stopped them."""
    group = group_folder(workdir, members)
    if is_main():
        group.mkdir(parents=True, exist_ok=True)
    began, outcome = time.monotonic(), None
    try:
        outcome = train_ensemble(members, group)
    except DivergedError as error:
        log.warning("all of %s: %s", ", ".join(member.name for member in members), error)
    seconds = _add_seconds(group, time.monotonic() - began)
    if outcome is not None and outcome.stopped_by is not None:
        return [], outcome.stopped_by
    folders = [run_folder(workdir, (member.variant, member.seed)) for member in members]
    records = split_group(members, group, folders, None if outcome is None else outcome.state)
    return [_result(member, own, seconds, members=len(members)) for member, own in zip(members, records)], None


def _result(
    member: Member,
    records: Sequence[Mapping[str, Any]],
    seconds: float,
    *,
    members: int = 1,
    diverged: int | None = None,
) -> Result:
    """The result of a run that ended, which its records tell."""
    diverged = diverged_at(records) if diverged is None else diverged
    step = member.config.training.steps if diverged is None else diverged
    return Result(
        variant=member.variant,
        seed=member.seed,
        status=FINISHED if diverged is None else DIVERGED,
        step=step,
        images=step * member.config.data.batch_size,
        seconds=seconds,
        images_per_second=training_speed(records),
        scores=last_scores(records) if diverged is None else {},
        noise_scale=noise_scales(records),
        config=_fingerprint(member.config),
        members=members,
    )


def _add_seconds(folder: epath.Path, seconds: float) -> float:
    """Adds a part's wall time to what earlier parts of the run took, in ``seconds.json``; returns the sum."""
    path = folder / "seconds.json"
    total = seconds + (json.loads(path.read_text()) if path.exists() else 0.0)
    if is_main():
        path.write_text(json.dumps(total))
    return total


def _fingerprint(config: ConfigDict) -> str:
    record: dict[str, Any] = json.loads(config.to_json())
    return fingerprint(record)
