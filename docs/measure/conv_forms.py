"""The forms of convolutions that are chosen for a config's step or sampler, or for a network of features, and what they
gain.

    python docs/measure/conv_forms.py train --config=spade:camvid,narrow
    python docs/measure/conv_forms.py sample --config=biggan:imagenet128 --config.generator.dtype=bfloat16
    python docs/measure/conv_forms.py features --network=efficientnet_lite0 --batch_size=64

Chooses as `jaxgan train` does, within --seconds, without reading or keeping choices. Prints a JSON line for each
convolution of another form than XLA's: milliseconds of both, timed anew in turns after the choice, and how often it
stands in the program. Last come the whole programs in turns, and the least gain of any choice: below 1, a form slower
than XLA's was chosen.
"""

import argparse
import functools
import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from random_inception import random_state

from jaxgan import recipes
from jaxgan.convolutions import Chosen, Convolution, WithForms, choose_by_measuring, convolutions_in
from jaxgan.convolutions.measure import compiled_form, first_seconds, seconds_of
from jaxgan.evaluation.options import checked_options, split_options
from jaxgan.evaluation.sampling import Operand, SampleImages, as_step, fold_networks
from jaxgan.experiment.config_file import load, split_overrides
from jaxgan.features.feature_network import InceptionFeatures
from jaxgan.features.inception_weights import inception_variables
from jaxgan.interop.open_features import open_features
from jaxgan.parallel import make_mesh
from jaxgan.tools.bench.compiled import compile_training, fresh_nets, quick_weights
from jaxgan.training.step import make_stage_step
from jaxgan.training.xla_flags import fast_cpu_convolutions

Call = Callable[[], Any]


def program(
    what: str, config: Any, stage: str | None, batch_size: int, mesh: Mesh
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """(a pure function, its arguments) of a config's step, or of its sampler."""
    if what == "train":
        config.training.convolutions = "xla"
        made = compile_training(config, stage=stage, devices=list(mesh.devices.flat), donate=False)
        return make_stage_step(made.stage), (made.state, made.batch, made.key)
    experiment = recipes.build(quick_weights(config))
    method = experiment.stage_named(stage).method
    fixed, numbers = split_options(method, checked_options(method, {}))
    index = np.arange(batch_size, dtype=np.uint32)
    conditions = {"label": (index % method.num_classes).astype(np.int32)} if method.num_classes else {}
    operand = Operand(fold_networks(fresh_nets(experiment)), jax.random.key(0), numbers, as_step(0))
    return SampleImages(method, fixed, key=None).__call__, (operand, {"conditions": conditions, "index": index})


def features(network: str, batch_size: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """(a pass of a network of features, its arguments), of images of 32 pixels; Inception's weights are drawn."""
    images = jax.random.randint(jax.random.key(0), (batch_size, 32, 32, 3), 0, 256).astype(np.uint8)
    if network == "inception":
        return InceptionFeatures("tf1"), (jax.device_put(inception_variables(random_state())), images)
    opened = open_features(network)
    return opened.apply, (opened.variables, images)


def whole(function: Callable[..., Any], arguments: tuple[Any, ...], chosen: Chosen, mesh: Any) -> tuple[Call, Call]:
    """Calls of the program in XLA's forms and in those that were chosen."""
    made = []
    for form in ({}, chosen):
        named = WithForms(function, functools.partial(_given, form))
        with jax.set_mesh(mesh):
            run = jax.jit(named).lower(*arguments).compile()
        made.append(functools.partial(lambda run: jax.block_until_ready(run(*arguments)), run))
    return made[0], made[1]


def _given(chosen: Chosen, found: Mapping[Convolution, int]) -> Chosen:
    return {asked: chosen[asked] for asked in found if asked in chosen}


def in_turns(one: Call, other: Call, rounds: int) -> tuple[float, float, float]:
    """Median milliseconds of both, and the median of their ratios."""
    first_seconds(one), first_seconds(other)
    times = [(seconds_of(one), seconds_of(other)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in times)
    return (*(round(1e3 * statistics.median(side), 2) for side in zip(*times)), round(ratio, 3))


def main(arguments: Sequence[str]) -> int:
    """Prints the lines; 1 where a form slower than XLA's was chosen."""
    rest, overrides = split_overrides(arguments)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "sample", "features"))
    parser.add_argument("--config", help="to train or sample")
    parser.add_argument(
        "--network", choices=("inception", "efficientnet_lite0"), default="inception", help="of features"
    )
    parser.add_argument("--stage")
    parser.add_argument("--batch_size", type=int, default=8, help="to sample, or of features")
    parser.add_argument("--seconds", type=float, default=60.0, help="for choosing (default 60)")
    parser.add_argument("--rounds", type=int, default=7)
    parsed = parser.parse_args(rest)
    if parsed.what != "features" and parsed.config is None:
        parser.error(f"{parsed.what} needs --config")
    fast_cpu_convolutions()  # as the command line does
    mesh = make_mesh(devices=jax.devices()[:1])
    if parsed.what == "features":
        function, given = features(parsed.network, parsed.batch_size)
    else:
        config = load(parsed.config, overrides)
        function, given = program(parsed.what, config, parsed.stage, parsed.batch_size, mesh)
    with jax.set_mesh(mesh):
        found = convolutions_in(jax.make_jaxpr(function)(*given))
    chosen = {a: form for a, form in choose_by_measuring(found, seconds=parsed.seconds).items() if form != "xla"}
    gains = []
    for asked, form in chosen.items():
        xla, own, ratio = in_turns(compiled_form(asked, "xla"), compiled_form(asked, form), parsed.rounds)
        gains.append(ratio)
        row = {"convolution": asked.text(), "times": found[asked], "form": form, "xla_ms": xla, "ms": own}
        print(json.dumps(row | {"gain": ratio}), flush=True)
    xla, own, ratio = in_turns(*whole(function, given, chosen, mesh), parsed.rounds)
    summary = {
        "config": parsed.network if parsed.what == "features" else parsed.config,
        "what": parsed.what,
        "jaxlib": version("jaxlib"),
        "cores": len(os.sched_getaffinity(0)),
        "convolutions": len(found),
        "in_another_form": len(chosen),
        "least_gain": min(gains, default=None),
        "xla_ms": xla,
        "ms": own,
        "gain": ratio,
    }
    print(json.dumps(summary))
    return int(any(gain < 1 for gain in gains))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
