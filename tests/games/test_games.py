"""Games of all kinds through the command line: train, kill, resume, sample, evaluate, describe, plan, eight devices.

Each module next to this one is a config file and a recipe at once, as a user's own would be: pairs of images, unpaired
domains, two stages with a frozen network, one player with a likelihood.
"""

import json
import math
import multiprocessing
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan import recipes
from jaxgan.cli.main import main
from jaxgan.experiment.config_file import load
from jaxgan.parallel import host_to_global, make_mesh, to_host
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.records import read_records
from jaxgan.training.step import compile_step, init_state, make_begin_stage, make_stage_step

HERE = Path(__file__).parent
# How often each 2x2 picture of the likelihood's data comes, by its pixels' bits.
COUNTS = {0b0000: 8, 0b0110: 4, 0b1111: 2, 0b1001: 1, 0b0001: 1}


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def noise(*shape):
    return np.random.default_rng(list(shape)).integers(0, 256, shape).astype(np.uint8)


def pairs(root):
    for split, count in (("train", 24), ("test", 8)):
        for number, picture in enumerate(noise(count, 8, 16, 3)):
            save(root / split / f"{number}.png", picture)


def domains(root):
    for folder, count in (("trainA", 20), ("trainB", 12), ("testA", 4), ("testB", 5)):
        for number, picture in enumerate(noise(count, 8, 8, 3)):
            save(root / folder / f"{number}.png", picture)


def photos(root):
    for number, picture in enumerate(noise(24, 8, 8, 3)):
        save(root / "all" / f"{number}.png", picture)


def black_and_white(root):
    for bits, count in COUNTS.items():
        pixels = np.array([255 * (bits >> k & 1) for k in range(4)], np.uint8).reshape(2, 2)
        for number in range(count):
            save(root / "all" / f"{bits}-{number}.png", pixels)


class Game(NamedTuple):
    """A module's name, the form of its data, what makes the data, more flags, and the steps that runs are killed at."""

    name: str
    form: str
    make: object
    flags: tuple[str, ...]
    kills: tuple[int, ...]
    steps: int


GAMES = [
    Game("paired", "pairs", pairs, ("--config.training.steps=12",), (4,), 12),
    Game("unpaired", "domains", domains, ("--config.training.steps=12",), (4,), 12),
    Game(
        "two_stages",
        "folder",
        photos,
        ("--config.pretraining.steps=8", "--config.training.steps=8"),
        (3, 10),
        16,
    ),
    Game("likelihood", "folder", black_and_white, (), (30,), 100),
]
ALWAYS = ("paired",)


@pytest.fixture(scope="module", autouse=True)
def importable():
    """``config.recipe`` names a module that is on the path, as a user's PYTHONPATH has it; last, to shadow nothing."""
    sys.path.append(str(HERE.parent))
    yield
    sys.path.remove(str(HERE.parent))


@pytest.fixture(scope="module", autouse=True)
def unchanged():
    """Puts back what main sets for its process."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XLA_FLAGS", "JAX_PLATFORMS"):
            patch.setenv(name, os.environ[name])
        yield


@pytest.fixture(scope="module")
def jaxgan(tmp_path_factory):
    """Starts ``jaxgan ...`` in a process of its own that has imported JAX already, with one cache of programs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["jaxgan.cli.main", "jaxgan.experiment.run", "jaxgan.recipes.gan"])
    cache = tmp_path_factory.mktemp("cache")

    def start(*arguments):
        process = context.Process(target=main, args=([*arguments, f"--compilation_cache={cache}", "--no_progress"],))
        process.start()
        return process

    return start


class Run(NamedTuple):
    game: Game
    data: Path
    flags: list[str]
    workdir: Path


@pytest.fixture(
    scope="module",
    params=[g if g.name in ALWAYS else pytest.param(g, marks=pytest.mark.slow) for g in GAMES],
    ids=lambda game: game.name,
)
def run(request, jaxgan, tmp_path_factory):
    """A game, trained to its end."""
    game, folder = request.param, tmp_path_factory.mktemp(request.param.name)
    game.make(folder / "data")
    flags = [f"--config={HERE / game.name}.py", f"--config.data.name={game.form}:{folder / 'data'}", *game.flags]
    process = jaxgan("train", *flags, f"--workdir={folder / 'whole'}")
    process.join(timeout=300)
    assert newest(folder / "whole") == game.steps
    return Run(game, folder / "data", flags, folder / "whole")


