"""Health of training against numpy, sharded and in ensembles; off, the program is what it was."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import recipes
from jaxgan.experiment.config_file import load
from jaxgan.nn import spectral_norm
from jaxgan.parallel import FSDP, host_to_global, make_mesh
from jaxgan.tools.studies.ensemble import Member, ensemble_experiment
from jaxgan.tools.studies.ensemble_method import member_state
from jaxgan.training.health import Health, gaps, singular_values, update_ratio
from jaxgan.training.step import compile_step, init_state, make_stage_step

RNG = jax.random.key(3)
HEALTH = Health(singular_values_every=2)


@pytest.mark.parametrize("seed", range(4))
def test_update_ratios_are_numpys(seed):
    rng = np.random.default_rng(seed)
    old = {"a": rng.normal(size=(3, 4)).astype(np.float32), "b": {"c": rng.normal(size=5).astype(np.float32)}}
    new = jax.tree.map(lambda x: x + rng.normal(size=x.shape).astype(np.float32) * 10.0 ** -rng.integers(4), old)

    def flat(tree):
        return np.concatenate([x.ravel() for x in jax.tree.leaves(tree)])

    wanted = np.linalg.norm(flat(new) - flat(old)) / np.linalg.norm(flat(old))
    np.testing.assert_allclose(update_ratio(new, old), wanted, rtol=1e-5)
    assert update_ratio(old, old) == 0
    assert update_ratio(*[jax.tree.map(np.zeros_like, old)] * 2) == 0


@pytest.mark.parametrize(
    ("shape", "axis"), [((3, 3, 5, 12), -1), ((20, 7), 0), ((2, 9), -1), ((9, 1), -1), ((4, 30), 1)]
)
def test_singular_values_are_numpys(shape, axis):
    rng = np.random.default_rng(sum(shape))
    matrix = np.moveaxis(rng.normal(size=shape), axis, 0).reshape(shape[axis], -1)
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    wanted = 5.0 * 0.6 ** np.arange(len(right))
    whole = np.moveaxis(((left * wanted) @ right).reshape(shape[axis], *np.delete(shape, axis % len(shape))), 0, axis)
    u = rng.normal(size=shape[axis]).astype(np.float32)
    found = singular_values(jnp.asarray(whole, jnp.float32), u / np.linalg.norm(u), output_axis=axis)
    np.testing.assert_allclose(found, wanted[:3], rtol=1e-3)


def test_singular_values_that_lie_close_are_close_from_below():
    matrix = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    wanted = np.linalg.svd(matrix, compute_uv=False)[:3]
    found = np.asarray(singular_values(matrix, matrix[0] / np.linalg.norm(matrix[0])))
    assert (found <= wanted * (1 + 1e-5)).all() and (found > 0.85 * wanted).all()


def test_gaps_are_of_pairs():
    assert gaps({"v/d/real": 3.0, "v/d/fake": 1.0, "real": 1.0, "d_1/real": 2.0}) == {"v/d/gap": 2.0}


def test_what_was_not_measured_is_left_out():
    metrics = {"d/sigma/hidden_0": 1.0, "d/sigma_2/hidden_0": 0.5, "v/d/sigma_3/x": 0.5, "d/loss": 0.0}
    assert HEALTH.measured(metrics, 4) == metrics
    assert set(HEALTH.measured(metrics, 5)) == {"d/sigma/hidden_0", "d/loss"}


def normalised():
    """A GAN of points whose D is spectrally normalised, with layers that FSDP splits."""
    config = load("gan:grid25,smoke")
    config.generator.hidden = config.discriminator.hidden = (32, 32)
    config.discriminator.spectral_norm = True
    config.regularizers.spread.directions = 4
    return config


def stepped(experiment, mesh, health, steps=2):
    stage = experiment.stages[0]
    state, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    data = stage.data(0)
    with jax.set_mesh(mesh):
        batch = host_to_global(next(data), mesh)
        compiled = compile_step(make_stage_step(stage, health=health), mesh, where, donate=False)
        compiled = compiled.compile(state, batch, RNG)
        states, logged = [jax.device_get(state)], []
        for _ in range(steps):
            state, metrics = compiled(state, batch, RNG)
            states.append(jax.device_get(state))
            logged.append(jax.device_get(metrics))
            batch = host_to_global(next(data), mesh)
    return states, logged, compiled.function.as_text()


@pytest.fixture(scope="module")
def one():
    return stepped(recipes.build(normalised()), make_mesh(devices=jax.devices()[:1]), HEALTH)


def test_a_step_logs_the_health_of_both_players(one):
    states, logged, _ = one
    for step, metrics in enumerate(logged, 1):
        old, new = states[step - 1].nets, states[step].nets
        for player in "gd":
            wanted = update_ratio(new[player]["params"], old[player]["params"])
            np.testing.assert_allclose(metrics[f"{player}/update_ratio"], wanted, rtol=1e-4)
            assert metrics[f"{player}/update_ratio"] > 0
        assert metrics["d/gap"] == pytest.approx(metrics["d/real"] - metrics["d/fake"], abs=1e-6)
        assert metrics["g/spread"] > 0 and metrics["g/spread_projected"] > 0
        for layer, (weight, u, axis) in spectral_norm.normalized_weights(new["d"]).items():
            sigma, _ = spectral_norm.power_iteration(weight, u, output_axis=axis)
            np.testing.assert_allclose(metrics[f"d/sigma/{layer}"], sigma, rtol=1e-4)
            top = np.linalg.svd(np.asarray(weight), compute_uv=False)
            if step % 2:
                assert metrics.get(f"d/sigma_2/{layer}", 0) == 0
            elif len(top) > 2:
                np.testing.assert_allclose(
                    [metrics[f"d/sigma_{place}/{layer}"] for place in (2, 3)], top[1:3], rtol=0.15
                )
    assert {name for name in logged[0] if "/sigma/" in name} == {
        f"d/sigma/{layer}" for layer in ("hidden_0", "hidden_1", "head/linear")
    }


@pytest.mark.slow
def test_split_over_devices_it_is_the_same_and_moves_no_row(one):
    experiment = recipes.build(normalised())._replace(rules=FSDP)
    mesh = make_mesh(data=2, fsdp=4)
    _, logged, text = stepped(experiment, mesh, HEALTH)
    for got, wanted in zip(logged, one[1]):
        assert got.keys() == wanted.keys()
        for name, value in wanted.items():
            np.testing.assert_allclose(got[name], value, rtol=2e-3, atol=1e-5, err_msg=name)
    _, _, without = stepped(experiment, mesh, None, steps=0)
    rows = experiment.stages[0].batch["point"].shape[0]
    more = set(collectives(text)) - set(collectives(without))
    # What is gathered are the few vectors of power iterations; sums are of their products, and of scalars.
    for kind, shape in more:
        assert kind in ("all-gather", "all-reduce"), (kind, shape)
        assert len(shape) < 2 or (shape[0] <= 3 and rows not in shape), (kind, shape)


def collectives(text):
    for results, kind in re.findall(
        r"= (.*?) (all-gather|all-to-all|collective-permute|all-reduce|reduce-scatter)(?:-start)?\(", text
    ):
        for shape in re.findall(r"\w+\[([\d,]*)\]", results):
            yield kind, tuple(map(int, filter(None, shape.split(","))))


@pytest.mark.slow
def test_off_the_program_is_the_same_and_on_the_state_is(toy):
    experiment = toy.experiment()
    stage, shapes = experiment.stages[0], experiment.shapes()
    plain, off, on = (
        jax.make_jaxpr(make_stage_step(stage, **options))(shapes, stage.batch, RNG)
        for options in ({}, {"health": None}, {"health": Health()})
    )
    assert str(plain) == str(off) != str(on)
    mesh = make_mesh(devices=jax.devices()[:1])
    (*_, wanted), _, _ = stepped(experiment, mesh, None)
    (*_, got), _, _ = stepped(experiment, mesh, Health())
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), got, wanted)


@pytest.mark.slow
def test_members_of_an_ensemble_have_a_health_each():
    config = normalised()
    configs = [config.copy_and_resolve_references() for _ in range(2)]
    for seed, own in enumerate(configs):
        own.seed = seed
    whole = ensemble_experiment([Member("v", seed, own) for seed, own in enumerate(configs)])
    mesh = make_mesh(devices=jax.devices()[:1])
    states, logged, _ = stepped(whole, mesh, HEALTH)
    for seed in range(2):
        mine = {n.removeprefix(f"v.seed{seed}/"): v for n, v in logged[-1].items() if n.startswith(f"v.seed{seed}/")}
        nets = [member_state(state, seed).nets for state in states[-2:]]
        wanted = update_ratio(nets[1]["d"]["params"], nets[0]["d"]["params"])
        np.testing.assert_allclose(mine["d/update_ratio"], wanted, rtol=1e-4)
        kernel = np.asarray(nets[1]["d"]["params"]["hidden_1"]["kernel"])
        top = np.linalg.svd(kernel, compute_uv=False)
        np.testing.assert_allclose(mine["d/sigma_2/hidden_1"], top[1], rtol=0.15)
        assert {"d/gap", "g/spread"} <= mine.keys()
