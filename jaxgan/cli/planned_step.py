"""Binds a config's training step to the planner: traces of it, its state, its collectives, changes to it."""

import json
import logging
from typing import Any

from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

# What to change where a program does not fit, in the order in which it is tried: what costs least comes first.
CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("2 micro-batches", {"microbatches.count": 2}),
    ("4 micro-batches", {"microbatches.count": 4}),
    ("8 micro-batches", {"microbatches.count": 8}),
    ("recompute G's blocks", {"generator.remat": "blocks"}),
    ("recompute both nets' blocks", {"generator.remat": "blocks", "discriminator.remat": "blocks"}),
    (
        "recompute both, 4 micro-batches",
        {"generator.remat": "blocks", "discriminator.remat": "blocks", "microbatches.count": 4},
    ),
    ("split optimisers and averages", {"parallel.rules": "zero1"}),
    ("split the whole state over 8", {"parallel.rules": "fsdp", "parallel.fsdp": 8}),
)


def estimated_plan(config: Any, topology: Any, parsed: Any, stage: str) -> dict[str, Any]:
    """The record that the traces of the whole batch of a stage and of one device's part of it give."""
    from jaxgan import recipes
    from jaxgan.tools import planner

    sizes = planner.mesh_sizes(dict(config.parallel), topology.devices)
    part = trace_part(config, sizes["data"] * sizes["fsdp"], stage)
    planned = recipes.build(config).stage_named(stage)
    return planner.plan_analytic(
        planned_work(planned, topology, sizes, parsed),
        state_arguments(config, sizes),
        products=planner.products(trace_part(config, 1, stage).jaxpr),
        of_device=planner.products(part.jaxpr),
        guess=planner.estimate(part.jaxpr),
        collectives=gradient_collectives(config, topology.devices, stage),
    )


def trace_step(config: Any, topology: Any, mesh: Any, parsed: Any, stage: str) -> tuple[Any, list[Any], Any]:
    """The step of a config's stage, traced for a mesh; its arguments; what is planned."""
    import jax
    from jax.sharding import NamedSharding
    from jax.sharding import PartitionSpec as P

    from jaxgan import recipes
    from jaxgan.parallel import BATCH, shardings
    from jaxgan.tools import planner
    from jaxgan.training.step import compile_step, make_stage_step, step_arguments

    experiment = recipes.build(config)
    planned, shapes = experiment.stage_named(stage), experiment.shapes()
    where = shardings(shapes, experiment.rules, mesh)
    step = compile_step(make_stage_step(planned), mesh, where)
    key = jax.eval_shape(lambda: jax.random.key(0))
    with jax.set_mesh(mesh):
        traced = step.trace(shapes, planned.batch, key)
    split = step_arguments(where, NamedSharding(mesh, BATCH), NamedSharding(mesh, P()))
    work = planned_work(planned, topology, dict(mesh.shape), parsed)
    given = step_arguments(shapes, planned.batch, key)
    return traced, planner.list_arguments(step.function, given, split), work


def planned_work(stage: Any, topology: Any, mesh: dict[str, int], parsed: Any) -> Any:
    """A stage as the planner takes it."""
    from jaxgan.tools.planner import Work

    return Work(
        topology=topology.name,
        chip=topology.chip,
        chips=topology.chips,
        mesh=mesh,
        batch=stage.images_per_step,
        images_per_step=stage.images_per_step,
        steps=parsed.steps or stage.steps,
        price=parsed.price,
    )


def trace_part(config: Any, devices: int, stage: str) -> Any:
    """A stage's step as one of ``devices`` runs it: on its part of the batch, without a mesh, loops kept.

    Raises:
      UserError: where they do not divide the batch.
    """
    import jax

    from jaxgan import recipes
    from jaxgan.experiment.config_file import from_json
    from jaxgan.training.step import make_stage_step

    part = from_json(json.loads(config.to_json()))
    if "microbatches" in part and part.microbatches.unroll is None:
        part.microbatches.unroll = False
    experiment = recipes.build(part)
    for each in experiment.stages:
        if each.images_per_step % devices:
            raise UserError(
                f"a batch of {each.images_per_step} images (stage {each.name}) is no multiple of {devices} devices"
            )
    # Of the stages themselves: a config need not have one batch size for all of them.
    experiment = experiment._replace(stages=[_part(each, devices) for each in experiment.stages])
    planned = experiment.stage_named(stage)
    key = jax.eval_shape(lambda: jax.random.key(0))
    return jax.jit(make_stage_step(planned)).trace(experiment.shapes(), planned.batch, key)


