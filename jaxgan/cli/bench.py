"""``jaxgan bench``: measure the step, the sampler, the loader, or how work is shared over devices."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.experiment.key import MOST
from jaxgan.training.errors import UserError

SUBJECTS = ("train", "sample", "data", "scaling")

_DESCRIPTION = """Measures an experiment on the devices at hand, without training it: `train` its step (speed, compile
time, peak memory, model FLOP utilisation against measured ceilings), `sample` its sampler over batch sizes and dtypes,
`data` its loader against what the step consumes. `scaling` compiles the step for 1, 2, 4 and 8 simulated devices, runs
nothing, and fails where work is not shared or activations move between devices."""

_EXAMPLES = """  jaxgan bench train --config=biggan:digits16 --json
  jaxgan bench train --config=biggan:digits16 --donation
  jaxgan bench train --config=biggan:cifar10 --config.method.d_steps=1 --profile=trace
  jaxgan bench sample --config=biggan:imagenet128 --batch_sizes=1,8 --dtypes=float32,bfloat16
  jaxgan bench data --config=biggan:cifar10 --config.data.data_dir=~/tensorflow_datasets
  jaxgan bench scaling --config=biggan:digits16"""

EXIT_NOT_SHARED = 1


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code: 1 also where ``scaling`` finds work that is not shared."""
    made = flags.parser("bench", _DESCRIPTION, _EXAMPLES)
    made.add_argument("subject", choices=SUBJECTS, help="what to measure")
    flags.add_config(made)
    made.add_argument("--stage", metavar="NAME", help="of an experiment in stages: which of them")
    made.add_argument("--json", action="store_true", help="print JSON and nothing else")
    made.add_argument(
        "--profile", type=flags.path, metavar="DIR", help="write a trace there, which xprof and ui.perfetto.dev open"
    )
    made.add_argument("--steps", type=flags.whole(1), default=10, help="timed steps, or draws of a batch (default 10)")
    made.add_argument("--donation", action="store_true", help="train: with and without donated state, alternately")
    made.add_argument("--batch_sizes", default="1,8,32", help="sample: comma-separated (default 1,8,32)")
    made.add_argument("--dtypes", default="float32,bfloat16", help="sample: comma-separated (default both)")
    made.add_argument(
        "--batches", type=flags.whole(1), default=50, help="data: batches that the loader reads alone (default 50)"
    )
    made.add_argument("--devices", default="1,2,4,8", help="scaling: simulated devices (default 1,2,4,8)")
    parsed, overrides = flags.parse(made, arguments)
    if parsed.profile and (parsed.subject == "scaling" or parsed.donation):
        raise UserError("--profile: scaling runs nothing and --donation writes no trace; use train, sample or data")
    if parsed.donation and parsed.subject != "train":
        raise UserError(f"--donation: of `bench train` alone, not of `bench {parsed.subject}`")
    record = _measure(parsed, overrides)
    if parsed.json:
        print(json.dumps(record, indent=2))
    else:
        print("\n".join(_lines(record)))
    for finding in record.get("findings", ()):
        print(f"jaxgan bench: {finding}", file=sys.stderr)
    return EXIT_NOT_SHARED if record.get("findings") else 0


def _numbers(flag: str, text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1 or max(found) > MOST:
        raise UserError(f"--{flag}={text}: give whole numbers from 1, such as 1,8")
    return found


def _measure(parsed: Any, overrides: list[tuple[str, str]]) -> dict[str, Any]:
    from jaxgan.experiment.config_file import load

    config = load(parsed.config, overrides)
    named = {"subject": parsed.subject, "config": parsed.config, "overrides": dict(overrides)}
    if parsed.subject == "scaling":
        from jaxgan.tools.bench import scaling

        return named | scaling.measure(
            parsed.config, overrides, counts=_numbers("devices", parsed.devices), stage=parsed.stage
        )
    if parsed.subject == "train":
        from jaxgan.tools.bench import train

        if parsed.donation:
            return named | train.compare_donation(config, steps=parsed.steps, stage=parsed.stage)
        return named | train.measure(config, steps=parsed.steps, stage=parsed.stage, profile=parsed.profile)
    if parsed.subject == "sample":
        from jaxgan.tools.bench import sample

        sizes, dtypes = _numbers("batch_sizes", parsed.batch_sizes), parsed.dtypes.split(",")
        return named | sample.measure(
            config, batch_sizes=sizes, dtypes=dtypes, draws=parsed.steps, stage=parsed.stage, profile=parsed.profile
        )
    from jaxgan.tools.bench import data

    return named | data.measure(
        config, batches=parsed.batches, steps=parsed.steps, stage=parsed.stage, profile=parsed.profile
    )


def _lines(record: dict[str, Any]) -> list[str]:
    """The record for reading: a line a key; lists of rows as tables."""
    lines = []
    for key, value in record.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines += [f"{key}:", *_table(value)]
        elif isinstance(value, dict):
            lines += [f"{key + ' ' + name:<36}{_text(inner)}" for name, inner in value.items()]
        else:
            lines.append(f"{key:<36}{_text(value)}")
    return lines


def _table(rows: list[dict[str, Any]]) -> list[str]:
    cells = [list(rows[0]), *[[_text(value) for value in row.values()] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in cells]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}:{_text(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
