"""The forms of resampling convolutions, layer by layer: ``python docs/measure/resample_forms.py --config=NAME``.

On this machine the forms of each layer alternate, A B A B, forward, and forward and backward; what is counted is the
process's core-milliseconds, user and system, which other work on the machine hardly moves: medians, and the median of
the first form's ratio to each (above 1: fewer than the first, which is plain unless ``--forms`` says otherwise).

With ``--topology=v5e:2x2`` nothing is run: the TPU's compiler says the FLOPs, the bytes of main memory and the cycles
that it expects of forward and backward on one device (extra ``[tpu]``).

A line a layer and form, tab-separated.
"""

import argparse
import functools
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from extras import require
from jax import Array
from jax.sharding import SingleDeviceSharding

from jaxgan.experiment.config_file import load, split_overrides
from jaxgan.networks.biggan import DISCRIMINATOR_WIDTHS, GENERATOR_WIDTHS
from jaxgan.networks.residual import widths_for
from jaxgan.nn.resample_conv import FORMS, conv_downsample, upsample_conv
from jaxgan.tools.planner.hlo import analyse
from jaxgan.tools.planner.topology import parse_topology, prepare_environment, topology_devices
from jaxgan.training.errors import UserError
from jaxgan.training.xla_flags import fast_cpu_convolutions

Run = Callable[[], Any]


class Layer(NamedTuple):
    """One resampling convolution: x [batch, side, side, inputs], kernel [3, 3, inputs, features]."""

    name: str
    function: Callable[..., Array]
    side: int
    inputs: int
    features: int

    def shapes(self, batch_size: int, dtype: Any) -> list[jax.ShapeDtypeStruct]:
        """Of x; of the kernel, which is float32; and of the output's cotangent."""
        x = jax.ShapeDtypeStruct((batch_size, self.side, self.side, self.inputs), dtype)
        kernel = jax.ShapeDtypeStruct((3, 3, self.inputs, self.features), jnp.float32)
        return [x, kernel, jax.eval_shape(functools.partial(self.function, form="plain"), x, kernel)]


def layers(config: Any) -> Iterator[Layer]:
    """The resampling convolutions of a BigGAN config, G's from its seed on, then D's from the image on."""
    g, d = config.generator, config.discriminator
    widths = [m * g.ch for m in widths_for(g.resolution, GENERATOR_WIDTHS, g.widths)]
    for index, (inputs, features) in enumerate(itertools.pairwise(widths)):
        yield Layer(f"g/block_{index}/conv_0", upsample_conv, 4 * 2**index, inputs, features)
    widths = [m * d.ch for m in widths_for(d.resolution, DISCRIMINATOR_WIDTHS, d.widths)]
    for index, features in enumerate(widths[: 2 if d.resolution <= 32 else -1]):
        yield Layer(f"d/block_{index}/conv_1", conv_downsample, d.resolution // 2**index, features, features)


def _forward(function: Callable[..., Array], x: Array, kernel: Array, cotangent: Array) -> Array:
    del cotangent
    return function(x, kernel)


def _both(function: Callable[..., Array], x: Array, kernel: Array, cotangent: Array) -> tuple[Array, Any]:
    out, backward = jax.vjp(function, x, kernel)
    return out, backward(cotangent)


def _core_milliseconds(run: Run) -> float:
    began = time.process_time()
    jax.block_until_ready(run())
    return 1e3 * (time.process_time() - began)


def _runs(
    layer: Layer, function: Callable[..., Any], arguments: Sequence[Array], forms: Sequence[str]
) -> dict[str, Run]:
    runs: dict[str, Run] = {}
    for form in forms:
        apply = jax.jit(functools.partial(function, functools.partial(layer.function, form=form)))
        runs[form] = functools.partial(apply, *arguments)
        jax.block_until_ready(runs[form]())
    return runs


def measure(
    layer: Layer, *, batch_size: int, dtype: Any, rounds: int, forms: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Core-milliseconds of each form, and the ratios of the first form's to them, forward, and forward and backward."""
    rng = np.random.default_rng(0)
    arguments = [jnp.asarray(rng.normal(size=s.shape), s.dtype) for s in layer.shapes(batch_size, dtype)]
    record: dict[str, dict[str, float]] = {form: {} for form in forms}
    for name, function in (("forward", _forward), ("both", _both)):
        runs = _runs(layer, function, arguments, forms)
        spent: dict[str, list[float]] = {form: [] for form in forms}
        for _ in range(rounds):
            for form, run in runs.items():
                spent[form].append(_core_milliseconds(run))
        for form in forms:
            record[form][f"{name}_core_ms"] = round(statistics.median(spent[form]), 1)
            ratios = [a / b for a, b in zip(spent[forms[0]], spent[form])]
            record[form][f"{name}_ratio"] = round(statistics.median(ratios), 2)
    return record


def ahead_of_time(
    layer: Layer, *, batch_size: int, dtype: Any, device: Any, forms: Sequence[str]
) -> dict[str, dict[str, float]]:
    """The compiler's figures for ``device``, of forward and backward, each form."""
    record = {}
    for form in forms:
        where = SingleDeviceSharding(device)
        arguments = [jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=where) for s in layer.shapes(batch_size, dtype)]
        step = jax.jit(functools.partial(_both, functools.partial(layer.function, form=form)))
        program = analyse(step.lower(*arguments).compile().as_text() or "")
        record[form] = {
            "gflop": round(program.total("flops") / 1e9, 2),
            "hbm_mb": round(program.total("hbm_bytes") / 1e6, 1),
            "kilocycles": round(program.total("cycles") / 1e3),
        }
    return record


def main(arguments: Sequence[str]) -> int:
    """Parses, measures, prints."""
    rest, overrides = split_overrides(arguments)
    parser = argparse.ArgumentParser(prog="python docs/measure/resample_forms.py", description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of x (default float32)")
    parser.add_argument("--rounds", type=int, default=5, help="timed runs of each (default 5)")
    parser.add_argument("--forms", default=",".join(FORMS), help="comma-separated; ratios are to the first")
    parser.add_argument("--topology", help="compile for this TPU instead, such as v5e:2x2")
    parser.add_argument("--only", default="", help="layers whose name holds this")
    parsed = parser.parse_args(rest)
    config = load(parsed.config, overrides)
    forms = parsed.forms.split(",")
    if wrong := [form for form in forms if form not in FORMS]:
        raise UserError(f"--forms={parsed.forms}: no form {wrong[0]!r}; choose from {', '.join(FORMS)}")
    shared: dict[str, Any] = dict(batch_size=parsed.batch_size, dtype=jnp.dtype(parsed.dtype), forms=forms)
    if parsed.topology:
        prepare_environment()
        require("libtpu", extra="tpu")
        device = topology_devices(parse_topology(parsed.topology))[0]
        look: Callable[..., dict[str, dict[str, float]]] = functools.partial(ahead_of_time, device=device, **shared)
    else:
        fast_cpu_convolutions()
        look = functools.partial(measure, rounds=parsed.rounds, **shared)
    for layer in layers(config):
        if parsed.only not in layer.name:
            continue
        for form, row in look(layer).items():
            shape = f"{parsed.batch_size}x{layer.side}x{layer.side}, {layer.inputs} to {layer.features}"
            print("\t".join([layer.name, shape, form, *(f"{key} {value}" for key, value in row.items())]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
