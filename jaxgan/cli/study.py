"""``jaxgan study``: run a grid of variants and seeds."""

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.cli.say import say
from jaxgan.experiment.key import MOST_SEED
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

_DESCRIPTION = """Runs a study: a grid of variants x seeds from one file, a training after another, each in
WORKDIR/VARIANT/seedK as `jaxgan train` would run it. Leaves results.jsonl (a line per variant and seed), results.md
(mean and standard deviation over seeds, budget, wall time), results.png and samples.png (each variant's last samples,
of its first seed). The same command goes on where it was stopped, and given again while it runs shares the work. With
--plan nothing is trained: every variant is planned for a slice of accelerators, as `jaxgan plan` would."""

_EXAMPLES = """  jaxgan study configs/studies/biggan_table1.py --workdir=runs/table1 --scale=digits
  jaxgan study biggan_table1 --workdir=runs/table1 --scale=cifar --data_dir=~/tensorflow_datasets --seeds=0,1
  jaxgan study biggan_table1 --scale=digits --lr_rule=sqrt --variants=row4,row5 --workdir=runs/sqrt
  jaxgan study gd_ratio --data=ring8 --budget=g_updates --vmap --workdir=runs/gd_ratio
  jaxgan study biggan_table1 --plan --topology v5e:8x16 --price=1.2"""

# Flags that become words of the study's argument; a study that knows no such word says so.
_WORDS = ("scale", "regime", "lr_rule", "data", "budget", "images", "seconds", "data_dir")


class _Stopped(Exception):
    """SIGTERM came while no training was there to save."""


def _parser() -> Any:
    made = flags.parser("study", _DESCRIPTION, _EXAMPLES)
    made.add_argument("study", metavar="FILE[:ARG]", help="a study's path (configs/studies/x.py) or bare name (x)")
    made.add_argument("--workdir", type=flags.path, metavar="DIR", help="the study's folder")
    made.add_argument("--seeds", metavar="0,1,...", help="instead of the study's own")
    made.add_argument("--variants", metavar="A,B,...", help="only these of the study's")
    made.add_argument("--scale", metavar="NAME", help="for studies that come in several sizes: imagenet, cifar, digits")
    made.add_argument("--regime", metavar="NAME", help="what is matched between variants: images, updates or both")
    made.add_argument("--lr_rule", metavar="NAME", help="of learning rates over batch sizes: constant, sqrt or linear")
    made.add_argument("--data", metavar="NAME", help="for studies over several sets: ring8, grid25, mnist, cifar10")
    made.add_argument("--budget", metavar="NAME", help="what is equal between variants, of those that the study names")
    made.add_argument("--images", metavar="N", help="the budget of a run, instead of the study's own")
    made.add_argument(
        "--seconds", metavar="N", help="the same, in seconds of training, for studies that count in these"
    )
    made.add_argument(
        "--data_dir", type=flags.path, metavar="DIR", help="where TFDS sets lie (default: ~/tensorflow_datasets)"
    )
    made.add_argument(
        "--vmap",
        action="store_true",
        help="train runs of one shape (the seeds of a variant, and variants that differ in learning rates or loss "
        "weights alone) as one program: for MLPs, and for small networks on an accelerator. Off by default: on a CPU "
        "convolutions mapped over runs leave the fast path",
    )
    made.add_argument(
        "--max_members", type=flags.whole(1), metavar="N", help="with --vmap: runs of a program (default: all)"
    )
    made.add_argument("--no_progress", action="store_true", help="no progress bar")
    made.add_argument("--no_plot", action="store_true", help="no results.png and samples.png")
    made.add_argument("--plan", action="store_true", help="plan every variant for --topology, and train nothing")
    made.add_argument("--topology", nargs="+", action="extend", metavar="CHIP:SHAPE", help="as for `jaxgan plan`")
    made.add_argument("--price", type=flags.number(0), metavar="X", help="of a chip for an hour, in any currency")
    made.add_argument("--json", action="store_true", help="with --plan: print a list and nothing else")
    made.add_argument("--cache_dir", type=flags.path, metavar="DIR", help="with --plan: as for `jaxgan plan`")
    flags.add_processes(made)
    flags.add_compilation_cache(made)
    return made


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    parsed = _parser().parse_args(list(arguments))
    if parsed.plan != bool(parsed.topology):
        raise UserError("--plan and --topology=CHIP:SHAPE go together, such as --plan --topology v5e:8x16")
    if not parsed.plan and not parsed.workdir:
        raise UserError("--workdir=DIR is needed, the study's folder (or --plan, which trains nothing)")
    if not parsed.plan and (parsed.price is not None or parsed.json or parsed.cache_dir):
        raise UserError("--price, --json and --cache_dir are for --plan")
    if parsed.max_members is not None and not parsed.vmap:
        raise UserError(f"--max_members={parsed.max_members} goes with --vmap")
    seeds = _seeds(parsed.seeds)
    variants = None if parsed.variants is None else [v.strip() for v in parsed.variants.split(",") if v.strip()]

    from jaxgan.tools.studies import load_study

    words = {word: getattr(parsed, word) for word in _WORDS if getattr(parsed, word) is not None}
    study = load_study(parsed.study, words).subset(variants, seeds)
    if parsed.plan:
        from jaxgan.cli.study_plan import plan_study

        return plan_study(study, parsed)
    return _train(study, parsed)


