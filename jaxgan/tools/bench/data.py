"""Input pipeline speed: how fast a config's images are read, and how fast its training step consumes them."""

import time
from typing import Any

import jax

from jaxgan.data.prefetch import prefetch
from jaxgan.parallel import host_to_global
from jaxgan.tools.bench.compiled import compile_training
from jaxgan.tools.bench.profile import traced


def loader_images_per_second(stage: Any, *, batches: int) -> float:
    """Images/s of the loader alone, on the host, after one batch that is not counted."""
    iterator = stage.data(0)
    try:
        rows = len(next(iter(next(iterator).values())))
        began = time.perf_counter()
        for _ in range(batches):
            next(iterator)
        return batches * rows / (time.perf_counter() - began)
    finally:
        iterator.close()


def measure(
    config: Any, *, batches: int, steps: int, stage: str | None = None, profile: str | None = None
) -> dict[str, Any]:
    """Times the loader, the step on a batch that lies ready, and both together as the trainer runs them.

    Args:
      config: an experiment's; its data is opened.
      batches: that the loader alone reads.
      steps: timed ones, on a batch that lies ready, and again with data.
      stage: of the experiment; None for the only one.
      profile: a folder for a trace of the steps with data; None for none.

    Returns:
      The record that ``jaxgan bench data`` prints. Images are real ones that are read: a step with several updates of D
      consumes as many batches. ``ratio`` is the loader's images/s over the step's; ``data_wait_share`` the share of the
      overlapped steps' time that was spent waiting for data.
    """
    training = compile_training(config, stage=stage)
    chosen = training.stage
    began = time.perf_counter()
    first = next(iter(chosen.data(0)))
    opened = time.perf_counter() - began
    rows = len(next(iter(first.values())))
    loader = loader_images_per_second(chosen, batches=batches)
    state, mesh = training.state, training.mesh
    with jax.set_mesh(mesh):
        state, _ = jax.block_until_ready(training.run(state, training.batch, training.key))
        began = time.perf_counter()
        for _ in range(steps):
            state, metrics = training.run(state, training.batch, training.key)
        jax.block_until_ready(metrics)
        alone = (time.perf_counter() - began) / steps
        with traced(profile), prefetch(chosen.data(0), lambda batch: host_to_global(batch, mesh)) as ready:
            state, _ = jax.block_until_ready(training.run(state, next(ready), training.key))
            waited, began = ready.wait_seconds, time.perf_counter()
            for _ in range(steps):
                state, metrics = training.run(state, next(ready), training.key)
                jax.block_until_ready(metrics)
            together = time.perf_counter() - began
            waited = ready.wait_seconds - waited
    return {
        "device": jax.devices()[0].device_kind,
        "data": config.data.name,
        "image_size": list(config.data.image_size),
        "workers": config.data.workers,
        "rows_per_step": rows,
        "opening_seconds": round(opened, 2),
        "batches": batches,
        "steps": steps,
        "loader_images_per_second": round(loader, 1),
        "step_consumes_images_per_second": round(rows / alone, 1),
        "ratio": round(loader * alone / rows, 2),
        "overlapped_images_per_second": round(rows * steps / together, 1),
        "data_wait_share": round(waited / together, 4),
    }
