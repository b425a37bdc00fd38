"""Training a group of runs as one program, and leaving of each what its run alone would have left."""

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
from jaxgan.tools.studies.ensembles import Lane, lanes_experiment
from jaxgan.tools.studies.results import diverged_at
from jaxgan.tools.studies.vectorized import NOT_FINITE, lane_state
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.logging import read_metrics
from jaxgan.training.loop import LoopOptions, Outcome, train
from jaxgan.training.state import TrainState
from jaxgan.training.workdir import claim_config, fingerprint, lock, write_environment

log = logging.getLogger("jaxgan")


def _record(lane: Lane) -> dict[str, Any]:
    return json.loads(lane.config.to_json())


def train_lanes(lanes: Sequence[Lane], workdir: epath.PathLike, *, progress: bool = True) -> Outcome:
    """Trains a group in ``workdir``, from its newest sound checkpoint where it has one.

    Raises:
      UserError: where the lanes cannot share a program, the folder is in use or holds another group, or all lanes
        diverge.
    """
    config = lanes[0].config
    experiment = lanes_experiment(lanes)
    mesh = experiment_mesh(config)
    if (best := config.evaluation.get("best")) is not None:
        log.warning("runs that share a program keep their last checkpoint, not the best by %s", best)
    record = {lane.name: _record(lane) for lane in lanes}
    with lock(workdir):
        claim_config(workdir, record)
        if is_main():
            write_environment(workdir)
        driving = {key: value for key, value in config.training.items() if key != "steps"}
        options = LoopOptions(**driving, progress=progress)
        return train(experiment, workdir=workdir, config=record, seed=config.seed, mesh=mesh, options=options)


def lane_records(records: Sequence[Mapping[str, Any]], name: str, *, lanes: int) -> list[dict[str, Any]]:
    """What a lane's run alone would have logged: up to the record that shows that it diverged, where it did; of the
    group's images a second it has its share.
    """
    found = []
    for record in records:
        own: dict[str, Any] = {key: record[key] for key in ("step", "stage") if key in record}
        for key, value in record.items():
            if key.startswith(f"{name}/"):
                own[key.removeprefix(f"{name}/")] = None if value is None or value >= NOT_FINITE else value
            elif key.startswith("perf/"):
                own[key] = value / lanes if key == "perf/images_per_second" else value
        found.append(own)
        if diverged_at(found) is not None:
            break
    return found


def lane_scores(records: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """A lane's lines of the group's scores.jsonl, under the scores' own names."""
    mine = [record for record in records if record["metric"].startswith(f"{name}/") and record["value"] < NOT_FINITE]
    return [{**r, "metric": r["metric"].removeprefix(f"{name}/").removeprefix("eval/")} for r in mine]


def _write_lines(path: epath.Path, records: Sequence[Mapping[str, Any]]) -> None:
    whole = path.with_name(path.name + ".tmp")
    whole.write_text("".join(json.dumps(record) + "\n" for record in records))
    whole.replace(path)


def _copy_pictures(group: epath.Path, folder: epath.Path, name: str, *, last: int) -> None:
    """A lane's pictures up to the step ``last``, under the names that its run alone would give them."""
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    for path in (group / "samples").glob("*.png") if (group / "samples").exists() else ():
        found = re.fullmatch(rf"(\d+)-{re.escape(name)}\.(.+)\.png", path.name)
        if found and int(found[1]) <= last:
            suffix = "" if found[2] == "samples" else f"-{found[2]}"
            path.copy(folder / "samples" / f"{found[1]}{suffix}.png", overwrite=True)


def split_group(
    lanes: Sequence[Lane], group: epath.Path, folders: Sequence[epath.Path], state: TrainState | None
) -> list[list[dict[str, Any]]]:
    """Leaves in every lane's folder its config, environment, records, scores and pictures, and, of a lane that came to
    its end, its last checkpoint.

    Args:
      lanes: of the group.
      group: where it trained.
      folders: of the lanes.
      state: the group's last; None where all lanes diverged.

    Returns:
      Every lane's records.
    """
    records, scores = read_metrics(group / "metrics.jsonl"), read_metrics(group / "scores.jsonl")
    each = [lane_records(records, lane.name, lanes=len(lanes)) for lane in lanes]
    for lane, folder, own in zip(lanes, folders, each):
        claim_config(folder, _record(lane))
        if is_main():
            last = own[-1]["step"] if own else 0
            _write_lines(folder / "metrics.jsonl", own)
            _write_lines(folder / "scores.jsonl", [r for r in lane_scores(scores, lane.name) if r["step"] <= last])
            _copy_pictures(group, folder, lane.name, last=last)
            (group / "env.json").copy(folder / "env.json", overwrite=True)
    ended = [number for number, own in enumerate(each) if diverged_at(own) is None]
    if state is not None and ended:
        _save(lanes, folders, state, ended)
    return each


def _save(lanes: Sequence[Lane], folders: Sequence[epath.Path], state: TrainState, ended: Sequence[int]) -> None:
    """Saves the lanes that ``ended`` as checkpoints of runs of their own."""
    experiment, mesh = recipes.build(lanes[0].config), experiment_mesh(lanes[0].config)
    taken = jax.jit(lane_state, out_shardings=shardings(experiment.shapes(), experiment.rules, mesh))
    for number in ended:
        lane = lanes[number]
        _, key = jax.random.split(jax.random.key(lane.config.seed))
        checkpoints = Checkpoints(folders[number], keep=1)
        checkpoints.save(
            taken(state, number),
            {
                "seed": lane.config.seed,
                "config": fingerprint(_record(lane)),
                "rng": {"impl": str(jax.random.key_impl(key)), "key": jax.random.key_data(key).tolist()},
                "data": {"position": int(state.step)},
            },
        )
        checkpoints.close()
