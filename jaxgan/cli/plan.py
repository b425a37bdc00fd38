"""``jaxgan plan``."""

import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

_DESCRIPTION = """Says, before any machine is rented, what a training step would do on it: whether it fits in memory
and what to change if not; FLOPs, bytes and exchanges between devices; the least time of a step, images a second, and
what the whole run costs. TPU programs are compiled ahead of time with libtpu (pip install jaxgan[tpu]; no TPU is
needed); GPUs are planned from the program's trace, and the report says so; `local` is the devices of this machine."""

_EXAMPLES = """  jaxgan plan --config=biggan_imagenet128 --topology v5e:8x16
  jaxgan plan --config=biggan_imagenet128 --topology v5e:8x16 v4:4x4x4 h100:64 --price=1.2 --html=plan.html
  jaxgan plan --config=biggan_imagenet128 --topology v5e:8x16 --batch 2048 4096 --json
  jaxgan plan --config=biggan_digits16 --topology v5e --weak_scaling=8,64,256 --images_per_chip=8
  jaxgan plan --config=biggan_digits16 --calibrate"""

# What to change where a program does not fit, in the order in which it is tried: what costs least comes first.
_CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("2 micro-batches", {"method.accumulate": 2}),
    ("4 micro-batches", {"method.accumulate": 4}),
    ("8 micro-batches", {"method.accumulate": 8}),
    ("recompute G's blocks", {"generator.remat": "blocks"}),
    ("recompute both nets' blocks", {"generator.remat": "blocks", "discriminator.remat": "blocks"}),
    (
        "recompute both, 4 micro-batches",
        {"generator.remat": "blocks", "discriminator.remat": "blocks", "method.accumulate": 4},
    ),
    ("split optimisers and averages", {"parallel.rules": "zero1"}),
    ("split the whole state over 8", {"parallel.rules": "fsdp", "parallel.fsdp": 8}),
)


def _parser() -> Any:
    made = flags.parser("plan", _DESCRIPTION, _EXAMPLES)
    flags.add_config(made)
    made.add_argument(
        "--topology",
        nargs="+",
        action="extend",
        metavar="CHIP:SHAPE",
        help="chips along each axis of a TPU slice (v5e:8x16, v4:4x4x4, ...), a number of GPUs (h100:8), or local",
    )
    made.add_argument("--batch", nargs="+", type=int, metavar="N", help="in the place of config.data.batch_size")
    made.add_argument("--steps", type=int, help="of the run, in the place of config.training.steps")
    made.add_argument("--price", type=float, metavar="X", help="of a chip for an hour, in any currency")
    made.add_argument(
        "--weak_scaling",
        metavar="CHIPS,...",
        help="plan slices of these many chips of the --topology's kind, at a fixed number of images a chip",
    )
    made.add_argument("--images_per_chip", type=int, metavar="N", help="for --weak_scaling")
    made.add_argument("--calibrate", action="store_true", help="measure this machine and a step, and state the error")
    made.add_argument("--calibrate_steps", type=int, default=10, help="timed steps (default %(default)s)")
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
    if bool(parsed.topology) == parsed.calibrate:
        raise UserError("give --topology=CHIP:SHAPE, such as v5e:8x16 or h100:8, or --calibrate")
    if bool(parsed.weak_scaling) != bool(parsed.images_per_chip):
        raise UserError("--weak_scaling=8,64,256 and --images_per_chip=N go together")

    from jaxgan.planner import prepare_environment
    from jaxgan.planner.weak import weak_scaling
    from jaxgan.recipes.config_file import load

    prepare_environment()
    if not parsed.calibrate and "local" not in parsed.topology:
        _stay_on_cpu()
    if parsed.calibrate:
        return _calibrate(load(parsed.config, overrides), parsed)
    plans = []
    for name, batch in _cases(parsed):
        config = load(parsed.config, overrides)
        if batch is not None:
            config.data.batch_size = batch
        plans.append(_plan(config, name, parsed))
    scaling = weak_scaling(plans) if parsed.weak_scaling else []
    _show(plans, scaling, parsed)
    return 0


