"""``jaxgan plan``: memory, time and cost of a step elsewhere."""

import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.cli.say import say
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

_DESCRIPTION = """Says, before any machine is rented, what a training step would do on it: whether it fits in memory
and what to change if not; FLOPs, bytes and collectives between devices; the least time of a step, images a second, and
what the whole run costs. TPU programs are compiled ahead of time with libtpu (pip install jaxgan[tpu]; no TPU is
needed); GPUs are planned from the program's trace, and the report says so; `local` is the devices of this machine."""

_EXAMPLES = """  jaxgan plan --config=biggan:imagenet128 --topology v5e:8x16
  jaxgan plan --config=biggan:imagenet128 --topology v5e:8x16 v4:4x4x4 h100:64 --price=1.2 --html=plan.html
  jaxgan plan --config=biggan:imagenet128 --topology v5e:8x16 --batch 2048 4096 --json
  jaxgan plan --config=biggan:digits16 --topology v5e --weak_scaling=8,64,256 --images_per_chip=8
  jaxgan plan --config=biggan:digits16 --calibrate"""


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
    made.add_argument("--batch", nargs="+", type=flags.whole(1), metavar="N", help="instead of config.data.batch_size")
    made.add_argument(
        "--stage", default="all", metavar="NAME", help="of a run in stages; 'all' (the default) plans each, and the sum"
    )
    made.add_argument("--steps", type=flags.whole(1), help="of the run, instead of config.training.steps")
    made.add_argument("--price", type=flags.number(0), metavar="X", help="of a chip for an hour, in any currency")
    made.add_argument(
        "--weak_scaling",
        metavar="CHIPS,...",
        help="plan slices of these many chips of the --topology's kind, at a fixed number of images a chip",
    )
    made.add_argument("--images_per_chip", type=flags.whole(1), metavar="N", help="for --weak_scaling")
    made.add_argument("--calibrate", action="store_true", help="measure this machine and a step, and state the error")
    made.add_argument("--calibrate_steps", type=flags.whole(1), default=10, help="timed steps (default %(default)s)")
    made.add_argument("--json", action="store_true", help="print a list, one object a plan, and nothing else")
    made.add_argument("--html", type=flags.path, metavar="FILE", help="write a page with plots")
    made.add_argument(
        "--cache_dir",
        type=flags.path,
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

    from jaxgan.experiment.config_file import load
    from jaxgan.experiment.epochs import in_steps
    from jaxgan.tools.planner import parse_topology, prepare_environment
    from jaxgan.tools.planner.weak import weak_scaling

    prepare_environment()
    cases = [] if parsed.calibrate else _cases(parsed)
    for name, _ in cases:
        if name != "local":
            parse_topology(name)  # a slip in the last name shows before the first one is compiled
    if not parsed.calibrate and "local" not in parsed.topology:
        _stay_on_cpu()
    if parsed.calibrate:
        return _calibrate(load(parsed.config, overrides), parsed)
    plans: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for name, batch in cases:
        config = in_steps(load(parsed.config, overrides))
        if batch is not None:
            config.data.batch_size = batch
        try:
            plans += plan_config(config, name, parsed)
        except ValueError as error:  # of the topology's shape, or of the batch over it
            if len(cases) == 1:
                raise
            failed.append({"topology": name, "batch": config.data.batch_size, "error": str(error)})
    scaling = weak_scaling(plans) if parsed.weak_scaling and plans else []
    _show(plans, failed, scaling, parsed)
    return 0 if plans else 1


def _stay_on_cpu() -> None:
    """Plans need no accelerator, and must not take one from a run."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_platforms", os.environ["JAX_PLATFORMS"])


def _cases(parsed: Any) -> list[tuple[str, int | None]]:
    """(topology, batch) of each plan."""
    if not parsed.weak_scaling:
        return [(name, batch) for name in parsed.topology for batch in parsed.batch or [None]]
    from jaxgan.tools.planner.topology import axes_of
    from jaxgan.tools.planner.weak import slice_shape

    chip = parsed.topology[0].split(":")[0]
    if len(parsed.topology) > 1 or parsed.batch:
        raise UserError("--weak_scaling takes one --topology, such as v5e, and no --batch")
    try:
        counts = [int(count) for count in parsed.weak_scaling.split(",")]
    except ValueError as error:
        raise UserError(f"--weak_scaling={parsed.weak_scaling}: give numbers of chips, such as 8,64,256") from error
    shapes = ["x".join(map(str, slice_shape(count, axes_of(chip)))) for count in counts]
    return [(f"{chip}:{shape}", count * parsed.images_per_chip) for shape, count in zip(shapes, counts)]


def plan_config(config: Any, name: str, parsed: Any) -> list[dict[str, Any]]:
    """The records of a config's stages (of ``parsed.stage``, or all) on one topology, with the settings of the flags.

    Where there are several, each names its ``stage`` and has under ``whole_run`` the sum of their costs.
    """
    from jaxgan import recipes
    from jaxgan.tools import planner

    experiment = recipes.build(config)
    stages = experiment.stages if parsed.stage == "all" else [experiment.stage_named(parsed.stage)]
    if len(stages) > 1 and (parsed.steps or parsed.weak_scaling):
        names = ", ".join(stage.name for stage in stages)
        raise UserError(
            f"--steps and --weak_scaling are of one stage, and the run has {names}: choose one with --stage="
        )
    local = name == "local"
    topology = planner.local_topology() if local else planner.parse_topology(name)
    plans = [_plan_stage(config, experiment, stage.name, topology, local, parsed) for stage in stages]
    if len(experiment.stages) == 1:
        return plans
    plans = [plan | {"stage": stage.name} for plan, stage in zip(plans, stages)]
    if len(plans) == 1:
        return plans
    whole = {"steps": experiment.total_steps, **planner.summed_cost([plan["run"] for plan in plans])}
    return [plan | {"whole_run": whole} for plan in plans]


def _plan_stage(config: Any, experiment: Any, stage: str, topology: Any, local: bool, parsed: Any) -> dict[str, Any]:
    """The record of one stage."""
    import jax

    from jaxgan.cli import planned_step
    from jaxgan.experiment.mesh import experiment_mesh
    from jaxgan.tools import planner

    if topology.chip.family != "tpu" and not local:
        return _plan_analytic(config, topology, parsed, stage)
    mesh = experiment_mesh(config, None if local else planner.topology_devices(topology), experiment=experiment)
    traced, arguments, work = planned_step.trace_step(config, topology, mesh, parsed, stage)
    log.info("%s: compiling the step for %d devices (minutes, unless it was compiled before)", topology.name, mesh.size)
    with jax.set_mesh(mesh):
        cache_dir = None if parsed.cache_dir == "none" else parsed.cache_dir
        compiled = planner.compile_program(traced.lower(), mesh, name=topology.name, cache_dir=cache_dir)
    if compiled.fits:
        return planner.plan_compiled(work, compiled, arguments, planner.products(traced.jaxpr))
    plan = planner.plan_without_memory(planned_step.estimated_plan(config, topology, parsed, stage), compiled)
    return plan | {"changes": planned_step.changes_that_help(config, plan, stage)}


def _plan_analytic(config: Any, topology: Any, parsed: Any, stage: str) -> dict[str, Any]:
    """A plan without a compiler."""
    from jaxgan.cli import planned_step

    plan = planned_step.estimated_plan(config, topology, parsed, stage)
    return plan if plan["fits"] else plan | {"changes": planned_step.changes_that_help(config, plan, stage)}


def _calibrate(config: Any, parsed: Any) -> int:
    """Measures this machine's ceilings and the config's step in rotation; prints both with the prediction."""
    import jax
    import numpy as np

    from jaxgan import recipes
    from jaxgan.cli import planned_step
    from jaxgan.parallel import host_to_global, make_mesh
    from jaxgan.tools import planner
    from jaxgan.tools.planner import calibrate
    from jaxgan.training.step import compile_step, init_state, make_stage_step

    mesh = make_mesh(devices=jax.devices()[:1])
    experiment = recipes.build(config)
    stage = experiment.stage_named(None if parsed.stage == "all" else parsed.stage)
    state, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    batch = host_to_global({name: np.zeros(x.shape, x.dtype) for name, x in stage.batch.items()}, mesh)
    jitted = compile_step(make_stage_step(stage), mesh, where, donate=False)
    calls = {name: probe.call for name, probe in calibrate.probes(calibrate.family_of(jax.devices()[0])).items()}
    with jax.set_mesh(mesh):
        executable = jitted.compile(state, batch, jax.random.key(0))
        seconds = calibrate.timed(
            calls | {"step": lambda: executable(state, batch, jax.random.key(0))}, repeats=parsed.calibrate_steps
        )
        topology = planner.local_topology(calibrate.hardware_from(seconds), devices=1)
        traced, arguments, work = planned_step.trace_step(config, topology, mesh, parsed, stage.name)
    plan = planner.plan_compiled(
        work, planner.report_of(executable.function), arguments, planner.products(traced.jaxpr)
    )
    record = {
        "device": topology.chip.name,
        "cores": os.cpu_count(),
        "batch": work.batch,
        "ceilings": {"flops": dict(topology.chip.peak_flops), "bytes": topology.chip.hbm_bandwidth},
        **calibrate.compare(plan, seconds),
    }
    print(json.dumps([plan | {"calibration": record}] if parsed.json else record, indent=2))
    return 0


def _show(
    plans: list[dict[str, Any]], failed: list[dict[str, Any]], scaling: list[dict[str, Any]], parsed: Any
) -> None:
    """Prints plans, and why there are none of the ``failed`` topologies."""
    from jaxgan.tools.planner import page, report

    if parsed.html and plans:
        place = Path(parsed.html)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(page.page(plans, title=f"jaxgan plan: {parsed.config}", scaling=scaling))
        log.info("wrote %s", place)
    if parsed.json:
        print(json.dumps([*plans, *failed], indent=2))
    else:
        parts = [report.summary(plans)] if plans else []
        parts += [report.scaling(scaling)] if scaling else [report.details(plan) for plan in plans]
        parts += [f"{case['topology']}, batch {case['batch']}: {case['error']}" for case in failed]
        say("\n\n".join(parts))
    sys.stdout.flush()
