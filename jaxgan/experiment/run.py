"""Train an experiment in a folder of its own: what ``jaxgan train`` and ``jaxgan study`` run."""

import json
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from jaxgan.experiment.config_file import from_json
from jaxgan.experiment.mesh import experiment_mesh
from jaxgan.experiment.old_runs import complete, converted
from jaxgan.experiment.open_run import restore_target
from jaxgan.experiment.score_names import best_is
from jaxgan.parallel import is_main
from jaxgan.training.errors import UserError
from jaxgan.training.lock import lock
from jaxgan.training.loop import Outcome, checked_evaluators, train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.method import Experiment
from jaxgan.training.restart import go_back, restart
from jaxgan.training.watchdog import Limits
from jaxgan.training.workdir import claim_config, read_config, write_environment


def train_experiment(
    experiment: Experiment,
    config: ConfigDict,
    workdir: epath.PathLike,
    *,
    defaults: ConfigDict | None = None,
    progress: bool = True,
    accept_change: bool = False,
    accept_data_change: bool = False,
    begin: str | int | None = None,
) -> Outcome:
    """Trains ``experiment`` in ``workdir``, from its newest sound checkpoint where it has one.

    Args:
      experiment: what to train.
      config: that it was built from; ``config.seed`` seeds weights, data and scores.
      workdir: the run's folder, an absolute path; made where it is missing, and held against a second run.
      defaults: of every key of its recipe: a run that an earlier version started, without some of them, goes on.
      progress: show the bar.
      accept_change: go on with a run that was started under another config.
      accept_data_change: go on with other data than the run was trained on.
      begin: 'restart' for step 0, whatever there is, or the step of a checkpoint to go back to; None for the newest.
        What is left behind is moved to ``left/``.

    Raises:
      UserError: where the config does not fit its recipe, the devices or the data, the folder is in use or holds a run
        under another config, or training diverges.
    """
    record = json.loads(config.to_json())
    mesh = experiment_mesh(config, experiment=experiment)
    driving = {key: value for key, value in config.training.items() if key != "steps"}
    driving["on_evaluation_error"] = config.evaluation.get("on_error", "record")
    driving["accept_data_change"] = accept_data_change
    best = config.evaluation.best
    if best is not None:
        driving |= {"best": best, "best_is": best_is(best)}
    options = LoopOptions(**driving, progress=progress, watchdog=Limits(**config.get("watchdog", {})))
    # All that can be wrong is found before the folder is claimed.
    evaluators = checked_evaluators(experiment, mesh, options)
    experiment.check_data()
    experiment.shapes()
    with lock(workdir):
        claim_config(workdir, record, accept_change=accept_change or _is_same(workdir, record, defaults))
        if is_main():
            write_environment(workdir)
        if begin is not None:
            if begin == "restart":
                restart(workdir)
            else:
                go_back(workdir, int(begin), lambda: restore_target(experiment, mesh))
        shared: dict[str, Any] = dict(config=record, seed=config.seed, mesh=mesh, options=options)
        return train(experiment, workdir=workdir, evaluators=evaluators, **shared)


def _is_same(workdir: epath.PathLike, record: dict[str, Any], defaults: ConfigDict | None) -> bool:
    """Whether the folder's run has this config, in an earlier version's sections and keys."""
    try:
        before = read_config(workdir)
    except UserError:  # a new folder, or one whose config is gone for good, of which claim_config tells
        return False
    config = from_json(converted(before))
    if defaults is not None:
        complete(config, defaults)
    return json.loads(config.to_json()) == record
