"""``jaxgan describe``: print an experiment's config and sizes."""

import json
from collections.abc import Sequence
from typing import Any

import yaml
from ml_collections import ConfigDict

from jaxgan.cli import arguments as flags

_DESCRIPTION = """Prints an experiment's resolved config as YAML, and each network's size and each stage as comments,
in seconds: no array is built, and data is opened only where a schedule in epochs needs its length."""

_EXAMPLES = """  jaxgan describe --config=biggan:imagenet128
  jaxgan describe --config=biggan:imagenet128,table1=4 --json
  jaxgan describe --config=wgan_gp:grid25 --keys
  jaxgan describe --config=biggan:cifar10 --compile"""


class _Dumper(yaml.SafeDumper):
    """Plain YAML, with tuples and lists in one line, and equal values written out each time."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _flow(dumper: yaml.SafeDumper, value: Sequence[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)


_Dumper.add_representer(tuple, _flow)
_Dumper.add_representer(list, _flow)


def config_yaml(config: ConfigDict) -> str:
    """A config as YAML that ``yaml.safe_load`` reads; tuples are lists in one line."""
    return yaml.dump(config.to_dict(), Dumper=_Dumper, sort_keys=False, width=120)


def _compiled(experiment: Any, stage: Any, config: Any) -> dict[str, Any]:
    """FLOPs and memory of a stage's step, compiled for the devices present."""
    import jax

    from jaxgan.experiment.mesh import experiment_mesh
    from jaxgan.parallel import shardings
    from jaxgan.training.step import compile_step, make_stage_step

    mesh, shapes = experiment_mesh(config, experiment=experiment), experiment.shapes()
    step = compile_step(make_stage_step(stage), mesh, shardings(shapes, experiment.rules, mesh))
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
    made.add_argument("--keys", action="store_true", help="print every key, what it may be and what it means")
    made.add_argument("--compile", action="store_true", help="compile the step here, and add its FLOPs and memory")
    parsed, overrides = flags.parse(made, arguments)

    from jaxgan import recipes
    from jaxgan.experiment.config_file import load
    from jaxgan.training.logging import parameter_table
    from jaxgan.training.state import count_parameters

    config = load(parsed.config, overrides)
    if parsed.keys:
        return _show_keys(config, as_json=parsed.json)
    config, unknown = _in_steps(config)
    experiment = recipes.build(config)
    shapes = experiment.shapes()
    nets = {name: {"parameters": count_parameters(variables)} for name, variables in shapes.nets.items()}
    nets |= {
        name: {"parameters": count_parameters(variables), "frozen": True} for name, variables in shapes.frozen.items()
    }
    record: dict[str, Any] = {"config": json.loads(config.to_json()), "nets": nets}
    record["stages"] = [_stage(stage) for stage in experiment.stages]
    if unknown:
        record["epochs"] = unknown
    if parsed.compile:
        steps = {stage.name: _compiled(experiment, stage, config) for stage in experiment.stages}
        record |= {"step": next(iter(steps.values()))} if len(steps) == 1 else {"steps": steps}
    if parsed.json:
        print(json.dumps(record, indent=2))
        return 0
    print(config_yaml(config))
    below = parameter_table(shapes).splitlines()
    below += [
        f"{name}: {net['parameters']:,} parameters{', frozen' if 'frozen' in net else ''}" for name, net in nets.items()
    ]
    for stage in record["stages"]:
        batch = ", ".join(f"{field} {shape}" for field, shape in stage["batch"].items())
        below.append(f"stage {stage['name']}: {stage['steps']:,} steps of {', '.join(stage['players'])}; batch {batch}")
    below += [unknown] * bool(unknown)
    for name, step in record.get("steps", {"step": record.get("step", {})}).items():
        for key, value in step.items():
            below.append(f"{name} {key}: {value:,.0f}" if isinstance(value, int | float) else f"{name} {key}: {value}")
    print("\n".join(f"# {line}" for line in below))
    return 0


def _in_steps(config: ConfigDict) -> tuple[ConfigDict, str]:
    """The config with its epochs as steps, and why they are not, where the data is not there to be counted."""
    from jaxgan.experiment.epochs import in_steps

    try:
        return in_steps(config), ""
    except ValueError as error:
        return config, f"steps and decays are not those of the run yet: {error}"


def _show_keys(config: ConfigDict, *, as_json: bool) -> int:
    """Prints a line a key: its name, its value, what it accepts and its meaning."""
    from jaxgan.experiment.keys import key_records

    records = key_records(config)
    if as_json:
        print(json.dumps(records, indent=2))
        return 0
    for record in records:
        rule = f"{record['accepts']}: {record['meaning']}" if record["accepts"] else "the recipe's own"
        print(f"{record['key']}={record['value']!r}  # {rule}")
    return 0


def _stage(stage: Any) -> dict[str, Any]:
    """A stage's name, length, players and batch."""
    return {
        "name": stage.name,
        "steps": stage.steps,
        "players": list(stage.players or stage.method.players),
        "images_per_step": stage.images_per_step,
        "batch": {field: f"{x.dtype}{list(x.shape)}" for field, x in stage.batch.items()},
    }
