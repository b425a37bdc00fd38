"""``jaxgan study --plan``: every variant of a study, planned as ``jaxgan plan`` plans one config."""

import argparse
import json
import logging
import os
import sys
from typing import Any

from jaxgan.cli import plan as plan_verb
from jaxgan.cli.say import say

log = logging.getLogger("jaxgan")


def plan_study(study: Any, parsed: Any) -> int:
    """Plans each variant for each ``--topology`` and prints a table, or with ``--json`` a list; returns the exit code.

    A record is that of ``jaxgan plan`` with ``variant`` and ``label``; where a variant cannot be laid over the devices,
    ``error`` says why, and the exit code is 1 if there is no other.
    """
    from jaxgan.tools.planner import prepare_environment

    prepare_environment()
    # Plans need no accelerator, and must not take one from a run.
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_platforms", os.environ["JAX_PLATFORMS"])
    settings = argparse.Namespace(
        steps=None,
        stage="all",
        weak_scaling=None,
        price=parsed.price,
        cache_dir=parsed.cache_dir or "~/.cache/jaxgan/compiled",
    )
    records: list[dict[str, Any]] = []
    for variant, config in study.configs().items():
        for topology in parsed.topology:
            log.info("%s on %s", variant, topology)
            about = {"variant": variant, "label": study.labels.get(variant, variant)}
            try:
                records += [about | plan for plan in plan_verb.plan_config(config, topology, settings)]
            except ValueError as error:  # of a topology's name, of its shape, of the batch over it
                records.append(about | {"topology": topology, "error": str(error)})
    planned = [record for record in records if "error" not in record]
    if parsed.json:
        print(json.dumps(records, indent=2))
    else:
        _show(records, planned)
    sys.stdout.flush()
    return 0 if planned else 1


def _show(records: list[dict[str, Any]], planned: list[dict[str, Any]]) -> None:
    from jaxgan.tools.planner import report

    if planned:
        names = ["variant", *(record["label"] for record in planned)]
        width = max(map(len, names))
        names.insert(1, "-" * width)
        for name, line in zip(names, report.summary(planned).splitlines()):
            say(f"{name.ljust(width)}  {line}")
    for record in records:
        if "error" in record:
            say(f"{record['variant']} on {record['topology']}: {record['error']}")