def _part(stage: Any, devices: int) -> Any:
    """A stage with one device's rows of its batch."""
    import jax

    def rows(x: Any) -> Any:
        return jax.ShapeDtypeStruct((x.shape[0] // devices, *x.shape[1:]), x.dtype)

    return stage._replace(batch=jax.tree.map(rows, stage.batch), images_per_step=stage.images_per_step // devices)


def gradient_collectives(config: Any, devices: int, stage: str) -> list[tuple[str, Any]]:
    """The gradients that a stage's step reduces over all devices: each player's, as often as it is updated."""
    import jax

    from jaxgan import recipes
    from jaxgan.tools.planner import Collective

    experiment = recipes.build(config)
    nets, found = experiment.shapes().nets, []
    planned = experiment.stage_named(stage)
    for player in planned.players or planned.method.players:
        names = planned.method.players[player]
        size = sum(x.size * x.dtype.itemsize for name in names for x in jax.tree.leaves(nets[name]["params"]))
        updates = getattr(planned.method, f"{player}_steps", 1)
        found.append(("all-reduce/gradients", Collective("all-reduce", size, devices, updates)))
    return found


def state_arguments(config: Any, sizes: dict[str, int]) -> list[Any]:
    """The training state's arrays, split as the config's rules say over a mesh of these sizes."""
    from jaxgan import recipes
    from jaxgan.parallel import shardings
    from jaxgan.tools import planner

    experiment = recipes.build(config)
    shapes = experiment.shapes()
    mesh: Any = planner.abstract_mesh(sizes)  # has what rules ask of a mesh
    where = shardings(shapes, experiment.rules, mesh)
    return planner.list_arguments(lambda state: state, (shapes,), (where,))


def changes_that_help(config: Any, plan: dict[str, Any], stage: str) -> list[dict[str, Any]]:
    """The peak after each change: the state's part exactly, the rest in the ratio of traced estimates."""
    from jaxgan.experiment.config_file import from_json
    from jaxgan.tools import planner

    devices, sizes = plan["devices"], plan["mesh"]
    rest = plan["peak_hbm_bytes"] - sum(argument.bytes for argument in state_arguments(config, sizes))
    base = plan["estimated_peak_bytes"]
    batch = config.data.batch_size
    smaller: list[tuple[str, dict[str, Any]]] = [
        (f"a batch of {batch // k}", {"data.batch_size": batch // k}) for k in (2, 4)
    ]
    found = []
    for text, values in [*CHANGES, *smaller]:
        changed = from_json(json.loads(config.to_json()))
        keys = [(*key.split("."), value) for key, value in values.items()]
        if any(key not in changed.get(section, {}) for section, key, _ in keys):
            continue  # this recipe cannot
        for section, key, value in keys:
            changed[section][key] = value
        try:
            over = planner.mesh_sizes(dict(changed.parallel), devices)
            state = sum(argument.bytes for argument in state_arguments(changed, over))
            part = planner.estimate(trace_part(changed, over["data"] * over["fsdp"], stage).jaxpr)
        except ValueError as error:
            log.info("not tried: %s: %s", text, error)
            continue
        total = round(state + rest * part.peak_bytes / base)
        fits = total <= plan.get("hbm_limit_bytes", plan["usable_hbm_per_device"])
        with_flags = [f"--config.{key}={value}" for key, value in values.items()]
        found.append({"change": text, "flags": with_flags, "peak_hbm_bytes": total, "fits": bool(fits)})
    return found
