"""All that is asked of one GPU, in one command of less than ten minutes: ``python docs/measure/gpu.py`` (extra
``[bench]``).

BigGAN-128 in bfloat16 at the largest batch that fits: the step's speed, memory and MFU of the measured rate of
products; the same step by torch.compile, channels_last, on the same card at the same batch; and both samplers. Prints
one JSON object, and each part of it to stderr as soon as it is known.

Each part is a process of its own, so that the two sides never share the card's memory; what does not end before
``--seconds`` are over is cut off, and says so. ``--tiny`` tries it all out on whatever device is here, at tiny widths.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from extras import require

from jaxgan.experiment.config_file import load, split_overrides
from jaxgan.training.errors import UserError
from jaxgan.training.xla_flags import fast_cpu_convolutions

PARTS = ("train_jaxgan", "train_torch", "sample_jaxgan", "sample_torch")
FORM = "compile_channels_last"
CONFIG = "biggan:imagenet128"
_TINY = (
    "generator.resolution=16 discriminator.resolution=16 data.image_size=(8,8) generator.base=(2,2) generator.ch=8 "
    "discriminator.ch=8 generator.z_dim=12 generator.attention=() discriminator.attention=() "
    "generator.num_classes=10 discriminator.num_classes=10 method.d_steps=1"
)


def candidate_batches(tiny: bool) -> tuple[int, ...]:
    """Batches that are tried, largest first."""
    return (8, 4) if tiny else (768, 512, 384, 320, 256, 192, 160, 128, 96, 64, 32)


def settings(overrides: Sequence[tuple[str, str]], *, tiny: bool) -> list[tuple[str, str]]:
    """The config's overrides: bfloat16, no orthogonal regularisation (the torch side has none), the user's last."""
    fixed = "generator.dtype=bfloat16 discriminator.dtype=bfloat16 orthogonal.weight=0.0"
    words = f"{fixed} {_TINY if tiny else ''}".split()
    pairs = [(key, text) for key, _, text in (word.partition("=") for word in words)]
    return [*pairs, *overrides]


def largest(batches: Sequence[int], attempt: Callable[[int], Any]) -> tuple[int, Any]:
    """The first of ``batches`` at which ``attempt`` does not run out of memory, and what it returned.

    Raises:
      UserError: where none fits.
    """
    for batch in batches:
        try:
            return batch, attempt(batch)
        except Exception as error:
            if not any(words in str(error) for words in ("RESOURCE_EXHAUSTED", "out of memory", "Out of memory")):
                raise
            print(f"a batch of {batch} does not fit", file=sys.stderr, flush=True)
    raise UserError(f"none of the batches {list(batches)} fits")


def predicted_fit(bytes_at: dict[int, int], fixed_bytes: int, batches: Sequence[int], limit: float) -> list[int]:
    """The batches whose temporaries, taken to grow with the batch, fit ``limit`` bytes with what is fixed.

    Args:
      bytes_at: temporaries of one batch that was compiled.
      fixed_bytes: of the state.
      batches: candidates.
      limit: of the device.
    """
    ((batch, temporary),) = bytes_at.items()
    return [b for b in batches if fixed_bytes + temporary / batch * b <= limit] or [min(batches)]


def train_jaxgan(config: Any, *, tiny: bool, steps: int) -> dict[str, Any]:
    """Our step at the largest batch that fits: a small batch is compiled first, to tell from its memory which will."""
    import jax

    from jaxgan.tools.bench.compiled import compile_shapes, compile_training
    from jaxgan.tools.bench.train import measure_compiled

    batches = candidate_batches(tiny)
    config.data.batch_size = min(batches)
    memory = compile_shapes(config).memory_analysis()
    limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
    if limit is None:
        limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    temporary = {min(batches): memory.temp_size_in_bytes}
    hopeful = predicted_fit(temporary, memory.argument_size_in_bytes, batches, limit)

    def attempt(batch: int) -> dict[str, Any]:
        config.data.batch_size = batch
        return measure_compiled(compile_training(config), config, steps=steps, tiny=tiny)

    _, record = largest(hopeful, attempt)
    return record | {"bytes_limit": int(limit)}


def train_torch(config: Any, *, batch: int, form: str, tiny: bool, steps: int) -> dict[str, Any]:
    """PyTorch's step at our batch, or the next smaller one that fits."""
    import numpy as np
    import torch
    from torch_training import check_step, run_like, synchronize

    from jaxgan import recipes
    from jaxgan.tools.bench.compiled import random_batch

    check_step(config)
    device = torch_device(tiny)
    torch.backends.cudnn.benchmark = True

    def attempt(batch: int) -> dict[str, Any]:
        config.data.batch_size = batch
        stage = recipes.build(config).stage_named(None)
        run = run_like(config, stage.method, form, device=device)
        images, labels = run.place(random_batch(stage))
        seconds = []
        for _ in range(steps + 3):
            began = time.perf_counter()
            run.step(images, labels)
            synchronize(device)
            seconds.append(time.perf_counter() - began)
        median = float(np.median(seconds[3:]))
        record = {
            "form": form,
            "batch_size": batch,
            "first_step_seconds": round(seconds[0], 1),
            "step_milliseconds": round(1e3 * median, 2),
            "images_per_second": round(batch / median, 2),
        }
        if device == "cuda":
            record["peak_bytes_per_device"] = torch.cuda.max_memory_allocated()
        return record

    return largest([b for b in candidate_batches(tiny) if b <= batch], attempt)[1]


def torch_device(tiny: bool) -> str:
    """'cuda', or 'cpu' to try the code.

    Raises:
      UserError: where torch sees no GPU.
    """
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if tiny:
        return "cpu"
    raise UserError("torch sees no GPU (a CPU build?): install PyTorch's CUDA build, or try the code with --tiny")


