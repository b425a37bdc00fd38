"""Speed of the jitted sampler, over batch sizes and dtypes."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import jax

from jaxgan import recipes
from jaxgan.tools.bench import ceilings
from jaxgan.tools.bench.compiled import Sampling, compile_sampling, fresh_nets, quick_weights
from jaxgan.tools.bench.profile import traced
from jaxgan.tools.bench.train import peak_bytes, utilization
from jaxgan.tools.planner.flops import products, total
from jaxgan.training.errors import UserError

DTYPES = ("float32", "bfloat16")


def timed_draws(sampling: Sampling, *, draws: int) -> list[float]:
    """Seconds of each of ``draws`` batches, after one that is not counted."""
    seconds = []
    for number in range(draws + 1):
        began = time.perf_counter()
        jax.block_until_ready(sampling.draw(number))
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def measure(
    config: Any,
    *,
    batch_sizes: Sequence[int],
    dtypes: Sequence[str],
    draws: int,
    stage: str | None = None,
    profile: str | None = None,
    tiny: bool = False,
) -> dict[str, Any]:
    """Draws batches of every size in every dtype, in evaluation, with what ``jaxgan sample`` draws with.

    Args:
      config: an experiment's; its networks have fresh weights.
      batch_sizes: multiples of the devices.
      dtypes: that the generator computes in: of ``DTYPES``.
      draws: timed ones of each.
      stage: of the experiment; None for the only one.
      profile: a folder for a trace of two draws of each; None for none.
      tiny: as in :func:`jaxgan.tools.bench.ceilings.measure`.

    Raises:
      UserError: on another dtype, or a batch that the devices do not divide.
    """
    devices = len(jax.devices())
    wrong = [str(x) for x in (*dtypes, *batch_sizes) if x not in DTYPES and not (isinstance(x, int) and x > 0)]
    if wrong or any(size % devices for size in batch_sizes):
        raise UserError(
            f"batch_sizes={list(batch_sizes)}, dtypes={list(dtypes)}: sizes are positive multiples of the {devices} "
            f"devices, dtypes of {', '.join(DTYPES)}"
        )
    ceiling = ceilings.measure(tiny=tiny)
    rows = []
    nets = None
    for dtype in dtypes:
        chosen = quick_weights(config)
        chosen.generator.dtype = dtype
        experiment = recipes.build(chosen)
        method = experiment.stage_named(stage).method
        nets = fresh_nets(experiment) if nets is None else nets
        for size in batch_sizes:
            sampling = compile_sampling(
                method,
                nets,
                batch_size=size,
                convolutions=config.training.convolutions,
                seconds=config.training.convolution_seconds,
            )
            flops = total(products(sampling.trace()))
            moved = float((sampling.run.cost_analysis() or {}).get("bytes accessed", 0.0))
            median = statistics.median(timed_draws(sampling, draws=draws))
            with traced(profile):
                if profile is not None:
                    timed_draws(sampling, draws=1)
            rows.append(
                {
                    "dtype": dtype,
                    "batch_size": size,
                    "compile_seconds": round(sampling.compile_seconds, 2),
                    "other_forms": len(sampling.forms),
                    "batch_milliseconds": round(1e3 * median, 2),
                    "images_per_second": round(size / median, 2),
                    **peak_bytes(sampling.run),
                    "flops_per_image": round(flops / size),
                    **utilization(
                        flops=flops, moved_bytes=moved, seconds=median, devices=devices, dtype=dtype, ceiling=ceiling
                    ),
                }
            )
    return {
        "device": jax.devices()[0].device_kind,
        "devices": devices,
        "draws": draws,
        "ceilings": {name: round(value) for name, value in ceiling.items()},
        "rows": rows,
    }
