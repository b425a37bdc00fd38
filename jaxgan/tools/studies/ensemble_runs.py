"""Ensemble training: a group of runs as one program, each leaving the files that its run alone would have left."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from etils import epath

from jaxgan import recipes
from jaxgan.experiment.mesh import experiment_mesh
from jaxgan.parallel import is_main, shardings
from jaxgan.tools.studies.ensemble import Member, ensemble_experiment
from jaxgan.tools.studies.ensemble_method import NOT_FINITE, member_state
from jaxgan.tools.studies.results import diverged_at
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.lock import lock
from jaxgan.training.loop import Outcome, checked_evaluators, train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.records import line_of, read_records
from jaxgan.training.state import TrainState
from jaxgan.training.storage import write_whole
from jaxgan.training.watchdog import Limits
from jaxgan.training.workdir import claim_config, fingerprint, write_environment

log = logging.getLogger("jaxgan")


def _record(member: Member) -> dict[str, Any]:
    return json.loads(member.config.to_json())


def train_ensemble(members: Sequence[Member], workdir: epath.PathLike, *, progress: bool = True) -> Outcome:
    """Trains a group in ``workdir``, from its newest sound checkpoint where it has one.

    Raises:
      UserError: where the members cannot share a program, what scores or training need is not there, the folder is in
        use or holds another group, or all members diverge.
    """
    config = members[0].config
    experiment = ensemble_experiment(members)
    mesh = experiment_mesh(config, experiment=recipes.build(config))
    if (best := config.evaluation.get("best")) is not None:
        log.warning("runs that share a program keep their last checkpoint, not the best by %s", best)
    record = {member.name: _record(member) for member in members}
    driving = {key: value for key, value in config.training.items() if key != "steps"}
    driving["on_evaluation_error"] = config.evaluation.get("on_error", "record")
    options = LoopOptions(**driving, progress=progress, watchdog=Limits(**config.get("watchdog", {})))
    # All that can be wrong is found before the folder is claimed.
    evaluators = checked_evaluators(experiment, mesh, options)
    experiment.check_data()
    with lock(workdir):
        claim_config(workdir, record)
        if is_main():
            write_environment(workdir)
        shared: dict[str, Any] = dict(config=record, seed=config.seed, mesh=mesh, options=options)
        return train(experiment, workdir=workdir, evaluators=evaluators, **shared)


def member_records(records: Sequence[Mapping[str, Any]], name: str, *, members: int) -> list[dict[str, Any]]:
    """The metrics records that a member's run alone would have logged.

    They end with the record that shows that it diverged, where it did; images a second are its share of the group's.
    """
    found = []
    for record in records:
        own: dict[str, Any] = {key: record[key] for key in ("step", "stage") if key in record}
        for key, value in record.items():
            if key.startswith(f"{name}/"):
                own[key.removeprefix(f"{name}/")] = None if value is None or value >= NOT_FINITE else value
            elif key.startswith("perf/"):
                own[key] = value / members if key == "perf/images_per_second" else value
        found.append(own)
        if diverged_at(found) is not None:
            break
    return found


def member_scores(records: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """A member's lines of the group's scores.jsonl, under the scores' own names; failed scores keep their reasons."""
    mine = [record for record in records if record["metric"].startswith(f"{name}/")]
    return [{**r, "metric": r["metric"].removeprefix(f"{name}/").removeprefix("eval/")} for r in mine]


def _write_lines(path: epath.Path, records: Sequence[Mapping[str, Any]]) -> None:
    write_whole(path, "".join(line_of(dict(record), path.name) for record in records))


def _copy_pictures(group: epath.Path, folder: epath.Path, name: str, *, last: int) -> None:
    """A member's pictures up to the step ``last``, under the names that its run alone would give them."""
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    for path in (group / "samples").glob("*.png") if (group / "samples").exists() else ():
        found = re.fullmatch(rf"(\d+)-{re.escape(name)}\.(.+)\.png", path.name)
        if found and int(found[1]) <= last:
            suffix = "" if found[2] == "samples" else f"-{found[2]}"
            path.copy(folder / "samples" / f"{found[1]}{suffix}.png", overwrite=True)


def split_group(
    members: Sequence[Member], group: epath.Path, folders: Sequence[epath.Path], state: TrainState | None
) -> list[list[dict[str, Any]]]:
    """Writes every member's config, environment, records, scores and pictures to its own folder, and the last
    checkpoint of each that came to its end.

    Args:
      members: of the group.
      group: where it trained.
      folders: of the members.
      state: the group's last; None where all members diverged.

    Returns:
      Every member's records.
    """
    records, scores = read_records(group / "metrics.jsonl"), read_records(group / "scores.jsonl")
    each = [member_records(records, member.name, members=len(members)) for member in members]
    for member, folder, own in zip(members, folders, each):
        claim_config(folder, _record(member))
        if is_main():
            last = own[-1]["step"] if own else 0
            _write_lines(folder / "metrics.jsonl", own)
            _write_lines(folder / "scores.jsonl", [r for r in member_scores(scores, member.name) if r["step"] <= last])
            _copy_pictures(group, folder, member.name, last=last)
            (group / "env.json").copy(folder / "env.json", overwrite=True)
    ended = [number for number, own in enumerate(each) if diverged_at(own) is None]
    if state is not None and ended:
        _save(members, folders, state, ended)
    return each


def _save(members: Sequence[Member], folders: Sequence[epath.Path], state: TrainState, ended: Sequence[int]) -> None:
    """Saves the members that ``ended`` as checkpoints of runs of their own."""
    experiment = recipes.build(members[0].config)
    mesh = experiment_mesh(members[0].config, experiment=experiment)
    stage = experiment.stages[-1]
    sets = {} if stage.data_identity is None else {stage.name: stage.data_identity()}
    taken = jax.jit(member_state, out_shardings=shardings(experiment.shapes(), experiment.rules, mesh))
    for number in ended:
        member = members[number]
        _, key = jax.random.split(jax.random.key(member.config.seed))
        checkpoints = Checkpoints(folders[number], keep=1)
        checkpoints.save(
            taken(state, number),
            {
                "seed": member.config.seed,
                "config": fingerprint(_record(member)),
                "rng": {"impl": str(jax.random.key_impl(key)), "key": jax.random.key_data(key).tolist()},
                "data": {"position": int(state.step), "sets": sets},
                "stage": stage.name,
                "rollbacks": 0,
            },
        )
        checkpoints.close()