def sample_sizes(tiny: bool) -> tuple[int, ...]:
    """Batches that both samplers draw."""
    return (4,) if tiny else (64, 256)


def sample_jaxgan(config: Any, *, tiny: bool, steps: int) -> dict[str, Any]:
    """Our sampler's rows."""
    from jaxgan.tools.bench.sample import measure

    record = measure(config, batch_sizes=sample_sizes(tiny), dtypes=("bfloat16",), draws=steps, tiny=tiny)
    return {"rows": record["rows"]}


def sample_torch(config: Any, *, form: str, tiny: bool, steps: int) -> dict[str, Any]:
    """PyTorch's sampler, in bfloat16 weights with folded spectral norms."""
    import torch
    from torch_training import run_like, synchronize

    from jaxgan import recipes

    device, rows = torch_device(tiny), []
    torch.backends.cudnn.benchmark = True
    method = recipes.build(config).stage_named(None).method
    draw = run_like(config, method, form, device=device).sampler()
    for size in sample_sizes(tiny):
        labels = torch.arange(size, device=device) % method.num_classes
        seconds = []
        for _ in range(steps + 3):
            began = time.perf_counter()
            draw(torch.randn(size, config.generator.z_dim, device=device), labels)
            synchronize(device)
            seconds.append(time.perf_counter() - began)
        rows.append({"batch_size": size, "images_per_second": round(size / statistics.median(seconds[3:]), 2)})
    return {"form": form, "rows": rows}


def _part(parsed: argparse.Namespace, overrides: Sequence[tuple[str, str]]) -> None:
    """Runs one part in this process and prints its record as the last line."""
    if parsed.part.endswith("torch"):
        require("torch", extra="bench")
    import jax

    fast_cpu_convolutions()
    if not parsed.tiny and parsed.part.endswith("jaxgan") and jax.default_backend() == "cpu":
        raise UserError("jax sees no GPU: install jaxgan[cuda13] (or cuda12), or try the code with --tiny")
    config = load(parsed.config, settings(overrides, tiny=parsed.tiny))
    common: dict[str, Any] = dict(tiny=parsed.tiny, steps=parsed.steps)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "train_jaxgan": lambda: train_jaxgan(config, **common),
        "train_torch": lambda: train_torch(config, batch=parsed.batch, form=parsed.form, **common),
        "sample_jaxgan": lambda: sample_jaxgan(config, **common),
        "sample_torch": lambda: sample_torch(config, form=parsed.form, **common),
    }
    print(json.dumps(parts[parsed.part]()))


def run_parts(command: Sequence[str], *, seconds: float, default_batch: int) -> dict[str, Any]:
    """Runs every part in a process of its own; what fails or is cut off is said under 'error'."""
    began, record = time.monotonic(), dict[str, Any]()
    environment = os.environ | {
        "XLA_PYTHON_CLIENT_MEM_FRACTION": os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.92")
    }
    for name in PARTS:
        batch = record.get("train_jaxgan", {}).get("batch_size", default_batch)
        left = seconds - (time.monotonic() - began)
        try:
            done = subprocess.run(
                [*command, f"--part={name}", f"--batch={batch}"],
                env=environment,
                capture_output=True,
                text=True,
                timeout=max(left, 1.0),
            )
            lines = done.stdout.splitlines()
            record[name] = json.loads(lines[-1]) if done.returncode == 0 and lines else {"error": done.stderr[-2000:]}
        except subprocess.TimeoutExpired:
            record[name] = {"error": f"cut off: {seconds:.0f} s were over"}
        print(json.dumps({name: record[name]}), file=sys.stderr, flush=True)
    ours, theirs = record["train_jaxgan"], record["train_torch"]
    if "error" not in ours and "error" not in theirs:
        record["train_ratio"] = round(ours["images_per_second"] / theirs["images_per_second"], 3)
    ours, theirs = record["sample_jaxgan"], record["sample_torch"]
    if "error" not in ours and "error" not in theirs:
        pairs = zip(ours["rows"], theirs["rows"], strict=True)
        record["sample_ratios"] = [round(a["images_per_second"] / b["images_per_second"], 3) for a, b in pairs]
    record["seconds"] = round(time.monotonic() - began, 1)
    return record


def main(arguments: Sequence[str]) -> int:
    """Parses, runs the parts, prints; 1 where a part failed."""
    rest, overrides = split_overrides(arguments)
    parser = argparse.ArgumentParser(
        prog="python docs/measure/gpu.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--config", default=CONFIG, help=f"default {CONFIG}")
    parser.add_argument("--tiny", action="store_true", help="tiny widths, on any device: to try the code")
    parser.add_argument("--form", default=FORM, help=f"of PyTorch's, as versus_torch names them (default {FORM})")
    parser.add_argument("--steps", type=int, default=20, help="timed steps and draws (default 20)")
    parser.add_argument("--seconds", type=float, default=570.0, help="for everything (default 570)")
    parser.add_argument("--part", choices=PARTS, default=None, help="one part alone, in this process")
    parser.add_argument("--batch", type=int, default=256, help="of torch's step, where ours gave none (default 256)")
    parsed = parser.parse_args(rest)
    if parsed.part is not None:
        _part(parsed, overrides)
        return 0
    command = [sys.executable, __file__, f"--config={parsed.config}", f"--steps={parsed.steps}"]
    command += [f"--form={parsed.form}", *["--tiny"] * parsed.tiny]
    command += [f"--config.{key}={text}" for key, text in overrides]
    record = run_parts(command, seconds=parsed.seconds, default_batch=parsed.batch)
    print(json.dumps(record, indent=2))
    return 1 if any("error" in record[name] for name in PARTS) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as mistake:
        sys.exit(f"gpu: {mistake}")
