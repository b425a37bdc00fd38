"""``jaxgan compare``: put two results side by side."""

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.cli.say import say
from jaxgan.training.errors import UserError
from jaxgan.training.records import read_records
from jaxgan.training.strict_json import strict_json

_DESCRIPTION = """Puts two results side by side: files of the JSON lines that `jaxgan evaluate --json` prints, or runs
(their newest scores). Where the same score was measured by unlike protocols it says what differs, and exits with 1.
What was scored, the seed and the code's version may differ."""

_EXAMPLES = """  jaxgan compare a.jsonl b.jsonl
  jaxgan compare runs/one runs/two
  jaxgan compare a.jsonl b.jsonl --allow=truncation,truncation_mode"""


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    made = flags.parser("compare", _DESCRIPTION, _EXAMPLES)
    made.add_argument("first", type=flags.path, metavar="A")
    made.add_argument("second", type=flags.path, metavar="B")
    made.add_argument("--allow", default="", help="fields of the stamp that may differ, separated by commas")
    made.add_argument("--json", action="store_true", help="a JSON object a score, a line each, and nothing else")
    parsed, overrides = flags.parse(made, arguments)
    if overrides:
        raise UserError(f"--config.{overrides[0][0]}: results are compared as they are, and know no config")

    from jaxgan.evaluation.protocol import require_same_protocol

    first, second = (read_results(name) for name in (parsed.first, parsed.second))
    common = [metric for metric in first if metric in second]
    if not common:
        raise UserError(
            f"no score is in both: {parsed.first} has {', '.join(first)}; {parsed.second} has {', '.join(second)}"
        )
    allow = _allowed(parsed.allow, [side[metric]["stamp"] for side in (first, second) for metric in common])
    rows = []
    for metric in common:
        a, b = first[metric], second[metric]
        names = (parsed.first, parsed.second)
        require_same_protocol(a["stamp"], b["stamp"], what=metric, names=names, allow=allow)
        rows.append((metric, a, b))
    for metric, a, b in rows:
        if parsed.json:
            difference = {"metric": metric, "first": a["value"], "second": b["value"]}
            difference |= {"difference": b["value"] - a["value"], "stderr": _stderr(a, b)}
            print(strict_json({k: v for k, v in difference.items() if v is not None}))
        else:
            error, gap = _stderr(a, b), b["value"] - a["value"]
            spread = "" if error is None else f" ± {error:.2g}"
            say(f"{metric:<28}{a['value']:>12.5g}{b['value']:>12.5g}   difference {gap:+.4g}{spread}")
    return 0


def _allowed(text: str, stamps: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The fields that ``--allow`` names.

    Raises:
      UserError: on one that no stamp has, with those that they have.
    """
    allow = tuple(word.strip() for word in text.split(",") if word.strip())
    known = list(dict.fromkeys(name for stamp in stamps for name in stamp))
    if wrong := [name for name in allow if name not in known]:
        near = difflib.get_close_matches(wrong[0], known, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"--allow={text}: no stamp has a field {wrong[0]!r}.{hint} They have: {', '.join(known)}")
    return allow


def _stderr(a: Mapping[str, Any], b: Mapping[str, Any]) -> float | None:
    """Of the difference, as of independent numbers; None where either is unknown."""
    if "stderr" not in a or "stderr" not in b:
        return None
    return float((a["stderr"] ** 2 + b["stderr"] ** 2) ** 0.5)


def read_results(name: str) -> dict[str, dict[str, Any]]:
    """Metric -> its newest result, of a file of JSON lines or of a run.

    Raises:
      UserError: where there is none, or a line is no result.
    """
    path = Path(name)
    of_run = path.is_dir()
    if of_run:
        path = path / "scores.jsonl"
    if not path.is_file():
        raise UserError(f"no results at {name}: give a file of `jaxgan evaluate --json`, or a run with scores.jsonl")
    # A run's lines have checksums; those that are damaged are left out, and said.
    lines = [json.dumps(r) for r in read_records(path)] if of_run else path.read_text().splitlines()
    found, failed = {}, {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            result = json.loads(line)
            if result["value"] is None and "error" in result:
                failed[str(result["metric"])] = str(result["error"])
                continue
            found[result["metric"]] = {**result, "value": float(result["value"]), "stamp": dict(result["stamp"])}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UserError(
                f"{path}, line {number} is no result with `metric`, `value` and `stamp` ({error!r}); a number without "
                "its protocol is not compared"
            ) from None
    if not found:
        reasons = "".join(f"; {metric} failed: {reason}" for metric, reason in failed.items())
        raise UserError(f"{path} holds no result{reasons}")
    return found
