"""Opening a trained run: its config, experiment, mesh and networks."""

import os
from typing import NamedTuple

import jax
from etils import epath
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.experiment.config_file import from_json
from jaxgan.parallel import make_mesh, shardings
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.ema import averaged
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment, Method, Stage
from jaxgan.training.state import Variables
from jaxgan.training.workdir import read_config


class Run(NamedTuple):
    """A trained run, as sampling and scoring want it.

    Attributes:
      config, experiment: what was trained.
      mesh: all devices present, along ``data``.
      stage: the last one.
      nets: the networks, averages in place unless raw ones were asked for.
      ema: whether averages are among them.
      step: of the checkpoint.
    """

    config: ConfigDict
    experiment: Experiment
    mesh: Mesh
    stage: Stage
    nets: dict[str, Variables]
    ema: bool
    step: int

    @property
    def method(self) -> Method:
        """The stage's."""
        return self.stage.method


def absolute(workdir: str) -> epath.Path:
    """A run's folder as given on the command line: '~' stands for home, and checkpoints need whole paths."""
    path = epath.Path(os.path.expanduser(workdir))
    return path if "://" in str(path) else epath.Path(os.path.abspath(path))


def saved_config(folder: epath.Path) -> ConfigDict:
    """The config that a run was started under; keys that came into being since then have their defaults."""
    config = from_json(read_config(folder))
    defaults = recipes.default_config(config.recipe)
    for name, section in defaults.items():
        if isinstance(section, ConfigDict) and name in config:
            for key, value in section.items():
                if key not in config[name]:
                    config[name][key] = value
    return config


def open_run(workdir: str, *, step: int | None = None, raw: bool = False, like: Run | None = None) -> Run:
    """Restores the networks of ``step``, or of the newest sound checkpoint, onto the devices present.

    With ``like``, an earlier opening of the same run, its experiment is used again, and what was compiled for it.

    Raises:
      UserError: where there is no run, or no checkpoint.
    """
    folder = absolute(workdir)
    config = saved_config(folder)
    experiment = recipes.build(config) if like is None else like.experiment
    mesh = make_mesh()
    target = experiment.shapes()
    where = shardings(target, experiment.rules, mesh)
    target = jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), target, where)
    checkpoints = Checkpoints(folder, read_only=True)
    restored = checkpoints.restore(target, step)
    checkpoints.close()
    if restored is None:
        raise UserError(f"{workdir} has no checkpoint yet; train it further")
    state, _ = restored
    nets = state.nets if raw else averaged(state.nets, state.ema)
    return Run(config, experiment, mesh, experiment.stages[-1], nets, not raw and bool(state.ema), int(state.step))


def checkpoint_steps(workdir: str) -> list[int]:
    """The steps of a run's checkpoints, oldest first; none where it has none yet."""
    folder = absolute(workdir)
    read_config(folder)
    if not (folder / "checkpoints").exists():
        return []
    checkpoints = Checkpoints(folder, read_only=True)
    steps = checkpoints.steps()
    checkpoints.close()
    return steps


def last_step(workdir: str) -> int:
    """The step that a run is to end at."""
    return sum(stage.steps for stage in recipes.build(saved_config(absolute(workdir))).stages)
