"""Times the generators of pix2pix and CycleGAN next to junyanz/pytorch-CycleGAN-and-pix2pix's, of the same weights.

    python docs/measure/translation_speed.py CLONE --rounds=5 --cores=2

Each round times both sides one after the other, one image of 256 pixels a call, PyTorch as it is and compiled with
channels last; what is printed are medians and the ratio of PyTorch's faster form to ours, of pairs. Needs PyTorch.
"""

import argparse
import functools
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from jaxgan.interop.junyanz import resnet_names, unet_names
from jaxgan.interop.torch_names import variables_of
from jaxgan.networks import johnson, unet

SIDE = 256


def networks(reference: Any) -> dict[str, tuple[Any, Any, Any]]:
    """Name -> (the reference's generator, ours, the table of names)."""
    batch, instance = (reference.get_norm_layer(name) for name in ("batch", "instance"))
    return {
        "pix2pix": (
            reference.UnetGenerator(3, 3, 8, 64, norm_layer=batch, use_dropout=False),
            unet.Generator(dropout=0.0),
            unet_names(8),
        ),
        "cyclegan": (
            reference.ResnetGenerator(3, 3, 64, norm_layer=instance, n_blocks=9),
            johnson.Generator(),
            resnet_names(2, 9),
        ),
    }


def seconds_of(call: Callable[[], Any]) -> float:
    """The time of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def compare(name: str, theirs: Any, ours: Any, table: Any, *, rounds: int) -> dict[str, Any]:
    """Medians in milliseconds of both sides, the ratio of pairs, and the largest difference of the outputs."""
    theirs.train()
    image = np.random.default_rng(0).uniform(-1, 1, (1, SIDE, SIDE, 3)).astype(np.float32)
    none = jnp.zeros((1, 0))
    shapes = jax.eval_shape(lambda key: ours.init(key, none, image, train=True), jax.random.key(0))
    shapes = {k: v for k, v in shapes.items() if k in ("params", "batch_stats")}
    state = {key: value.detach().numpy() for key, value in theirs.state_dict().items() if value.ndim}
    variables = jax.tree.map(jnp.asarray, variables_of(table, state, shapes, of=name))
    draw = jax.jit(functools.partial(ours.apply, train=False))
    tensor = torch.from_numpy(image.transpose(0, 3, 1, 2).copy())
    lasting = torch.compile(theirs.to(memory_format=torch.channels_last))
    forms = {
        "torch": lambda: theirs(tensor),
        "torch_compiled": lambda: lasting(tensor.to(memory_format=torch.channels_last)),
        "jaxgan": lambda: draw(variables, none, image).block_until_ready(),
    }
    with torch.no_grad():
        apart = np.abs(np.asarray(forms["jaxgan"]()) - forms["torch"]().numpy().transpose(0, 2, 3, 1)).max()
        for call in forms.values():
            call()
            call()
        times: dict[str, list[float]] = {form: [] for form in forms}
        for _ in range(rounds):
            for form, call in forms.items():
                times[form].append(seconds_of(call))
    fastest = [min(times["torch"][k], times["torch_compiled"][k]) for k in range(rounds)]
    return {
        "network": name,
        **{f"{form}_ms": round(1e3 * statistics.median(found), 1) for form, found in times.items()},
        "ratio": round(statistics.median(t / o for t, o in zip(fastest, times["jaxgan"])), 2),
        "largest_difference": float(apart),
    }


def main() -> None:
    """Prints a JSON line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", help="of junyanz/pytorch-CycleGAN-and-pix2pix")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parsed = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: parsed.cores])
    torch.set_num_threads(parsed.cores)
    sys.path.insert(0, parsed.clone)
    reference = importlib.import_module("models.networks")
    for name, (theirs, ours, table) in networks(reference).items():
        found = compare(name, theirs, ours, table, rounds=parsed.rounds)
        more = {"rounds": parsed.rounds, "cores": parsed.cores, "torch": torch.__version__, "jax": jax.__version__}
        print(json.dumps(found | more), flush=True)


if __name__ == "__main__":
    main()
