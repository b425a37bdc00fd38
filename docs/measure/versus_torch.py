"""Our training step and sampler against PyTorch's: ``python docs/measure/versus_torch.py train|sample`` (extra
``[bench]``).

Both sides live in one process on the same cores and take turns, A B A B: each timing of a form of PyTorch's follows
one of ours, and the ratio is a pair's (PyTorch's time over ours: above 1, ours is faster), so that a drifting machine
affects both equally. Medians are printed. ``--config.section.key=value`` sets our side; of it, torch follows the
widths, the batch, D steps and optimisers. Its forms run in float32 and in bfloat16 (``--torch_dtypes``), whatever ours
computes in: the ratio to the fastest of one precision is printed, and that to the fastest of any.

The work is the same: ``train`` is d_steps updates of D and one of G with spectral norms, Adam and the average, on a
batch that lies ready; ``sample`` draws latents and gives uint8 images, in evaluation. Ours also computes the gradients'
norms, which are logged, and in sampling one power iteration a weight, which torch has folded into its weights.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from extras import require

require("torch", extra="bench")

import torch
from torch_training import FORMS, check_step, run_like, synchronize

from jaxgan import recipes
from jaxgan.experiment.config_file import load, split_overrides
from jaxgan.tools.bench.compiled import compile_sampling, compile_training, fresh_nets, quick_weights, random_batch
from jaxgan.training.errors import UserError
from jaxgan.training.xla_flags import fast_cpu_convolutions

QUIET_LOAD = 0.5
_DTYPES = ("float32", "bfloat16")
Side = Callable[[], None]


def conditions() -> dict[str, Any]:
    """Versions, threads, flags and how busy the machine is; warns where other work would bear on the figures."""
    load_average = os.getloadavg()[0]
    if load_average > QUIET_LOAD:
        # Torch's threads wait for each other at every operation: a thread that is put aside holds up all.
        print(
            f"warning: load average {load_average:.2f} at the start: other work slows the two sides unevenly; wait for "
            "a quiet machine",
            file=sys.stderr,
        )
    return {
        "jax": jax.__version__,
        "torch": torch.__version__,
        "device": jax.devices()[0].device_kind,
        "cores": len(os.sched_getaffinity(0)),
        "torch_threads": torch.get_num_threads(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "load_average": round(load_average, 2),
    }


class Took(NamedTuple):
    """Of one call: seconds by the clock, and of the cores' time, on which other work bears less."""

    seconds: float
    core_seconds: float


def timed(side: Side) -> Took:
    """The wall and CPU seconds of one call."""
    began, of_cores = time.perf_counter(), time.process_time()
    side()
    return Took(time.perf_counter() - began, time.process_time() - of_cores)


def take_turns(ours: Side, theirs: dict[str, Side], *, rounds: int) -> dict[str, Any]:
    """Times ours, a form, ours, the next form, ...: medians in milliseconds and the ratios of neighbours."""
    first = {name: round(timed(side).seconds, 1) for name, side in {"jaxgan": ours, **theirs}.items()}
    for side in theirs.values():  # torch.compile compiles anew for what changed after the first call
        timed(side)
    a: dict[str, list[Took]] = {name: [] for name in theirs}
    b: dict[str, list[Took]] = {name: [] for name in theirs}
    for _ in range(rounds):
        for name, side in theirs.items():
            a[name].append(timed(ours))
            b[name].append(timed(side))

    def milliseconds(took: list[Took]) -> float:
        return round(1e3 * statistics.median(t.seconds for t in took), 1)

    def ratios(name: str, kind: str) -> list[float]:
        return [getattr(y, kind) / getattr(x, kind) for x, y in zip(a[name], b[name])]

    medians = {name: round(statistics.median(ratios(name, "seconds")), 3) for name in theirs}
    of_cores = {name: round(statistics.median(ratios(name, "core_seconds")), 3) for name in theirs}
    fastest = min(theirs, key=lambda name: statistics.median(t.seconds for t in b[name]))
    return {
        "rounds": rounds,
        "first_call_seconds": first,
        "milliseconds": {
            "jaxgan": milliseconds([x for row in a.values() for x in row]),
            **{name: milliseconds(row) for name, row in b.items()},
        },
        "ratios": {name: [round(r, 3) for r in ratios(name, "seconds")] for name in theirs},
        "median_ratio": medians,
        "median_ratio_of_core_seconds": of_cores,
        "fastest_form": fastest,
        "ratio_to_fastest": medians[fastest],
        "ratio_to_fastest_of": {
            dtype: min(medians[name] for name in theirs if name.endswith(dtype))
            for dtype in _DTYPES
            if any(name.endswith(dtype) for name in theirs)
        },
    }


def in_dtype(config: Any, dtype: str) -> Any:
    """``config`` with networks that compute in ``dtype``."""
    made = config.copy_and_resolve_references()
    made.generator.dtype = made.discriminator.dtype = dtype
    return made