def newest(workdir):
    return max((int(p.name) for p in (workdir / "checkpoints").glob("[0-9]*") if p.name.isdigit()), default=0)


def printed(capsys, *arguments):
    """The JSON that a verb prints."""
    capsys.readouterr()
    assert main(list(arguments)) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    return [json.loads(line) for line in out.splitlines()] if arguments[0] == "evaluate" else json.loads(out)


@pytest.mark.slow
def test_a_killed_run_ends_where_an_undisturbed_one_does(run, jaxgan, assert_same_end):
    killed = run.workdir.with_name("killed")
    for step in run.game.kills:
        process = jaxgan("train", *run.flags, f"--workdir={killed}")
        while newest(killed) < step and process.is_alive():
            time.sleep(0.005)
        assert process.is_alive(), f"ended before it was killed, at step {newest(killed)}"
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    assert newest(killed) < run.game.steps
    jaxgan("train", *run.flags, f"--workdir={killed}").join(timeout=300)
    assert_same_end(run.workdir, killed, run.game.steps)


def test_describe_and_plan_tell_of_its_stages(run, capsys):
    stages = printed(capsys, "describe", *run.flags, "--json")["stages"]
    plans = printed(capsys, "plan", *run.flags, "--topology", "h100:4", "--price=2", "--json")
    names = ["regression", "game"] if run.game.name == "two_stages" else [run.game.name]
    assert [stage["name"] for stage in stages] == names
    assert sum(stage["steps"] for stage in stages) == run.game.steps
    assert [plan.get("stage", names[0]) for plan in plans] == names
    for stage, plan in zip(stages, plans):
        assert plan["fits"] and plan["flops_per_device"] > 0
        assert plan["collectives"]["all-reduce/gradients"]["count"] == len(stage["players"])


def collectives(compiled):
    """Collectives that move arrays without summing them."""
    return re.findall(r"(all-gather|all-to-all|collective-permute)(?:-start)?\(", compiled.function.as_text())


def two_steps(run, stage, devices):
    """The state after a stage's beginning and two of its steps, on the host; their metrics; FLOP a device."""
    config = load(str(HERE / f"{run.game.name}.py"), [("data.name", f"{run.game.form}:{run.data}")])
    for player in config.optimizer:
        # Its moves are proportional to gradients, where Adam's blow rounding up.
        config.optimizer[player].update(kind="sgd", b1=0.9, learning_rate=0.05)
    experiment, mesh = recipes.build(config), make_mesh(devices=jax.devices()[:devices])
    chosen, data = experiment.stages[stage], experiment.stages[stage].data(0)
    state, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    step = compile_step(make_stage_step(chosen), mesh, where)
    begin = compile_step(make_begin_stage(experiment, stage), mesh, where)
    batches, rng = [host_to_global(next(data), mesh) for _ in range(2)], jax.random.key(1)
    with jax.set_mesh(mesh):
        state, _ = begin(state, batches[0], rng)
        compiled = step.compile(state, batches[0], rng)
        for batch in batches:
            state, metrics = jax.block_until_ready(compiled(state, batch, rng))
    assert not collectives(compiled)
    return to_host((state, metrics)), compiled.function.cost_analysis()["flops"]


def test_eight_devices_equal_one_and_share_the_work(run):
    for stage in range(2 if run.game.name == "two_stages" else 1):
        (one, flops), (eight, share) = two_steps(run, stage, 1), two_steps(run, stage, 8)
        for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(eight), strict=True):
            np.testing.assert_allclose(y, x, rtol=1e-4, atol=2e-5, err_msg=jax.tree_util.keystr(path))
        assert share < 0.4 * flops


def scores(capsys, run, *flags):
    found = printed(capsys, "evaluate", f"--workdir={run.workdir}", "--json", "--no_progress", *flags)
    return {record["metric"]: record for record in found}


def sample(run, out, *flags):
    return main(["sample", f"--workdir={run.workdir}", f"--out={out}", *flags])


