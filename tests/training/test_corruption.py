"""No damage to any file of a run comes back silently: see docs/measure/corruption.py, which tries hundreds."""

import jax
import numpy as np
import pytest
from corruption import Run, attacks

from jaxgan.parallel import make_mesh
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.method import Evaluator, Score
from jaxgan.training.step import init_state
from jaxgan.training.workdir import claim_config, write_environment

CONFIG = {"seed": 0, "data": {"batch_size": 8}}


@pytest.fixture(scope="module")
def run(toy, tmp_path_factory):
    """A run with three checkpoints, one of them the best, that ended between its last save and that step's scores."""
    workdir = tmp_path_factory.mktemp("run")

    def evaluate(nets, step):
        if step == 6:
            raise KeyboardInterrupt
        picture = np.random.default_rng(step).integers(0, 256, (8, 8, 3), np.uint8)
        return {"samples": picture, "eval/fd": Score(step / 7, None, {"num_images": 8}), "eval/kid": Score(1, 0.1, {})}

    experiment = toy.experiment((toy.Method(), 6), evaluators=[Evaluator("all", evaluate, 2)])
    mesh = make_mesh(devices=jax.devices()[:1])
    options = LoopOptions(save_every=6, log_every=1, best="eval/fd", best_is="min", progress=False)
    claim_config(workdir, CONFIG)
    write_environment(workdir)
    with pytest.raises(KeyboardInterrupt):
        train(experiment, workdir=workdir, config=CONFIG, seed=0, mesh=mesh, options=options)
    return Run(workdir, CONFIG, init_state(experiment, rng=jax.random.key(0), mesh=mesh)[0], "eval/fd", "min")


# Storage that meets damage leaves threads and event loops that complain.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("count", "seed"), [(24, 1), pytest.param(150, 2, marks=[pytest.mark.slow, pytest.mark.faults])]
)
def test_damage_is_found_wherever_it_falls(run, count, seed):
    outcomes = attacks(run, count=count, seed=seed)
    assert [outcome for outcome in outcomes if outcome[0] in ("lost", "silently wrong")] == []
    # It must have mattered now and then, or nothing was tried.
    assert {"whole", "records", "fell back"} <= {outcome[0] for outcome in outcomes}
