"""``jaxgan evaluate``."""

import json
import logging
from collections.abc import Sequence

import numpy as np

from jaxgan.cli import arguments as flags
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

_DESCRIPTION = """Scores a trained run by its config's evaluators, on the newest checkpoint or the one of --step."""

_EXAMPLES = """  jaxgan evaluate --workdir=runs/digits
  jaxgan evaluate --workdir=runs/digits --step=2000 --json"""


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    made = flags.parser("evaluate", _DESCRIPTION, _EXAMPLES)
    flags.add_restore(made)
    made.add_argument("--json", action="store_true", help="a JSON object a metric, a line each, and nothing else")
    parsed, overrides = flags.parse(made, arguments)
    if overrides:
        raise UserError(f"--config.{overrides[0][0]}: scores follow the run's own config, which cannot change")

    from jaxgan.cli.run import open_run

    opened = open_run(parsed.workdir, step=parsed.step, raw=parsed.raw)
    for evaluator in opened.experiment.evaluators(opened.mesh):
        for name, value in evaluator.run(opened.nets, opened.step).items():
            if isinstance(value, np.ndarray):
                continue
            metric = name.removeprefix("eval/")
            if parsed.json:
                record = {"metric": metric, "value": float(value), "step": opened.step, "ema": not parsed.raw}
                print(json.dumps(record), flush=True)
            else:
                print(f"{metric.upper()} {value:.4g}", flush=True)
    return 0