def _stay_on_cpu() -> None:
    """Plans need no accelerator, and must not take one from a run."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_platforms", os.environ["JAX_PLATFORMS"])


def _cases(parsed: Any) -> list[tuple[str, int | None]]:
    """(topology, batch) of each plan."""
    if not parsed.weak_scaling:
        return [(name, batch) for name in parsed.topology for batch in parsed.batch or [None]]
    from jaxgan.planner.topology import axes_of
    from jaxgan.planner.weak import slice_shape

    chip = parsed.topology[0].split(":")[0]
    if len(parsed.topology) > 1 or parsed.batch:
        raise UserError("--weak_scaling takes one --topology, such as v5e, and no --batch")
    try:
        counts = [int(count) for count in parsed.weak_scaling.split(",")]
    except ValueError as error:
        raise UserError(f"--weak_scaling={parsed.weak_scaling}: give numbers of chips, such as 8,64,256") from error
    shapes = ["x".join(map(str, slice_shape(count, axes_of(chip)))) for count in counts]
    return [(f"{chip}:{shape}", count * parsed.images_per_chip) for shape, count in zip(shapes, counts)]


def _plan(config: Any, name: str, parsed: Any) -> dict[str, Any]:
    """The record of one config on one topology."""
    import jax

    from jaxgan import planner
    from jaxgan.recipes.mesh import experiment_mesh

    local = name == "local"
    topology = planner.local_topology() if local else planner.parse_topology(name)
    if topology.chip.family != "tpu" and not local:
        return _plan_analytic(config, topology, parsed)
    mesh = experiment_mesh(config, None if local else planner.topology_devices(topology))
    traced, arguments, work = _trace(config, topology, mesh, parsed)
    log.info("%s: compiling the step for %d devices (minutes, unless it was compiled before)", name, mesh.size)
    with jax.set_mesh(mesh):
        cache_dir = None if parsed.cache_dir == "none" else parsed.cache_dir
        compiled = planner.compile_program(traced.lower(), mesh, name=topology.name, cache_dir=cache_dir)
    if compiled.fits:
        return planner.plan_compiled(work, compiled, arguments, planner.products(traced.jaxpr))
    plan = planner.plan_without_room(_estimated(config, topology, parsed), compiled)
    return plan | {"changes": _changes(config, plan)}


def _plan_analytic(config: Any, topology: Any, parsed: Any) -> dict[str, Any]:
    """A plan without a compiler."""
    plan = _estimated(config, topology, parsed)
    return plan if plan["fits"] else plan | {"changes": _changes(config, plan)}


def _estimated(config: Any, topology: Any, parsed: Any) -> dict[str, Any]:
    """The record that the traces of the whole batch and of one device's part of it give."""
    from jaxgan import planner, recipes

    sizes = planner.mesh_sizes(dict(config.parallel), topology.devices)
    part = _trace_part(config, sizes["data"] * sizes["fsdp"])
    images = recipes.build(config).stages[0].images_per_step
    return planner.plan_analytic(
        _work(config, topology, sizes, images, parsed),
        _state(config, sizes),
        products=planner.products(_trace_part(config, 1).jaxpr),
        of_device=planner.products(part.jaxpr),
        guess=planner.estimate(part.jaxpr),
        exchanges=_exchanges(config, topology.devices),
    )


def _trace(config: Any, topology: Any, mesh: Any, parsed: Any) -> tuple[Any, list[Any], Any]:
    """The config's step, traced for a mesh; its arguments; what is planned."""
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
    work = _work(config, topology, dict(mesh.shape), stage.images_per_step, parsed)
    return traced, planner.list_arguments(function, (shapes, stage.batch, key), split), work


def _work(config: Any, topology: Any, mesh: dict[str, int], images_per_step: int, parsed: Any) -> Any:
    from jaxgan.planner import Work

    return Work(
        topology=topology.name,
        chip=topology.chip,
        chips=topology.chips,
        mesh=mesh,
        batch=config.data.batch_size,
        images_per_step=images_per_step,
        steps=parsed.steps or config.training.steps,
        price=parsed.price,
    )


def _trace_part(config: Any, devices: int) -> Any:
    """The step as one of ``devices`` runs it: on its part of the batch, without a mesh, loops kept.

    Raises:
      UserError: where they do not divide the batch.
    """
    import jax

    from jaxgan import recipes
    from jaxgan.recipes.config_file import from_json
    from jaxgan.training.step import make_step

    part = from_json(json.loads(config.to_json()))
    if config.data.batch_size % devices:
        raise UserError(f"config.data.batch_size={config.data.batch_size} is no multiple of {devices} devices")
    part.data.batch_size = config.data.batch_size // devices
    if part.method.get("unroll", False) is None:
        part.method.unroll = False
    experiment = recipes.build(part)
    stage = experiment.stages[0]
    function = make_step(stage.method, ema=experiment.ema)
    return jax.jit(function).trace(experiment.shapes(), stage.batch, jax.eval_shape(lambda: jax.random.key(0)))


def _exchanges(config: Any, devices: int) -> list[tuple[str, Any]]:
    """The gradients that a step reduces over all devices: each player's, as often as it plays."""
    import jax

    from jaxgan import recipes
    from jaxgan.planner import Exchange

    experiment = recipes.build(config)
    nets, found = experiment.shapes().nets, []
    for player, names in experiment.stages[0].method.players.items():
        size = sum(x.size * x.dtype.itemsize for name in names for x in jax.tree.leaves(nets[name]["params"]))
        plays = config.method.get("d_steps", 1) if player == "d" else 1
        found.append(("all-reduce/gradients", Exchange("all-reduce", size, devices, plays)))
    return found


