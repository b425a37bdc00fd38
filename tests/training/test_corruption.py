"""No damage to any file of a run comes back silently: see docs/measure/corruption.py, which tries hundreds."""

import jax
import numpy as np
import pytest
from corruption import attacks

from jaxgan.parallel import make_mesh
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.method import Evaluator, Score
from jaxgan.training.workdir import claim_config, write_environment


@pytest.fixture(scope="module")
def run(toy, tmp_path_factory):
    """A run with two checkpoints, records, scores, events and pictures; and what restores it."""
    workdir = tmp_path_factory.mktemp("run")

    def evaluate(nets, step):
        picture = np.random.default_rng(step).integers(0, 256, (8, 8, 3), np.uint8)
        return {"samples": picture, "eval/fd": Score(step / 7, None, {"num_images": 8})}

    experiment = toy.experiment((toy.Method(), 6), evaluators=[Evaluator("all", evaluate, 2)])
    claim_config(workdir, {"seed": 0})
    write_environment(workdir)
    outcome = train(
        experiment,
        workdir=workdir,
        config={"seed": 0},
        seed=0,
        mesh=make_mesh(devices=jax.devices()[:1]),
        options=LoopOptions(save_every=3, log_every=1, progress=False),
    )
    return workdir, outcome.state


# Storage that meets damage leaves threads and event loops that complain.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("count", "seed"), [(12, 1), pytest.param(150, 2, marks=[pytest.mark.slow, pytest.mark.faults])]
)
def test_damage_is_found_wherever_it_falls(run, count, seed):
    workdir, target = run
    outcomes = attacks(workdir, target, count=count, seed=seed)
    assert [outcome for outcome in outcomes if outcome[0] in ("lost", "silently wrong")] == []
    # It must have mattered now and then, or nothing was tried.
    assert {"whole", "fell back"} <= {outcome[0] for outcome in outcomes}
