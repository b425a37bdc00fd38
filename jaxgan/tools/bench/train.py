"""Speed, memory and utilisation of a config's training step, on random images."""

import statistics
import time
from typing import Any

import jax
import numpy as np

from jaxgan.tools.bench import ceilings
from jaxgan.tools.bench.compiled import Training, compile_training
from jaxgan.tools.bench.profile import traced
from jaxgan.tools.planner.flops import products, total
from jaxgan.training.state import TrainState
from jaxgan.training.step import make_stage_step


def model_flops(training: Training) -> int:
    """FLOPs of the convolutions and products of one step over all devices, counted from its trace, those of
    recomputation left out.
    """
    step = make_stage_step(training.stage)
    with jax.set_mesh(training.mesh):
        return total(
            products(jax.jit(step).trace(training.state, training.batch, training.key).jaxpr), recomputed=False
        )


def compiled_peak_bytes(compiled: Any) -> int:
    """The compiler's count for a device: arguments + outputs + temporaries - what donation aliases."""
    memory = compiled.memory_analysis()
    whole = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return int(whole - memory.alias_size_in_bytes)


def peak_bytes(compiled: Any) -> dict[str, Any]:
    """Peak bytes of a device, as its allocator counted since the process began, or the compiler's on CPU, which counts
    none.
    """
    used = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    if used is not None:
        return {"peak_bytes_per_device": int(used), "peak_bytes_by": "allocator"}
    return {"peak_bytes_per_device": compiled_peak_bytes(compiled), "peak_bytes_by": "compiler"}


def utilization(
    *, flops: float, moved_bytes: float, seconds: float, devices: int, dtype: str, ceiling: dict[str, float]
) -> dict[str, float]:
    """The share of the ceilings that a call of ``seconds`` reached.

    Returns:
      ``mfu``: FLOP/s a device over the measured rate of products in ``dtype``; ``copy_share``: bytes/s a device, as the
      compiler counts what instructions read and write, over the measured rate of a copy. Caches serve part of those
      bytes, so that it may pass 1.
    """
    return {
        "mfu": round(flops / seconds / devices / ceiling[f"matmul_{dtype}"], 4),
        "copy_share": round(moved_bytes / seconds / ceiling["copy"], 4),
    }


def timed_steps(training: Training, state: TrainState, *, steps: int) -> tuple[TrainState, list[float]]:
    """The state after ``steps`` + 1 steps from ``state``, which is donated, and the seconds of all but the first."""
    seconds = []
    with jax.set_mesh(training.mesh):
        for _ in range(steps + 1):
            began = time.perf_counter()
            state, _ = jax.block_until_ready(training.run(state, training.batch, training.key))
            seconds.append(time.perf_counter() - began)
    return state, seconds[1:]


def measure(
    config: Any, *, steps: int, stage: str | None = None, profile: str | None = None, tiny: bool = False
) -> dict[str, Any]:
    """Compiles the step over all devices and runs it.

    Args:
      config: an experiment's.
      steps: timed ones.
      stage: of the experiment; None for the only one.
      profile: a folder for a trace of two further steps; None for none.
      tiny: as in :func:`jaxgan.tools.bench.ceilings.measure`.

    Returns:
      The record that ``jaxgan bench train`` prints. Images are those of one D update, as the trainer counts them.
    """
    return measure_compiled(compile_training(config, stage=stage), config, steps=steps, profile=profile, tiny=tiny)


def measure_compiled(
    training: Training, config: Any, *, steps: int, profile: str | None = None, tiny: bool = False
) -> dict[str, Any]:
    """As :func:`measure`, of a step that is compiled already; its state is used up."""
    flops = model_flops(training)
    devices, dtype = training.mesh.size, str(config.get("generator", {}).get("dtype", "float32"))
    moved = float((training.run.function.cost_analysis() or {}).get("bytes accessed", 0.0))
    state, taken = timed_steps(training, training.state, steps=steps)
    median = statistics.median(taken)
    memory = peak_bytes(training.run.function)
    if profile is not None:
        with traced(profile):
            state, _ = timed_steps(training, state, steps=1)
    del state
    ceiling = ceilings.measure(tiny=tiny)
    return {
        "device": jax.devices()[0].device_kind,
        "devices": devices,
        "dtype": dtype,
        "batch_size": training.images_per_step,
        "d_steps": getattr(training.stage.method, "d_steps", 1),
        "steps": steps,
        "compile_seconds": round(training.compile_seconds, 2),
        "convolution_forms": dict(training.forms),
        "step_milliseconds": round(1e3 * median, 2),
        "steps_per_second": round(1 / median, 4),
        "images_per_second": round(training.images_per_step / median, 2),
        **memory,
        "model_flops_per_step": flops,
        "flops_per_second": round(flops / median),
        **utilization(flops=flops, moved_bytes=moved, seconds=median, devices=devices, dtype=dtype, ceiling=ceiling),
        "ceilings": {name: round(value) for name, value in ceiling.items()},
    }


def compare_donation(config: Any, *, steps: int, stage: str | None = None) -> dict[str, Any]:
    """Runs the step with donated state and without, A B A B, so that a drifting machine affects both equally.

    Returns:
      For each its median milliseconds, images/s and the compiler's peak bytes; ``ratio`` is of speed, donated over not,
      the median of pairs.
    """
    names = {True: "donated", False: "not_donated"}
    runs = {donate: compile_training(config, stage=stage, donate=donate) for donate in names}
    states = {donate: run.state for donate, run in runs.items()}
    seconds: dict[bool, list[float]] = {donate: [] for donate in names}
    with jax.set_mesh(runs[True].mesh):
        for _ in range(steps + 1):
            for donate, run in runs.items():
                began = time.perf_counter()
                states[donate], _ = jax.block_until_ready(run.run(states[donate], run.batch, run.key))
                seconds[donate].append(time.perf_counter() - began)
    record: dict[str, Any] = {
        "device": jax.devices()[0].device_kind,
        "devices": runs[True].mesh.size,
        "steps": steps,
        "compile_seconds": round(runs[True].compile_seconds, 2),
    }
    for donate, name in names.items():
        median = statistics.median(seconds[donate][1:])
        record[name] = {
            "step_milliseconds": round(1e3 * median, 2),
            "images_per_second": round(runs[donate].images_per_step / median, 1),
            "peak_bytes_per_device": compiled_peak_bytes(runs[donate].run.function),
        }
    ratios = np.array(seconds[False][1:]) / np.array(seconds[True][1:])
    record["ratio"] = round(float(np.median(ratios)), 3)
    return record