def _state(config: Any, sizes: dict[str, int]) -> list[Any]:
    """The training state's arrays, split as the config's rules say over a mesh of these sizes."""
    from jaxgan import planner, recipes
    from jaxgan.parallel import shardings

    experiment = recipes.build(config)
    shapes = experiment.shapes()
    mesh: Any = planner.abstract_mesh(sizes)  # has what rules ask of a mesh
    where = shardings(shapes, experiment.rules, mesh)
    return planner.list_arguments(lambda state: state, (shapes,), (where,))


def _changes(config: Any, plan: dict[str, Any]) -> list[dict[str, Any]]:
    """What each change would do to the peak: the state's part exactly, the rest in the ratio of traced estimates."""
    from jaxgan import planner
    from jaxgan.recipes.config_file import from_json

    devices, sizes = plan["devices"], plan["mesh"]
    rest = plan["peak_hbm_bytes"] - sum(argument.bytes for argument in _state(config, sizes))
    base = planner.estimate(_trace_part(config, sizes["data"] * sizes["fsdp"]).jaxpr).peak_bytes
    batch = config.data.batch_size
    smaller: list[tuple[str, dict[str, Any]]] = [
        (f"a batch of {batch // k}", {"data.batch_size": batch // k}) for k in (2, 4)
    ]
    found = []
    for text, values in [*_CHANGES, *smaller]:
        changed = from_json(json.loads(config.to_json()))
        keys = [(*key.split("."), value) for key, value in values.items()]
        if any(key not in changed[section] for section, key, _ in keys):
            continue  # this recipe cannot
        for section, key, value in keys:
            changed[section][key] = value
        try:
            over = planner.mesh_sizes(dict(changed.parallel), devices)
            state = sum(argument.bytes for argument in _state(changed, over))
            part = planner.estimate(_trace_part(changed, over["data"] * over["fsdp"]).jaxpr)
        except ValueError as error:
            log.info("not tried: %s: %s", text, error)
            continue
        total = round(state + rest * part.peak_bytes / base)
        fits = total <= plan.get("hbm_limit_bytes", plan["usable_hbm_per_device"])
        with_flags = [f"--config.{key}={value}" for key, value in values.items()]
        found.append({"change": text, "flags": with_flags, "peak_hbm_bytes": total, "fits": bool(fits)})
    return found


def _calibrate(config: Any, parsed: Any) -> int:
    """Measures this machine's ceilings and the config's step; prints both beside the prediction."""
    import jax
    import numpy as np

    from jaxgan import planner, recipes
    from jaxgan.parallel import host_to_global, make_mesh
    from jaxgan.planner import calibrate
    from jaxgan.training.step import compile_step, init_state, make_step

    topology = planner.local_topology(devices=1)
    mesh = make_mesh(devices=jax.devices()[:1])
    traced, arguments, work = _trace(config, topology, mesh, parsed)
    with jax.set_mesh(mesh):
        compiled = planner.compile_program(traced.lower(), mesh, name=topology.name, cache_dir=None)
    plan = planner.plan_compiled(work, compiled, arguments, planner.products(traced.jaxpr))
    experiment = recipes.build(config)
    stage = experiment.stages[0]
    state, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    batch = host_to_global({name: np.zeros(x.shape, x.dtype) for name, x in stage.batch.items()}, mesh)
    step = compile_step(make_step(stage.method, ema=experiment.ema), mesh, where, donate=False)
    with jax.set_mesh(mesh):
        seconds = calibrate.median_seconds(
            lambda: step(state, batch, jax.random.key(0)), repeats=parsed.calibrate_steps
        )
    found = calibrate.compare(
        plan,
        kernels=plan["kernels"],
        kernel_overhead_seconds=calibrate.kernel_seconds(),
        measured_seconds=seconds,
    )
    ceilings = {"flops": dict(topology.chip.peak_flops), "bytes": topology.chip.hbm_bandwidth}
    record = {"device": topology.chip.name, "cores": os.cpu_count(), "batch": work.batch, "ceilings": ceilings, **found}
    if parsed.json:
        print(json.dumps([plan | {"calibration": record}], indent=2))
        return 0
    print(json.dumps(record, indent=2))
    return 0


def _show(plans: list[dict[str, Any]], scaling: list[dict[str, Any]], parsed: Any) -> None:
    from jaxgan.planner import page, report

    if parsed.html:
        place = Path(parsed.html)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(page.page(plans, title=f"jaxgan plan: {parsed.config}", scaling=scaling))
        log.info("wrote %s", place)
    if parsed.json:
        print(json.dumps(plans, indent=2))
    else:
        print(report.summary(plans))
        if scaling:
            print("\n" + report.scaling(scaling))
        else:
            for plan in plans:
                print("\n" + report.details(plan))
    sys.stdout.flush()