def _seeds(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        found = [int(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 0 or max(found) > MOST_SEED or len(set(found)) < len(found):
        raise UserError(f"--seeds={text}: give whole numbers from 0 to {MOST_SEED:,}, none twice, such as 0,1,2")
    return found


def _train(study: Any, parsed: Any) -> int:
    """Trains the grid, and tells of it as it grows."""
    from jaxgan.training.preemption import EXIT_RESTART, leaving_at_once

    with leaving_at_once():
        from PIL import Image

        from jaxgan import recipes
        from jaxgan.cli.run import absolute
        from jaxgan.experiment.run import train_experiment
        from jaxgan.parallel import initialize, is_main
        from jaxgan.tools.studies.ensemble_runs import train_ensemble
        from jaxgan.tools.studies.gallery import gallery
        from jaxgan.tools.studies.grid import run_study
        from jaxgan.tools.studies.plot import draw, require_plots
        from jaxgan.tools.studies.results import read_results
        from jaxgan.tools.studies.table import markdown
        from jaxgan.training.compilation_cache import use_compilation_cache

        if not parsed.no_plot:
            require_plots()
        use_compilation_cache(parsed.compilation_cache)
        initialize(coordinator=parsed.coordinator, num_processes=parsed.num_processes, process_id=parsed.process_id)
        workdir = absolute(parsed.workdir)
        configs = study.configs()
        workdir.mkdir(parents=True, exist_ok=True)

    def tell(result: Any = None) -> None:
        del result
        if is_main():
            whole = workdir / f"results.md.{os.getpid()}"
            whole.write_text(markdown(study, configs, read_results(workdir)))
            whole.replace(workdir / "results.md")

    def train(config: Any, folder: Any) -> Any:
        return train_experiment(recipes.build(config), config, folder, progress=not parsed.no_progress)

    def together(members: Any, folder: Any) -> Any:
        return train_ensemble(members, folder, progress=not parsed.no_progress)

    try:
        with _sigterm_raises():
            stopped_by = run_study(
                study,
                workdir,
                train=train,
                train_ensemble=together if parsed.vmap else None,
                max_members=parsed.max_members,
                on_result=tell,
            )
            tell()
            if is_main() and not parsed.no_plot:
                draw(study, configs, read_results(workdir), workdir / "results.png")
                if (picture := gallery(study, workdir, read_results(workdir))) is not None:
                    with (workdir / "samples.png").open("wb") as file:
                        Image.fromarray(picture).save(file, format="png")
    except _Stopped:
        stopped_by = signal.SIGTERM
    if stopped_by is not None:
        log.info("stopped by %s; the same command goes on", signal.Signals(stopped_by).name)
        return EXIT_RESTART if stopped_by == signal.SIGTERM else 128 + stopped_by
    if is_main():
        say((workdir / "results.md").read_text())
        for name in ("results.md", "results.jsonl", "results.png", "samples.png"):
            if (workdir / name).exists():
                say(str(workdir / name))
        sys.stdout.flush()
    return 0


@contextlib.contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Has SIGTERM end the block where no training has a handler of its own that saves first."""
    import jax

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise _Stopped

    if jax.process_count() > 1:  # there jax.distributed listens for it
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
