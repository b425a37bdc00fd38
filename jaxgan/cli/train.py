"""``jaxgan train``: train an experiment, or go on with one."""

import faulthandler
import logging
import signal
from collections.abc import Sequence
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.cli.say import say
from jaxgan.training.preemption import EXIT_RESTART, leaving_at_once

log = logging.getLogger("jaxgan")

_DESCRIPTION = """Trains an experiment in a folder of its own. The same command goes on from the newest checkpoint, and
after a kill at any moment ends in the same state, bit for bit. Records go to metrics.jsonl and tb/ (TensorBoard),
pictures to samples/, states to checkpoints/."""

_EXAMPLES = """  jaxgan train --config=biggan:digits16 --workdir=runs/digits
  jaxgan train --config=biggan:cifar10 --workdir=runs/cifar --config.data.data_dir=~/tensorflow_datasets
  jaxgan train --config=biggan:cifar10 --workdir=runs/mine --config.data.name=folder:photos \\
      --config.generator.num_classes=3 --config.discriminator.num_classes=3
  jaxgan train --config=biggan:imagenet128,table1=8 --workdir=gs://bucket/run --coordinator=auto"""


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code. Until training listens for it, SIGTERM ends the process with code 42."""
    with leaving_at_once():
        return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    made = flags.parser("train", _DESCRIPTION, _EXAMPLES)
    flags.add_config(made)
    flags.add_workdir(made)
    made.add_argument("--accept_config_change", action="store_true", help="go on with a run under a changed config")
    made.add_argument("--accept_data_change", action="store_true", help="go on with other data than before")
    begin = made.add_mutually_exclusive_group()
    begin.add_argument("--restart", action="store_true", help="begin at step 0; what there is moves to left/")
    begin.add_argument("--from_step", type=int, metavar="N", help="go on from the checkpoint of this step")
    made.add_argument("--no_progress", action="store_true", help="no progress bar")
    flags.add_processes(made)
    flags.add_compilation_cache(made)
    parsed, overrides = flags.parse(made, arguments)

    # Imported late: --help and mistyped flags answer at once.
    import jax

    from jaxgan import recipes
    from jaxgan.cli.run import absolute
    from jaxgan.experiment.config_file import load
    from jaxgan.experiment.epochs import in_steps
    from jaxgan.experiment.run import train_experiment
    from jaxgan.parallel import initialize, is_main, is_of_peer, leave
    from jaxgan.training.compilation_cache import use_compilation_cache
    from jaxgan.training.watchdog import Limits

    use_compilation_cache(parsed.compilation_cache)
    config = in_steps(load(parsed.config, overrides))
    limits = Limits(**config.get("watchdog", {})).checked()
    peers: dict[str, Any] = dict(coordinator=parsed.coordinator, num_processes=parsed.num_processes)
    peers |= dict(process_id=parsed.process_id, connect_seconds=limits.connect, heartbeat_seconds=limits.heartbeat)
    initialize(**peers)
    if jax.process_count() > 1 and not faulthandler.is_enabled():
        # JAX ends a process whose peer is lost by SIGABRT; its stacks say where it was.
        faulthandler.enable(all_threads=True)
    workdir = absolute(parsed.workdir)
    options: dict[str, Any] = dict(progress=not parsed.no_progress, accept_change=parsed.accept_config_change)
    options["accept_data_change"] = parsed.accept_data_change
    options["begin"] = "restart" if parsed.restart else parsed.from_step
    options["defaults"] = recipes.default_config_of(config)
    try:
        outcome = train_experiment(recipes.build(config), config, workdir, **options)
    except Exception as error:
        # Among several processes a lost peer comes as an error of an exchange.
        if jax.process_count() == 1 or not is_of_peer(error):
            raise
        log.exception("a device or a peer failed; the same command goes on from the newest checkpoint")
        return leave(EXIT_RESTART)
    if outcome.stopped_by is not None:
        name = signal.Signals(outcome.stopped_by).name
        log.info("stopped by %s after saving step %d; the same command goes on", name, int(outcome.state.step))
        return EXIT_RESTART if outcome.stopped_by == signal.SIGTERM else 128 + outcome.stopped_by
    if is_main():
        _report(workdir)
    return 0


def _report(workdir: Any) -> None:
    """Says where everything lies, and the newest scores with their stamps."""
    pictures = _numbered(workdir / "samples", ".png")
    events = sorted((workdir / "tb").glob("events*"))
    steps = _numbered(workdir / "checkpoints", "")
    for name, found in (("samples", pictures), ("events", events), ("checkpoint", steps)):
        if found:
            say(f"{name:<11}{found[-1]}")
    say(f"{'metrics':<11}{workdir / 'metrics.jsonl'}")
    from jaxgan.evaluation.protocol import line
    from jaxgan.training.best import read_best
    from jaxgan.training.records import read_records

    # Others are no scores, whoever wrote them.
    scored = [r for r in read_records(workdir / "scores.jsonl") if {"metric", "value"} <= r.keys()]
    best, problem = read_best(workdir)
    if problem is not None:
        log.warning("%s %s: it is not used", workdir / "best.json", problem)
    if best is not None:
        say(f"{'best':<11}{best['metric']} {best['value']:.6g} at step {best['step']}")
    for record in scored:
        if record["step"] != scored[-1]["step"]:
            continue
        if record["value"] is None:
            say(f"{record['metric']:<11}failed: {record.get('error', 'not a number')}")
        else:
            say(line(record["metric"], float(record["value"]), record.get("stderr"), record.get("stamp", {})))


def _numbered(folder: Any, suffix: str) -> list[Any]:
    """The entries of a folder whose names begin with a step, in its order; others are someone else's."""
    found = [p for p in folder.glob(f"*{suffix}") if _is_step(p.stem.partition("-")[0])] if folder.exists() else []
    return sorted(found, key=lambda p: int(p.stem.partition("-")[0]))


def _is_step(name: str) -> bool:
    return name.isascii() and name.isdecimal()