def pairs_are_drawn_for_pictures_and_scored_against_their_partners(run, capsys, tmp_path):
    record = read_records(run.workdir / "metrics.jsonl")[-1]
    assert {"g/l1", "d/real", "eval/psnr"} <= record.keys() and "stage" not in record
    # Input, output and target of three examples.
    assert read(run.workdir / "samples" / "12.png").shape == (3 * 8 + 2 * 2, 3 * 8 + 2 * 2, 3)

    # A folder of pictures of two sizes; one of them is the input of a test pair.
    inputs = {"a/x": noise(12, 16, 3), "y": read(run.data / "test" / "0.png")[:, :8]}
    for name, picture in inputs.items():
        save(tmp_path / "in" / f"{name}.png", picture)
    assert sample(run, tmp_path / "out", f"--inputs={tmp_path / 'in'}") == 0
    for name, picture in inputs.items():
        assert read(tmp_path / "out" / f"{name}.png").shape == picture.shape
    # Dropout of each row draws from the row's own key: another seed draws other pictures, the same seed the same.
    for seed in (0, 1):
        assert sample(run, tmp_path / f"s{seed}", f"--inputs=pairs:{run.data}:test", f"--seed={seed}") == 0
    assert sample(run, tmp_path / "s2", f"--inputs=pairs:{run.data}:test", "--seed=0", "--batch_size=16") == 0
    one, other, again = (
        np.stack([read(tmp_path / f"s{k}" / f"{n}.png").astype(int) for n in range(8)]) for k in range(3)
    )
    assert np.abs(one - again).max() <= 1 and np.abs(one - other).mean() > 1
    out = tmp_path / "rows.png"
    assert sample(run, out, f"--inputs=pairs:{run.data}:test", "--panels=image_A,image,target", "--num_images=2") == 0
    whole = read(out)
    # The two examples are an even choice of the eight.
    partners = [read(run.data / "test" / f"{n}.png") for n in range(8)]
    assert any(np.array_equal(whole[:8, :8], p[:, :8]) and np.array_equal(whole[:8, -8:], p[:, 8:]) for p in partners)
    assert sample(run, out) == 1 and "draws for image_A: give --inputs" in capsys.readouterr().err

    found = scores(capsys, run)
    drawn = [read(tmp_path / "s0" / f"{n}.png") for n in range(8)]
    assert found.keys() == {"psnr"} and found["psnr"]["stamp"]["inputs_split"] == "test"
    error = np.mean([np.square(d / 255 - p[:, 8:] / 255).mean() for d, p in zip(drawn, partners)])
    # Of other noise, and a mean of decibels rather than of errors.
    assert found["psnr"]["value"] == pytest.approx(-10 * math.log10(error), abs=0.3)


def domains_are_drawn_both_ways_and_scored_by_their_own_floats(run, capsys, tmp_path):
    record = read_records(run.workdir / "metrics.jsonl")[-1]
    assert {"g/cycle", "g/identity", "g/adversarial", "d/loss", "eval/cycle_A", "eval/cycle_B"} <= record.keys()
    assert read(run.workdir / "samples" / "12.png").shape == (2 * 8 + 2, 2 * 8 + 2, 3)

    folder, split = f"--inputs={run.data / 'testB'}", f"--inputs=domains:{run.data}:testB"
    assert sample(run, tmp_path / "out", folder, "--set=direction=BtoA") == 0
    assert sample(run, tmp_path / "same", split, "--set=direction=BtoA") == 0
    assert sample(run, tmp_path / "other", folder) == 0
    for number in range(5):
        one, same, other = (read(tmp_path / where / f"{number}.png") for where in ("out", "same", "other"))
        np.testing.assert_array_equal(one, same)
        assert one.shape == (8, 8, 3) and not np.array_equal(one, other)
    assert sample(run, tmp_path / "rows.png", split, "--panels=input_image,image,cycle", "--num_images=2") == 0
    assert read(tmp_path / "rows.png").shape == (2 * 8 + 2, 3 * 8 + 2 * 2, 3)
    assert sample(run, tmp_path / "none", folder, "--set=direction=CtoA") == 1
    assert "choose from AtoB, BtoA" in capsys.readouterr().err

    found = scores(capsys, run)
    assert found.keys() == {"cycle_A", "cycle_B"} and found["cycle_A"]["value"] == pytest.approx(record["eval/cycle_A"])
    # Nothing is averaged, and nothing says so.
    assert found["cycle_A"]["stamp"]["ema"] is False
    # By name, next to how far images are from their inputs.
    assert scores(capsys, run, "--metrics=psnr,cycle_B", f"--against={run.data / 'testA'}").keys() == {
        "psnr",
        "cycle_B",
    }


