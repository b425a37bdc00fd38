"""``jaxgan plan``."""

import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

_DESCRIPTION = """Says, before any machine is rented, what a training step would do on it: whether it fits in memory
and what to change if not; FLOPs, bytes and exchanges between devices; the least time of a step, images a second, and
what the whole run costs. TPU programs are compiled ahead of time with libtpu (pip install jaxgan[tpu]; no TPU is
needed); GPUs are planned from the program's trace, and the report says so."""

_EXAMPLES = """  jaxgan plan --config=biggan_imagenet128 --topology v5e:8x16
  jaxgan plan --config=biggan_imagenet128 --topology v5e:8x16 v4:4x4x4 h100:64 --price=1.2 --html=plan.html
  jaxgan plan --config=biggan_imagenet128 --topology v5e:8x16 --batch 2048 4096 --json
  jaxgan plan --config=biggan_digits16 --topology v5e:8x16 --weak_scaling=8,64,256 --images_per_chip=8"""


def _parser() -> Any:
    made = flags.parser("plan", _DESCRIPTION, _EXAMPLES)
    flags.add_config(made)
    made.add_argument(
        "--topology",
        nargs="+",
        action="extend",
        metavar="CHIP:SHAPE",
        help="chips along each axis of a TPU slice (v5e:8x16, v4:4x4x4, ...) or a number of GPUs (h100:8)",
    )
    made.add_argument("--batch", nargs="+", type=int, metavar="N", help="in the place of config.data.batch_size")
    made.add_argument("--steps", type=int, help="of the run, in the place of config.training.steps")
    made.add_argument("--price", type=float, metavar="X", help="of a chip for an hour, in any currency")
    made.add_argument("--json", action="store_true", help="print a list, one object a plan, and nothing else")
    made.add_argument("--html", metavar="FILE", help="write a page with plots")
    made.add_argument(
        "--cache_dir",
        metavar="DIR",
        default="~/.cache/jaxgan/compiled",
        help="where compiled programs' figures are kept (default %(default)s); 'none' for nowhere",
    )
    return made


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    parsed, overrides = flags.parse(_parser(), arguments)
    if not parsed.topology:
        raise UserError("--topology=CHIP:SHAPE is needed, such as v5e:8x16 or h100:8")

    from jaxgan.planner import parse_topology, prepare_environment
    from jaxgan.recipes.config_file import load

    prepare_environment()
    import jax

    if "JAX_PLATFORMS" in os.environ:  # JAX may have been imported before it was set
        jax.config.update("jax_platforms", os.environ["JAX_PLATFORMS"])
    plans = []
    for topology in [parse_topology(name) for name in parsed.topology]:
        for batch in parsed.batch or [None]:
            config = load(parsed.config, overrides)
            if batch is not None:
                config.data.batch_size = batch
            plans.append(_plan(config, topology, parsed))
    _show(plans, parsed)
    return 0


def _plan(config: Any, topology: Any, parsed: Any) -> dict[str, Any]:
    """The record of one config on one topology."""
    import jax

    from jaxgan import planner
    from jaxgan.recipes.mesh import experiment_mesh

    devices = planner.topology_devices(topology)
    mesh = experiment_mesh(config, devices)
    traced, arguments, images = trace_step(config, mesh)
    work = planner.Work(
        topology=topology.name,
        chip=topology.chip,
        chips=topology.chips,
        mesh=dict(mesh.shape),
        batch=config.data.batch_size,
        images_per_step=images,
        steps=parsed.steps or config.training.steps,
        price=parsed.price,
    )
    log.info("%s: compiling the step for %d devices (minutes, unless it was compiled before)", topology.name, mesh.size)
    with jax.set_mesh(mesh):
        cache_dir = None if parsed.cache_dir == "none" else parsed.cache_dir
        compiled = planner.compile_program(traced.lower(), mesh, name=topology.name, cache_dir=cache_dir)
    return planner.plan_compiled(work, compiled, arguments, planner.products(traced.jaxpr))


def trace_step(config: Any, mesh: Any) -> tuple[Any, list[Any], int]:
    """The config's step, traced for a mesh; its arguments; images that it takes."""
    import jax
    from jax.sharding import NamedSharding
    from jax.sharding import PartitionSpec as P

    from jaxgan import planner, recipes
    from jaxgan.parallel import BATCH, shardings
    from jaxgan.training.step import compile_step, make_step

    experiment = recipes.build(config)
    stage, shapes = experiment.stages[0], experiment.shapes()
    where = shardings(shapes, experiment.rules, mesh)
    function = make_step(stage.method, ema=experiment.ema)
    key = jax.eval_shape(lambda: jax.random.key(0))
    with jax.set_mesh(mesh):
        traced = compile_step(function, mesh, where).trace(shapes, stage.batch, key)
    split = (where, NamedSharding(mesh, BATCH), NamedSharding(mesh, P()))
    return traced, planner.list_arguments(function, (shapes, stage.batch, key), split), stage.images_per_step


def _show(plans: list[dict[str, Any]], parsed: Any) -> None:
    from jaxgan.planner import report

    if parsed.json:
        print(json.dumps(plans, indent=2))
    else:
        print(report.summary(plans))
        for plan in plans:
            print("\n" + report.details(plan))
    sys.stdout.flush()
