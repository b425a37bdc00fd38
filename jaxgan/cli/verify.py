"""``jaxgan verify``: check every file of a run, and change none."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.cli.say import say

_DESCRIPTION = """Reads every file of a run and checks it: checkpoints against their digests, records and events
against their checksums and counts, pictures by decoding them. Nothing is changed or moved. The exit code is 1 where
anything is damaged."""

_EXAMPLES = """  jaxgan verify runs/digits"""


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    made = flags.parser("verify", _DESCRIPTION, _EXAMPLES)
    made.add_argument("workdir", type=flags.path, metavar="WORKDIR", help="the run's folder")
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
    from jaxgan.training.checkpoint import sound_metas
    from jaxgan.training.events import read_events
    from jaxgan.training.workdir import config_problem

    yield "config.json", config_problem(workdir)
    # Before the records: those of a run that trains are there before the checkpoint that counts them.
    _, newest = next(sound_metas(workdir), (0, {}))
    yield from _checkpoints(workdir)
    yield from _records(workdir, newest)
    yield from _notes(workdir, checked="records" in newest)
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
    from jaxgan.training.checkpoint import Checkpoints, DamagedCheckpointError, saved_steps
    from jaxgan.training.digest import non_finite
    from jaxgan.training.errors import UserError
    from jaxgan.training.storage import UnreadableError

    if not saved_steps(workdir):
        return
    try:
        experiment = build(saved_config(workdir))
    except UnreadableError:
        raise
    except UserError as error:
        yield "checkpoints/", f"not checked, without their config: {error}"
        return
    target = restore_target(experiment, make_mesh())
    checkpoints = Checkpoints(workdir, read_only=True)
    try:
        for step in checkpoints.listed_steps():
            problem = None
            try:
                restored = checkpoints.restore(target, step)
                assert restored is not None  # a step that is asked for is there, or an error
                state = restored[0]
                if int(state.step) != step:
                    problem = f"holds step {int(state.step)}"
                elif wrong := non_finite(state.replace(frozen={})):
                    problem = f"NaN or infinity in {len(wrong)} arrays, first {wrong[0]}"
            except (DamagedCheckpointError, UnreadableError) as error:
                problem = str(error)
            yield f"checkpoints/{step}", problem
    finally:
        checkpoints.close()


def _records(workdir: Any, newest: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """The files of records; ``newest`` is the meta of the newest checkpoint, which counts those up to its step."""
    from jaxgan.training.record_counts import NAME, Count, lost_records, read_counts
    from jaxgan.training.records import read_lines

    counted, noted = newest.get("records"), read_counts(workdir)
    counts = list(noted or [])
    if counted is not None:
        # A step whose scores are to come is recorded after its checkpoint.
        step = newest["data"]["position"] - (newest.get("pending") is not None)
        counts.append(Count(step, counted))
        yield NAME, None if noted is not None else "missing, or differs from what was written"
    lost = {found.name: str(found) for found in lost_records(workdir, counts, checked=counted is not None)}
    for name in ("metrics.jsonl", "scores.jsonl", "goodput.jsonl"):
        found = read_lines(workdir / name, checked=counted is not None)
        problems = [f"lines {found.damaged[:10]} of {len(found.records) + len(found.damaged)}"] if found.damaged else []
        problems += [f"the steps of lines {found.repeated[:10]} do not rise"] if found.repeated else []
        problems += [lost[name]] if name in lost else []
        if problems or (workdir / name).exists():
            yield name, "; ".join(problems) or None


def _notes(workdir: Any, *, checked: bool) -> Iterator[tuple[str, str | None]]:
    """The small files; ``checked`` is whether those that have checksums must have them."""
    from jaxgan.training import best, pending
    from jaxgan.training.storage import read_or_none

    told, problem = best.read_best(workdir, checked=checked)
    if told is not None or problem is not None:
        yield best.NAME, problem
    if (content := read_or_none(workdir / pending.NAME)) is not None:
        sound = pending.read_pending(content, checked=checked) is not None
        yield pending.NAME, None if sound else "differs from what was written"
    if (content := read_or_none(workdir / "env.json")) is not None:
        yield "env.json", _json(content)


def _json(content: bytes) -> str | None:
    import json

    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
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
