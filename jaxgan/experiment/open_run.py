"""Open a trained run by folder and step: its config, experiment, mesh, networks and fingerprint."""

import hashlib
import json
import os
from collections.abc import Callable
from typing import NamedTuple

import jax
from etils import epath
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.experiment.config_file import from_json
from jaxgan.experiment.old_runs import complete, converted
from jaxgan.parallel import make_mesh, shardings
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.digest import non_finite
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment, Method, Stage
from jaxgan.training.state import TrainState, Variables
from jaxgan.training.step import place_frozen
from jaxgan.training.workdir import fingerprint, read_config

Build = Callable[[ConfigDict], Experiment]


class Run(NamedTuple):
    """A trained run, as sampling, scoring and other runs want it.

    Attributes:
      config, experiment: what was trained.
      mesh: all devices present, along ``data``.
      stage: that made the checkpoint.
      nets: the networks: averages instead of raw ones, where the stage has them and raw ones were not asked for, and
        the frozen networks.
      ema: whether averages are among them.
      step: of the checkpoint.
      fingerprint: a hash of the config, the step and the checkpoint's content: what a stamp says of where networks come
        from.
      class_names: of the data that the checkpoint's stage was trained on, by number; None where it has none, or the
        checkpoint does not say.
    """

    config: ConfigDict
    experiment: Experiment
    mesh: Mesh
    stage: Stage
    nets: dict[str, Variables]
    ema: bool
    step: int
    fingerprint: str
    class_names: tuple[str, ...] | None = None

    @property
    def method(self) -> Method:
        """The stage's."""
        return self.stage.method


def absolute(workdir: str) -> epath.Path:
    """A run's folder as given on the command line: '~' stands for home, and checkpoints need whole paths."""
    path = epath.Path(os.path.expanduser(workdir))
    return path if "://" in str(path) else epath.Path(os.path.abspath(path))


def saved_config(folder: epath.Path, default_config: Callable[[ConfigDict], ConfigDict]) -> ConfigDict:
    """The config that a run was started under; keys that were renamed since then have their new names, those that came
    into being have their defaults.

    Args:
      folder: the run's.
      default_config: a config -> its recipe's, with every key.

    Raises:
      UserError: where it is no config that this version knows, with the version that made it.
    """
    record = read_config(folder)
    if not isinstance(record, dict) or not isinstance(record.get("recipe"), str):
        raise UserError(f"{folder / 'config.json'} names no recipe: {_made_by(folder)}")
    try:
        config = from_json(converted(record))
        complete(config, default_config(config))
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{folder / 'config.json'} is no config that this version knows: {_made_by(folder)}") from error
    return config


def _made_by(folder: epath.Path) -> str:
    """Advice for a run of another version."""
    try:
        version = f"jaxgan {json.loads((folder / 'env.json').read_text())['versions']['jaxgan']}"
    except (OSError, ValueError, KeyError, TypeError):
        version = "another version of jaxgan"
    return f"the run was made by {version}; open it with that one"


def open_run(
    workdir: str,
    *,
    build: Build,
    default_config: Callable[[ConfigDict], ConfigDict],
    step: int | None = None,
    raw: bool = False,
    like: Run | None = None,
    expected: str | None = None,
) -> Run:
    """Restores the networks of a run onto all devices present.

    A recipe that trains on the networks of another run opens it so in its ``Experiment.frozen``. The trainer records
    the content of frozen networks in every checkpoint and refuses to go on with others; ``expected`` pins them from the
    start.

    Args:
      workdir: the run's folder.
      build: config -> experiment, such as :func:`jaxgan.recipes.build`.
      default_config: as in :func:`saved_config`.
      step: of the checkpoint; None for the newest sound one.
      raw: the raw networks rather than their averages.
      like: an earlier opening of the same run, whose experiment is used again, and what was compiled for it.
      expected: the fingerprint that the run must have, or its beginning; None to take it as it is.

    Raises:
      UserError: where there is no run, or no such checkpoint, or it has another fingerprint.
    """
    folder = absolute(workdir)
    config = saved_config(folder, default_config)
    experiment = _built(folder, config, build) if like is None else like.experiment
    mesh = make_mesh()
    checkpoints = Checkpoints(folder, read_only=True)
    try:
        restored = checkpoints.restore(restore_target(experiment, mesh), step)
        if restored is None:
            raise UserError(f"{workdir} has no checkpoint yet; train it further")
        state, meta = restored
        found = int(state.step)
        content = checkpoints.fingerprint(found)
    finally:
        checkpoints.close()
    stage = experiment.stage_of_checkpoint(found)
    mark = hashlib.sha256(f"{fingerprint(read_config(folder))} {found} {content}".encode()).hexdigest()
    if expected is not None and not mark.startswith(expected):
        raise UserError(
            f"{workdir} at step {found} has the fingerprint {mark[:12]}, not {expected[:12]}: it was trained again or "
            "changed; bring the old run back, or start a new --workdir with the new fingerprint"
        )
    nets = experiment.nets_to_score(state, stage, raw=raw)
    if wrong := non_finite(nets):
        raise UserError(
            f"{workdir} at step {found}: {len(wrong)} arrays of the networks hold NaN or infinity, first {wrong[0]}: "
            "nothing can be drawn from them; choose an earlier checkpoint with --step"
        )
    sets = meta.get("data", {}).get("sets", {}).get(stage.name, {})
    names = tuple(sets.get("data", {}).get("classes", ())) or None
    return Run(config, experiment, mesh, stage, nets, not raw and stage.ema is not None, found, mark, names)


def restore_target(experiment: Experiment, mesh: Mesh) -> TrainState:
    """Shapes, dtypes and shardings that a checkpoint of ``experiment`` is restored to, with its frozen networks."""
    target = jax.eval_shape(experiment.fresh_state, jax.random.key(0))
    where = shardings(target, experiment.rules, mesh)
    target = jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), target, where)
    return target.replace(frozen=place_frozen(experiment, mesh))


def _built(folder: epath.Path, config: ConfigDict, build: Build) -> Experiment:
    try:
        return build(config)
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: this version cannot build the run's config: {_made_by(folder)}") from error


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
