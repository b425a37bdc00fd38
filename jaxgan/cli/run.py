"""Opening a trained run by its recipe."""

from etils import epath
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.experiment import open_run as opening
from jaxgan.experiment.open_run import Run, absolute, checkpoint_steps
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment

__all__ = ["Run", "absolute", "checkpoint_steps", "last_step", "open_run", "saved_config"]


def saved_config(folder: epath.Path) -> ConfigDict:
    """The config that a run was started under, in today's sections and keys."""
    return opening.saved_config(folder, recipes.default_config_of)


def open_run(
    workdir: str, *, step: int | None = None, raw: bool = False, like: Run | None = None, dtype: str | None = None
) -> Run:
    """:func:`jaxgan.experiment.open_run.open_run` of any recipe, over all devices present; its generator computes in
    ``dtype`` where that is given.

    Raises:
      UserError: where the run has no generator that takes one.
    """

    def build(config: ConfigDict) -> Experiment:
        if dtype is not None:
            if "dtype" not in config.get("generator", {}):
                raise UserError(f"--dtype={dtype}: the run's config has no generator.dtype; leave it out")
            config = config.copy_and_resolve_references()
            config.generator.dtype = dtype
        return recipes.build(config, check=False)

    return opening.open_run(
        workdir, build=build, default_config=recipes.default_config_of, step=step, raw=raw, like=like
    )


def last_step(workdir: str) -> int:
    """The step that a run is to end at."""
    return recipes.build(saved_config(absolute(workdir)), check=False).total_steps
