"""Our training step and sampler beside PyTorch's: ``python -m jaxgan.benchmarks.versus_torch train|sample`` (extra
``[bench]``).

Both sides live in one process on the same cores and take turns, A B A B: each timing of a form of PyTorch's follows
one of ours, and the ratio is a pair's (PyTorch's time over ours: above 1, ours is faster), so that a drifting machine
bears on both alike. Medians are printed. ``--config.section.key=value`` sets our side; of it, torch follows the widths,
the batch, D steps and optimisers.

The work is the same: ``train`` is d_steps plays of D and one of G with spectral norms, Adam and the average, on a batch
that lies ready; ``sample`` draws latents and gives uint8 images, in evaluation. Ours also computes the gradients'
norms, which are logged, and in sampling one power iteration a weight, which torch has folded into its weights.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import torch

from jaxgan import recipes
from jaxgan.benchmarks.compiled import compile_sampling, compile_training, fresh_nets, quick_weights, random_batch
from jaxgan.benchmarks.torch_training import FORMS, run_like, synchronize
from jaxgan.recipes.config_file import load, split_overrides
from jaxgan.training.errors import UserError
from jaxgan.training.xla_flags import fast_cpu_convolutions

QUIET_LOAD = 0.5
_DTYPES = ("float32", "bfloat16")
Side = Callable[[], None]


def conditions() -> dict[str, Any]:
    """Versions, threads, flags and how busy the machine is; warns where other work would bear on the figures."""
    load_average = os.getloadavg()[0]
    if load_average > QUIET_LOAD:
        print(f"warning: load average {load_average:.2f} at the start; ratios of pairs still hold", file=sys.stderr)
    return {
        "jax": jax.__version__,
        "torch": torch.__version__,
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "load_average": round(load_average, 2),
    }


def _seconds(side: Side) -> float:
    began = time.perf_counter()
    side()
    return time.perf_counter() - began


def take_turns(ours: Side, theirs: dict[str, Side], *, rounds: int) -> dict[str, Any]:
    """Times ours, a form, ours, the next form, ...: medians in milliseconds and the ratios of neighbours."""
    first = {name: round(_seconds(side), 1) for name, side in {"jaxgan": ours, **theirs}.items()}
    for side in theirs.values():  # torch.compile compiles anew for what changed after the first call
        side()
    a: dict[str, list[float]] = {name: [] for name in theirs}
    b: dict[str, list[float]] = {name: [] for name in theirs}
    for _ in range(rounds):
        for name, side in theirs.items():
            a[name].append(_seconds(ours))
            b[name].append(_seconds(side))

    def milliseconds(seconds: list[float]) -> float:
        return round(1e3 * statistics.median(seconds), 1)

    ratios = {name: [y / x for x, y in zip(a[name], b[name])] for name in theirs}
    medians = {name: round(statistics.median(ratios[name]), 3) for name in theirs}
    fastest = min(theirs, key=lambda name: statistics.median(b[name]))
    return {
        "rounds": rounds,
        "first_call_seconds": first,
        "milliseconds": {
            "jaxgan": milliseconds([x for row in a.values() for x in row]),
            **{name: milliseconds(row) for name, row in b.items()},
        },
        "ratios": {name: [round(r, 3) for r in row] for name, row in ratios.items()},
        "median_ratio": medians,
        "fastest_form": fastest,
        "ratio_to_fastest": medians[fastest],
    }


def versus_train(config: Any, *, forms: Sequence[str], rounds: int, device: str = "cpu") -> dict[str, Any]:
    """Paired training steps; networks compute in ``config.generator.dtype`` on both sides."""
    training = compile_training(config)
    method = training.experiment.stages[0].method
    host = random_batch(training.experiment, config.generator.num_classes)
    state = training.state

    def ours() -> None:
        nonlocal state
        with jax.set_mesh(training.mesh):
            state, _ = jax.block_until_ready(training.run(state, training.batch, training.key))

    def theirs(form: str) -> Side:
        run = run_like(config, method, form, device=device)
        images, labels = run.place(host)

        def side() -> None:
            run.step(images, labels)
            synchronize(device)

        return side

    record = take_turns(ours, {form: theirs(form) for form in forms}, rounds=rounds)
    record["compile_seconds"] = round(training.compile_seconds, 1)
    return {"batch_size": config.data.batch_size, "d_steps": config.method.d_steps, **record}


def versus_sample(
    config: Any, *, batch_size: int, forms: Sequence[str], rounds: int, device: str = "cpu"
) -> dict[str, Any]:
    """Paired draws of ``batch_size`` images."""
    experiment = recipes.build(quick_weights(config))
    method = experiment.stages[0].method
    sampling = compile_sampling(method, fresh_nets(experiment), batch_size=batch_size)

    def ours() -> None:
        jax.block_until_ready(sampling.draw(0))

    def theirs(form: str) -> Side:
        run = run_like(config, method, form, device=device)
        draw = run.sampler()
        labels = torch.arange(batch_size, device=device) % method.num_classes

        def side() -> None:
            draw(torch.randn(batch_size, method.z_dim, device=device), labels)
            synchronize(device)

        return side

    record = take_turns(ours, {form: theirs(form) for form in forms}, rounds=rounds)
    record["compile_seconds"] = round(sampling.compile_seconds, 1)
    rates = {name: round(1e3 * batch_size / value, 2) for name, value in record["milliseconds"].items()}
    return {"batch_size": batch_size, **record, "images_per_second": rates}


def main(arguments: Sequence[str]) -> int:
    """Parses, measures, prints."""
    rest, overrides = split_overrides(arguments)
    parser = argparse.ArgumentParser(prog="python -m jaxgan.benchmarks.versus_torch", description=__doc__)
    parser.add_argument("what", choices=("train", "sample"))
    parser.add_argument("--config", default=None, help="default: biggan_cifar10, and to sample biggan_imagenet128")
    parser.add_argument("--forms", default=",".join(FORMS), help=f"of PyTorch's, comma-separated: {', '.join(FORMS)}")
    parser.add_argument("--dtype", choices=_DTYPES, default="float32", help="of both sides' networks")
    parser.add_argument("--rounds", type=int, default=5, help="timed pairs of each form (default 5)")
    parser.add_argument("--batch_size", type=int, default=None, help="default: the config's; to sample 8")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parsed = parser.parse_args(rest)
    forms = parsed.forms.split(",")
    wrong = [form for form in forms if form not in FORMS]
    if wrong or parsed.rounds < 1:
        raise UserError(
            f"--forms={parsed.forms} --rounds={parsed.rounds}: forms are {', '.join(FORMS)}, rounds positive"
        )
    fast_cpu_convolutions()
    torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(0)
    name = parsed.config or {"train": "biggan_cifar10", "sample": "biggan_imagenet128"}[parsed.what]
    config = load(name, overrides)
    config.generator.dtype = config.discriminator.dtype = parsed.dtype
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
            f"{form:<24}{record['milliseconds'][form]:>10.1f} ms, {record['median_ratio'][form]:.2f} times ours "
            f"(pairs: {', '.join(f'{r:.2f}' for r in record['ratios'][form])})"
        )
    print(f"{'jaxgan':<24}{record['milliseconds']['jaxgan']:>10.1f} ms")
    print(json.dumps({key: record[key] for key in ("config", "overrides", "dtype", *conditions())}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
