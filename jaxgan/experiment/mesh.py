"""Device mesh of a config, checked against the devices and its data."""

from collections.abc import Sequence

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment


def experiment_mesh(
    config: ConfigDict, devices: Sequence[jax.Device] | None = None, *, experiment: Experiment | None = None
) -> Mesh:
    """``config.parallel`` laid over ``devices`` (all of them where None).

    Args:
      config: of an experiment.
      devices: to lay it over.
      experiment: what the config builds, for the batch of each of its stages; None where ``data.batch_size`` is that of
        all.

    Raises:
      UserError: where the sizes do not cover the devices, or the devices do not divide the batch of one update (of one
        micro-batch of it, where ``microbatches.count`` cuts it).
    """
    sizes = config.parallel
    try:
        mesh = make_mesh(data=sizes.data, fsdp=sizes.fsdp, spatial=sizes.spatial, devices=devices)
    except ValueError as error:
        raise UserError(str(error)) from error
    ways, parts = mesh.shape["data"] * mesh.shape["fsdp"], config.get("microbatches", {}).get("count", 1)
    named = {"config.data.batch_size": config.data.batch_size}
    if experiment is not None and len(experiment.stages) > 1:
        named = {f"the batch of stage {stage.name}": stage.images_per_step for stage in experiment.stages}
    for name, size in named.items():
        if size % (ways * parts) == 0:
            continue
        raise UserError(
            f"{name}={size} cannot be split over parallel.data x parallel.fsdp = "
            f"{mesh.shape['data']} x {mesh.shape['fsdp']} devices and microbatches.count={parts} micro-batches: choose "
            f"a multiple of {ways * parts}"
        )
    return mesh
