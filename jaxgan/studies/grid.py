"""Runs a study's grid, one training after another, and goes on where it was stopped; several processes may share it."""

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
from etils import epath
from ml_collections import ConfigDict

from jaxgan.parallel import is_main
from jaxgan.studies.results import (
    DIVERGED,
    FINISHED,
    Result,
    add_result,
    diverged_at,
    last_scores,
    noise_scales,
    read_results,
    training_speed,
)
from jaxgan.studies.study import Study
from jaxgan.training.errors import UserError
from jaxgan.training.logging import read_metrics
from jaxgan.training.loop import Outcome
from jaxgan.training.workdir import fingerprint, lock

log = logging.getLogger("jaxgan")

# (config, the run's folder) -> how it ended; jaxgan.recipes.run.train_config but in tests.
Train = Callable[[ConfigDict, epath.Path], Outcome]
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
    study: Study, workdir: epath.PathLike, *, train: Train, told: Callable[[Result], None] = lambda result: None
) -> int | None:
    """Trains what results.jsonl does not hold yet; each run that ends adds its line.

    A run that diverges is a result too, and is not tried again. A run that was interrupted goes on from its newest
    checkpoint when the study is run again. Processes that are given the same study and folder share its runs: each
    takes those that no other has in hand (not on object stores, which have no locks).

    Args:
      study: what to run.
      workdir: the study's folder, an absolute path.
      train: trains one config in one folder.
      told: called with each new result.

    Returns:
      The signal that stopped a run, and with it the study; None where all cells have their results.

    Raises:
      UserError: before anything is trained, where a variant does not fit its recipe, or ``workdir`` holds its result
        under another config; later, what ``train`` raises.
    """
    workdir = epath.Path(workdir)
    configs = study.configs()
    done = {(r.variant, r.seed): r for r in read_results(workdir)}
    todo = []
    for variant, seed in cells(study):
        config = seeded(configs[variant], seed)
        result = done.get((variant, seed))
        if result is None:
            todo.append(((variant, seed), config))
        elif result.config != _fingerprint(config):
            raise UserError(
                f"{workdir}/results.jsonl has variant {variant!r}, seed {seed} under another config; give the study a "
                "new --workdir, or take that line out of the file and move the run's folder away"
            )
    for number, (cell, config) in enumerate(todo, 1):
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(lock(workdir / ".claims" / f"{cell[0]}-seed{cell[1]}"))
            except UserError:
                log.info("%s: %s, seed %d is in the hands of another process", study.name, *cell)
                continue
            if any((r.variant, r.seed) == cell for r in read_results(workdir)):
                continue
            log.info("%s: %s, seed %d (%d of %d)", study.name, *cell, number, len(todo))
            result, stopped_by = _run(cell, config, run_folder(workdir, cell), train)
            if result is None:
                return stopped_by
            if is_main():
                add_result(workdir, result)
        told(result)
        # Programs of the run before are of no use to the next, which has networks of its own.
        jax.clear_caches()
    return None


def _run(cell: Cell, config: ConfigDict, folder: epath.Path, train: Train) -> tuple[Result | None, int | None]:
    """Trains one cell; returns its result, or the signal that stopped it."""
    if is_main():
        folder.mkdir(parents=True, exist_ok=True)
    began, status, step = time.monotonic(), FINISHED, config.training.steps
    try:
        outcome = train(config, folder)
    except UserError as error:
        found = diverged_at(read_metrics(folder / "metrics.jsonl"))
        if found is None:
            raise
        log.warning("%s, seed %d: %s", *cell, error)
        status, step, stopped_by = DIVERGED, found, None
    else:
        stopped_by = outcome.stopped_by
    seconds = _add_seconds(folder, time.monotonic() - began)
    if stopped_by is not None:
        return None, stopped_by
    records = read_metrics(folder / "metrics.jsonl")
    return (
        Result(
            variant=cell[0],
            seed=cell[1],
            status=status,
            step=step,
            images=step * config.data.batch_size,
            seconds=seconds,
            images_per_second=training_speed(records),
            scores=last_scores(records) if status == FINISHED else {},
            noise_scale=noise_scales(records),
            config=_fingerprint(config),
        ),
        None,
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