def stages_keep_their_ends_and_share_a_frozen_network(run, capsys, tmp_path):
    records = read_records(run.workdir / "metrics.jsonl")
    assert [record["stage"] for record in records] == ["regression"] * 8 + ["game"] * 8
    assert "d/loss" not in records[7] and {"d/loss", "g/content"} <= records[8].keys()
    assert all("eval/psnr" in records[at] for at in (7, 15))
    # The last state of each stage is there, and the second's optimisers began anew.
    checkpoints, experiment = Checkpoints(run.workdir, read_only=True), recipes.build(config_of(run))
    assert {8, 16} <= set(checkpoints.steps())
    ends = {}
    for step in (8, 16):
        target = jax.tree.map(lambda x: jax.device_put(np.zeros(x.shape, x.dtype)), experiment.shapes())
        ends[step] = checkpoints.restore(target.replace(frozen=jax.device_put(experiment.frozen())), step)[0]
    checkpoints.close()
    counts = {step: {int(x) for x in jax.tree.leaves(state.opt["g"]) if x.ndim == 0} for step, state in ends.items()}
    assert counts == {8: {8}, 16: {8}}
    # D rests in the first stage.
    fresh = experiment.fresh_state(jax.random.split(jax.random.key(0))[0]).nets["d"]
    moved = {
        step: max(np.abs(x - y).max() for x, y in zip(jax.tree.leaves(state.nets["d"]), jax.tree.leaves(fresh)))
        for step, state in ends.items()
    }
    assert moved[8] < 1e-6 < 1e-4 < moved[16]

    # Outputs are twice as large as their inputs, whatever these are.
    save(tmp_path / "in" / "x.png", noise(5, 7, 3))
    for step in (8, 16):
        assert sample(run, tmp_path / str(step), f"--inputs={tmp_path / 'in'}", f"--step={step}") == 0
    first, second = (read(tmp_path / str(step) / "x.png") for step in (8, 16))
    assert first.shape == second.shape == (10, 14, 3) and not np.array_equal(first, second)
    assert sample(run, tmp_path / "x.npz", f"--inputs=folder:{run.data}:train", "--num_images=3") == 0
    found = [scores(capsys, run, f"--step={step}")["psnr"]["value"] for step in (8, 16)]
    assert found == pytest.approx([records[at]["eval/psnr"] for at in (7, 15)], abs=1e-3)


def config_of(run):
    overrides = [flag.removeprefix("--config.").split("=", 1) for flag in run.flags[1:]]
    return load(str(HERE / f"{run.game.name}.py"), [(key, value) for key, value in overrides])


def a_likelihood_reaches_the_data_s_entropy(run, capsys, tmp_path):
    found = scores(capsys, run)
    assert found.keys() == {"bits_per_dim", "elbo"}
    shares = np.array(list(COUNTS.values())) / sum(COUNTS.values())
    entropy = -(shares * np.log(shares)).sum()
    # The model can be any distribution, and the best one is the data's own.
    assert found["elbo"]["value"] == pytest.approx(-entropy, rel=0.05)
    assert found["elbo"]["value"] <= -entropy + 1e-6
    assert found["bits_per_dim"]["value"] == pytest.approx(-found["elbo"]["value"] / (4 * math.log(2)))
    assert found["elbo"]["stamp"]["ema"] is False

    assert sample(run, tmp_path / "x.npz", "--num_images=640") == 0
    with np.load(tmp_path / "x.npz") as file:
        images = file["images"]
    assert images.shape == (640, 2, 2, 1) and set(np.unique(images)) == {0, 255}
    drawn = (images.reshape(-1, 4) // 255 << np.arange(4)).sum(1)
    for bits, share in zip(COUNTS, shares):
        assert np.mean(drawn == bits) == pytest.approx(share, abs=4 * math.sqrt(share / 640) + 0.02)
    # At no temperature, the likeliest pixel each time.
    assert sample(run, tmp_path / "cold.npz", "--num_images=8", "--set=temperature=0.001") == 0
    with np.load(tmp_path / "cold.npz") as file:
        assert (file["images"] == 0).all()


CHECKS = {
    "paired": pairs_are_drawn_for_pictures_and_scored_against_their_partners,
    "unpaired": domains_are_drawn_both_ways_and_scored_by_their_own_floats,
    "two_stages": stages_keep_their_ends_and_share_a_frozen_network,
    "likelihood": a_likelihood_reaches_the_data_s_entropy,
}


def test_samples_and_scores(run, capsys, tmp_path):
    CHECKS[run.game.name](run, capsys, tmp_path)