def versus_train(config: Any, *, forms: Sequence[str], rounds: int, device: str = "cpu") -> dict[str, Any]:
    """Paired training steps; ours compute in ``config.generator.dtype``, PyTorch's as each of ``forms`` says."""
    check_step(config)
    training = compile_training(config)
    method = training.stage.method
    host = random_batch(training.stage)
    state = training.state

    def ours() -> None:
        nonlocal state
        with jax.set_mesh(training.mesh):
            state, _ = jax.block_until_ready(training.run(state, training.batch, training.key))

    def theirs(name: str) -> Side:
        form, dtype = name.split("/")
        run = run_like(in_dtype(config, dtype), method, form, device=device)
        images, labels = run.place(host)

        def side() -> None:
            run.step(images, labels)
            synchronize(device)

        return side

    record = take_turns(ours, {form: theirs(form) for form in forms}, rounds=rounds)
    record["compile_seconds"] = round(training.compile_seconds, 1)
    record["convolution_forms"] = dict(training.forms)
    return {"batch_size": config.data.batch_size, "d_steps": config.method.d_steps, **record}


def versus_sample(
    config: Any, *, batch_size: int, forms: Sequence[str], rounds: int, device: str = "cpu"
) -> dict[str, Any]:
    """Paired draws of ``batch_size`` images."""
    experiment = recipes.build(quick_weights(config))
    method = experiment.stage_named(None).method
    sampling = compile_sampling(method, fresh_nets(experiment), batch_size=batch_size)

    def ours() -> None:
        jax.block_until_ready(sampling.draw(0))

    def theirs(name: str) -> Side:
        form, dtype = name.split("/")
        run = run_like(in_dtype(config, dtype), method, form, device=device)
        draw = run.sampler()
        labels = torch.arange(batch_size, device=device) % method.num_classes

        def side() -> None:
            draw(torch.randn(batch_size, config.generator.z_dim, device=device), labels)
            synchronize(device)

        return side

    record = take_turns(ours, {form: theirs(form) for form in forms}, rounds=rounds)
    record["compile_seconds"] = round(sampling.compile_seconds, 1)
    record["convolution_forms"] = dict(sampling.forms)
    rates = {name: round(1e3 * batch_size / value, 2) for name, value in record["milliseconds"].items()}
    return {"batch_size": batch_size, **record, "images_per_second": rates}


def main(arguments: Sequence[str]) -> int:
    """Parses, measures, prints."""
    rest, overrides = split_overrides(arguments)
    parser = argparse.ArgumentParser(prog="python docs/measure/versus_torch.py", description=__doc__)
    parser.add_argument("what", choices=("train", "sample"))
    parser.add_argument("--config", default=None, help="default: biggan:cifar10, and to sample biggan:imagenet128")
    parser.add_argument("--forms", default=",".join(FORMS), help=f"of PyTorch's, comma-separated: {', '.join(FORMS)}")
    parser.add_argument("--dtype", choices=_DTYPES, default="float32", help="of our networks")
    parser.add_argument("--torch_dtypes", default="float32,bfloat16", help="of PyTorch's, comma-separated")
    parser.add_argument("--rounds", type=int, default=5, help="timed pairs of each form (default 5)")
    parser.add_argument("--batch_size", type=int, default=None, help="default: the config's; to sample 8")
    parser.add_argument("--cores", type=int, default=None, help="that both sides may use, Linux alone (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parsed = parser.parse_args(rest)
    pairs = itertools.product(parsed.forms.split(","), parsed.torch_dtypes.split(","))
    wrong = [pair for pair in pairs if pair[0] not in FORMS or pair[1] not in _DTYPES]
    forms = [f"{form}/{dtype}" for form in parsed.forms.split(",") for dtype in parsed.torch_dtypes.split(",")]
    if wrong or parsed.rounds < 1:
        raise UserError(
            f"--forms={parsed.forms} --torch_dtypes={parsed.torch_dtypes} --rounds={parsed.rounds}: forms are "
            f"{', '.join(FORMS)}, dtypes {', '.join(_DTYPES)}, rounds positive"
        )
    fast_cpu_convolutions()
    present = sorted(os.sched_getaffinity(0))
    if parsed.cores is not None:
        if not 1 <= parsed.cores <= len(present):
            raise UserError(f"--cores={parsed.cores}: there are {len(present)}")
        os.sched_setaffinity(0, present[: parsed.cores])
    torch.set_num_threads(parsed.cores or len(present))
    torch.manual_seed(0)
    name = parsed.config or {"train": "biggan:cifar10", "sample": "biggan:imagenet128"}[parsed.what]
    config = in_dtype(load(name, overrides), parsed.dtype)
    record: dict[str, Any] = {
        "what": parsed.what,
        "config": name,
        "overrides": dict(overrides),
        "dtype": parsed.dtype,
        **conditions(),
    }
    if parsed.what == "train":
        if parsed.batch_size:
            config.data.batch_size = parsed.batch_size
        record |= versus_train(config, forms=forms, rounds=parsed.rounds)
    else:
        record |= versus_sample(config, batch_size=parsed.batch_size or 8, forms=forms, rounds=parsed.rounds)
    if parsed.json:
        print(json.dumps(record, indent=2))
        return 0
    for form in forms:
        print(
            f"{form:<36}{record['milliseconds'][form]:>10.1f} ms, {record['median_ratio'][form]:.2f} times ours "
            f"(pairs: {', '.join(f'{r:.2f}' for r in record['ratios'][form])}; of core-seconds "
            f"{record['median_ratio_of_core_seconds'][form]:.2f})"
        )
    print(f"{'jaxgan':<36}{record['milliseconds']['jaxgan']:>10.1f} ms")
    print(json.dumps({key: record[key] for key in ("config", "overrides", "dtype", *conditions())}))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as mistake:
        sys.exit(f"versus_torch: {mistake}")
