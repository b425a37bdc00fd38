"""Distillation: what the student is brought to, D's two losses, and draws with the teacher's noise."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import recipes
from jaxgan.evaluation.options import checked_options
from jaxgan.evaluation.sampling import sampling_batch
from jaxgan.experiment.config_file import load
from jaxgan.methods.distillation import TEACHER

pytestmark = pytest.mark.slow
ROWS = {"row": jnp.arange(4, dtype=jnp.int32)}


@pytest.fixture(scope="module")
def method():
    return recipes.build(load("mobile_stylegan:flowers,smoke")).stages[0].method


@pytest.fixture(scope="module")
def state(method):
    """Networks of N(0, 1 / inputs), and a teacher of N(0, 1) with noise that shows."""
    experiment = recipes.build(load("mobile_stylegan:flowers,smoke"))
    rng = np.random.default_rng(0)
    made = jax.jit(experiment.fresh_state)(jax.random.key(0))
    shapes = experiment.shapes().frozen[TEACHER]
    teacher = jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), shapes)
    return made.replace(frozen={TEACHER: teacher})


@pytest.fixture(scope="module")
def step(method):
    return jax.jit(lambda state, key: method.step(state, ROWS, key))


def test_on_every_nth_step_the_discriminator_has_r1_alone(method, state, step):
    assert method.r1_every == 2
    one, first = step(state, jax.random.key(1))
    _, second = step(one.replace(step=jnp.int32(1)), jax.random.key(2))
    np.testing.assert_allclose(first["d/loss"], 2 * first["d/r1"], rtol=1e-5)
    # In between the last one is logged, and the loss is the adversarial one, near 2 log 2 of a D that knows nothing.
    assert second["d/r1"] == first["d/r1"] and 0.3 < second["d/loss"] < 6
    for net in ("g", "d"):
        assert any(np.any(a != b) for a, b in zip(*(jax.tree.leaves(s.nets[net]["params"]) for s in (state, one))))
    # The constants of the demodulation stay.
    jax.tree.map(np.testing.assert_array_equal, one.nets["g"]["demodulation"], state.nets["g"]["demodulation"])


def test_the_student_comes_nearer_to_its_teacher(method, state):
    optimizers = {"g": optax.adam(1e-2), "d": optax.sgd(0.0)}
    alone = dataclasses.replace(method, adversarial_weight=0.0, optimizers=optimizers)
    state = state.replace(opt={p: o.init({p: state.nets[p]["params"]}) for p, o in optimizers.items()})
    step = jax.jit(lambda state, key: alone.step(state, ROWS, key))
    errors = []
    for number in range(200):
        state, metrics = step(state, jax.random.key(number))
        errors.append(float(metrics["g/squared"]))
    assert np.mean(errors[-20:]) < 0.8 * np.mean(errors[:20])


@pytest.mark.parametrize("noise", ["random", "const", "none"])
def test_draws_of_latents_are_those_of_their_styles(method, state, noise):
    nets = state.nets | state.frozen
    # Noise is off at the start: its strength is 0.
    params = jax.tree_util.tree_map_with_path(
        lambda path, x: x + 1 if path[-1].key == "noise_strength" else x, nets["g"]["params"]
    )
    nets |= {"g": {**nets["g"], "params": params}}
    options = checked_options(method, {"noise": noise, "psi": 0.7})
    batch = sampling_batch(method, jax.random.key(0), jnp.arange(3), {}, options)
    rng = jax.random.key(1)
    image, ws = method.sample(nets, batch, rng)["image"], method.map_latents(nets, batch, rng)
    assert ws.shape == (3, *method.style_shape)
    again = method.sample(nets, {name: x for name, x in batch.items() if name != "z"} | {"w": ws}, rng)["image"]
    np.testing.assert_allclose(again, image, rtol=1e-5, atol=1e-5)
    other = method.sample(nets, batch | {"key": batch["key"][::-1]}, rng)["image"]
    assert (np.abs(other[0] - image[0]).max() > 1e-4) == (noise == "random")
    if noise == "const":
        teacher = {**nets[TEACHER], "noise": jax.tree.map(lambda x: 2 * x, nets[TEACHER]["noise"])}
        assert np.abs(method.sample(nets | {TEACHER: teacher}, batch, rng)["image"] - image).max() > 1e-4
