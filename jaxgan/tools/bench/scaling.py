"""How a training step's work divides over devices: FLOPs a device and collectives, by compiling for simulated ones.

Nothing is run, and times are none of it: simulated devices share the cores of one machine. The step is compiled for
each number of devices twice: with one global batch, where a device's FLOPs must fall, and with as many images a
device, where they must stay.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from jaxgan.training.errors import UserError

DEVICES = (1, 2, 4, 8)
# What a device does whatever its share of the batch (power iterations, optimisers where they are not split) keeps
# FLOPs from halving; and with as many images a device the same is done for a few more rows or less.
WEAK_TOLERANCE = 0.05
# All-reduces of gradients and of batch statistics are as large whatever the batch; what moves examples grows with it.
GROWTH_TOLERANCE = 0.05
_MOVES_EXAMPLES = ("all-gather", "all-to-all", "collective-permute")
# Rows of pixels that neighbours need of each other, where images are split: as they should.
_HALO = "collective-permute"


def compile_row(config: Any, *, devices: int, batch_size: int, stage: str | None = None) -> dict[str, Any]:
    """FLOPs a device and collectives of the step compiled for the first ``devices`` devices present."""
    import jax

    from jaxgan.tools.bench.compiled import compile_shapes
    from jaxgan.tools.planner import hlo

    config = config.copy_and_resolve_references()
    config.data.batch_size = batch_size
    sizes = config.parallel
    sizes.data, sizes.fsdp = -1, min(sizes.fsdp, devices)
    sizes.spatial = min(sizes.spatial, devices // sizes.fsdp)
    program = hlo.analyse(compile_shapes(config, stage=stage, devices=jax.devices()[:devices]).as_text())
    collectives: dict[str, dict[str, int]] = {}
    for cost in program.costs:
        for collective in cost.collectives:
            entry = collectives.setdefault(collective.kind, {"count": 0, "bytes": 0})
            entry["count"] += cost.times
            entry["bytes"] += cost.times * collective.bytes
    return {
        "devices": devices,
        "batch_size": batch_size,
        "spatial": sizes.spatial,
        "flops_per_device": program.total("flops"),
        "collectives": collectives,
    }


def compile_rows(config: Any, counts: Sequence[int], *, stage: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """'fixed_batch' and 'fixed_images_per_device', a row a number of devices; the largest has the config's batch.

    Raises:
      UserError: where the devices do not divide the batch.
    """
    most, batch = max(counts), config.data.batch_size
    if batch % most or any(most % count for count in counts):
        raise UserError(
            f"devices={list(counts)}, batch {batch}: each number must divide the largest, and that the batch; set "
            f"--config.data.batch_size={-(-batch // most) * most}"
        )
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    modes: dict[str, list[dict[str, Any]]] = {"fixed_batch": [], "fixed_images_per_device": []}
    for count in counts:
        for mode, size in (("fixed_batch", batch), ("fixed_images_per_device", batch // most * count)):
            if (count, size) not in rows:
                rows[count, size] = compile_row(config, devices=count, batch_size=size, stage=stage)
            modes[mode].append(rows[count, size])
    return modes


def findings(modes: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Findings, a sentence each; none where the work is shared.

    Args:
      modes: as :func:`compile_rows` gives them.
    """
    found = []
    fixed, weak = modes["fixed_batch"], modes["fixed_images_per_device"]
    for fewer, more in itertools.pairwise(fixed):
        if more["flops_per_device"] >= fewer["flops_per_device"]:
            found.append(
                f"FLOP per device do not fall from {fewer['devices']} devices to {more['devices']} at a batch of "
                f"{more['batch_size']}: {fewer['flops_per_device']:,} to {more['flops_per_device']:,}"
            )
    for row in weak[1:]:
        ratio = row["flops_per_device"] / weak[0]["flops_per_device"]
        if abs(ratio - 1) > WEAK_TOLERANCE:
            found.append(
                f"FLOP per device change by {ratio:.2f} from {weak[0]['devices']} device to {row['devices']} at "
                f"{row['batch_size'] // row['devices']} images a device"
            )
    for large, small in zip(fixed, weak):
        if large["batch_size"] == small["batch_size"] or large["devices"] == 1:
            continue
        for kind in _MOVES_EXAMPLES:
            if kind == _HALO and large["spatial"] > 1:
                continue
            grown = [row["collectives"].get(kind, {"bytes": 0})["bytes"] for row in (small, large)]
            if grown[1] > (1 + GROWTH_TOLERANCE) * grown[0]:
                found.append(
                    f"activations move: {kind} on {large['devices']} devices carries {grown[0]:,} bytes at a batch of "
                    f"{small['batch_size']} and {grown[1]:,} at {large['batch_size']}"
                )
    return found


def measure(
    name: str,
    overrides: Sequence[tuple[str, str]] = (),
    *,
    counts: Sequence[int] = DEVICES,
    stage: str | None = None,
) -> dict[str, Any]:
    """Compiles in a process of its own, which simulates as many CPU devices as the largest count.

    Args:
      name, overrides: of the config, as for :func:`jaxgan.experiment.config_file.load`.
      counts: devices.
      stage: of the experiment; None for the only one.

    Returns:
      The rows of :func:`compile_rows`, 'flops_per_device_ratio' (the fixed batch's, to one device's share), and
      'findings'.

    Raises:
      UserError: where the process fails, with its words.
    """
    environment = dict(os.environ)
    # Nothing is run, so that the compiler need not optimise; fewer threads than devices can deadlock.
    environment["XLA_FLAGS"] = (
        f"--xla_force_host_platform_device_count={max(counts)} --xla_backend_optimization_level=0"
    )
    environment |= {"NPROC": "16", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "jaxgan.tools.bench.scaling", name, ",".join(map(str, counts)), stage or ""]
    command += [f"--config.{key}={text}" for key, text in overrides]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise UserError((done.stderr.strip().splitlines() or ["the compiling process died"])[-1])
    modes = json.loads(done.stdout.splitlines()[-1])
    first = modes["fixed_batch"][0]
    shares = [
        row["flops_per_device"] * row["devices"] / (first["flops_per_device"] * first["devices"])
        for row in modes["fixed_batch"]
    ]
    return {"config": name, **modes, "work_over_one_device": [round(s, 3) for s in shares], "findings": findings(modes)}


def main(arguments: Sequence[str]) -> int:
    """The process that compiles: prints the rows as one line of JSON."""
    from jaxgan.experiment.config_file import load, split_overrides

    (name, counts, stage), overrides = split_overrides(arguments)
    rows = compile_rows(load(name, overrides), [int(count) for count in counts.split(",")], stage=stage or None)
    print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
