"""``jaxgan verify``: check every file of a run, and change none."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.cli.say import say

_DESCRIPTION = """Reads every file of a run and checks it: checkpoints against their digests, records and events
against their checksums, pictures by decoding them. Nothing is changed or moved. The exit code is 1 where anything is
damaged."""

_EXAMPLES = """  jaxgan verify runs/digits"""


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    made = flags.parser("verify", _DESCRIPTION, _EXAMPLES)
    made.add_argument("workdir", metavar="WORKDIR", help="the run's folder")
    parsed = made.parse_args(arguments)

    from jaxgan.cli.run import absolute

    damaged = 0
    for name, problem in _checked(absolute(parsed.workdir)):
        say(f"{name:<34}{'ok' if problem is None else 'DAMAGED: ' + problem}")
        damaged += problem is not None
    print(f"{damaged} damaged" if damaged else "all sound")
    return 1 if damaged else 0


def _checked(workdir: Any) -> Iterator[tuple[str, str | None]]:
    """(a file or folder of the run, its problem or None), for each."""
    from jaxgan.training.events import read_events
    from jaxgan.training.records import read_lines
    from jaxgan.training.workdir import read_config

    read_config(workdir)
    yield "config.json", None
    yield from _checkpoints(workdir)
    for name in ("metrics.jsonl", "scores.jsonl", "goodput.jsonl"):
        if (workdir / name).exists():
            records, wrong = read_lines(workdir / name)
            yield name, f"lines {wrong[:10]} of {len(records) + len(wrong)}" if wrong else _order(name, records)
    for name in ("best.json", "pending.json", "env.json"):
        if (workdir / name).exists():
            yield name, _json(workdir / name)
    for path in sorted((workdir / "tb").glob("events*")):
        events, sound = read_events(path)
        yield f"tb/{path.name}"[:33], None if sound else f"cut short or damaged after {len(events)} events"
    pictures = sorted((workdir / "samples").glob("*.png"))
    problems = [f"{path.name}: {problem}" for path in pictures if (problem := _picture(path))]
    yield f"samples/ ({len(pictures)})", "; ".join(problems[:10]) or None


def _checkpoints(workdir: Any) -> Iterator[tuple[str, str | None]]:
    from jaxgan.cli.run import saved_config
    from jaxgan.experiment.open_run import restore_target
    from jaxgan.parallel import make_mesh
    from jaxgan.recipes import build
    from jaxgan.training.checkpoint import Checkpoints, DamagedCheckpointError
    from jaxgan.training.digest import non_finite

    if not (workdir / "checkpoints").exists():
        return
    experiment = build(saved_config(workdir))
    target = restore_target(experiment, make_mesh())
    checkpoints = Checkpoints(workdir, read_only=True)
    try:
        for step in checkpoints.steps():
            problem = None
            try:
                restored = checkpoints.restore(target, step)
                assert restored is not None  # a step that is asked for is there, or an error
                state = restored[0]
                if int(state.step) != step:
                    problem = f"holds step {int(state.step)}"
                elif wrong := non_finite(state.replace(frozen={})):
                    problem = f"NaN or infinity in {len(wrong)} arrays, first {wrong[0]}"
            except DamagedCheckpointError as error:
                problem = str(error)
            yield f"checkpoints/{step}", problem
    finally:
        checkpoints.close()


def _order(name: str, records: list[dict[str, Any]]) -> str | None:
    """Where a file of one line a step repeats a step or goes back."""
    steps = [record["step"] for record in records]
    if name == "metrics.jsonl" and (wrong := [b for a, b in itertools.pairwise(steps) if b <= a]):
        return f"step {wrong[0]} comes twice or late"
    return None


def _json(path: Any) -> str | None:
    import json

    try:
        json.loads(path.read_text())
    except ValueError as error:
        return str(error)
    return None


def _picture(path: Any) -> str | None:
    from PIL import Image

    try:
        with path.open("rb") as file, Image.open(file) as picture:
            picture.load()
    except Exception as error:  # Pillow's decoders raise a dozen kinds on damaged files
        return str(error)
    return None
