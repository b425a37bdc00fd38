"""``jaxgan describe``."""

import json
from collections.abc import Sequence
from typing import Any

import yaml
from ml_collections import ConfigDict

from jaxgan.cli import arguments as flags

_DESCRIPTION = """Prints an experiment's resolved config as YAML, and each network's arrays and size as comments,
in seconds: no data is opened and no array built."""

_EXAMPLES = """  jaxgan describe --config=biggan:imagenet128
  jaxgan describe --config=biggan:imagenet128,table1=4 --json
  jaxgan describe --config=biggan:cifar10 --compile"""


class _Dumper(yaml.SafeDumper):
    """Plain YAML, with tuples and lists in one line."""


def _flow(dumper: yaml.SafeDumper, value: Sequence[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


_Dumper.add_representer(tuple, _flow)
_Dumper.add_representer(list, _flow)


def config_yaml(config: ConfigDict) -> str:
    """A config as YAML that ``yaml.safe_load`` reads; tuples are lists in one line."""
    return yaml.dump(config.to_dict(), Dumper=_Dumper, sort_keys=False, width=120)


def _compiled(experiment: Any, config: Any) -> dict[str, Any]:
    """FLOPs and memory of the step, compiled for the devices present."""
    import jax

    from jaxgan.experiment.mesh import experiment_mesh
    from jaxgan.parallel import shardings
    from jaxgan.training.step import compile_step, make_step

    mesh = experiment_mesh(config)
    stage, shapes = experiment.stages[0], experiment.shapes()
    step = compile_step(make_step(stage.method, ema=experiment.ema), mesh, shardings(shapes, experiment.rules, mesh))
    key = jax.eval_shape(lambda: jax.random.key(0))
    with jax.set_mesh(mesh):
        compiled = step.lower(shapes, stage.batch, key).compile()
    memory = compiled.memory_analysis()
    return {
        "devices": mesh.size,
        "device_kind": jax.devices()[0].device_kind,
        "flops_per_device": compiled.cost_analysis().get("flops"),
        "argument_bytes_per_device": memory.argument_size_in_bytes,
        "temporary_bytes_per_device": memory.temp_size_in_bytes,
        "donated_bytes_per_device": memory.alias_size_in_bytes,
    }


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    made = flags.parser("describe", _DESCRIPTION, _EXAMPLES)
    flags.add_config(made)
    made.add_argument("--json", action="store_true", help="print JSON and nothing else")
    made.add_argument("--compile", action="store_true", help="compile the step here, and add its FLOPs and memory")
    parsed, overrides = flags.parse(made, arguments)

    from jaxgan import recipes
    from jaxgan.experiment.config_file import load
    from jaxgan.training.logging import parameter_table
    from jaxgan.training.state import count_parameters

    config = load(parsed.config, overrides)
    experiment = recipes.build(config)
    shapes = experiment.shapes()
    nets = {name: {"parameters": count_parameters(variables)} for name, variables in shapes.nets.items()}
    record: dict[str, Any] = {"config": json.loads(config.to_json()), "nets": nets}
    if parsed.compile:
        record["step"] = _compiled(experiment, config)
    if parsed.json:
        print(json.dumps(record, indent=2))
        return 0
    print(config_yaml(config))
    below = parameter_table(shapes).splitlines()
    below += [f"{name}: {net['parameters']:,} parameters" for name, net in nets.items()]
    for key, value in record.get("step", {}).items():
        below.append(f"step {key}: {value:,.0f}" if isinstance(value, int | float) else f"step {key}: {value}")
    print("\n".join(f"# {line}" for line in below))
    return 0
