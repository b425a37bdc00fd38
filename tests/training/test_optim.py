"""Optimisers and schedules against closed forms, numpy, and optax's own."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.parallel import ZERO1, make_mesh, shardings
from jaxgan.training.errors import UserError
from jaxgan.training.optim import optimizer, split_update

PARAMS = {"g": {"head": {"kernel": np.float32([[3.0, -1.0], [0.5, 2.0]]), "bias": np.float32([1.0, -2.0])}}}
GRADS = [jax.tree.map(lambda x, s=s: np.float32(s) * np.cos(x), PARAMS) for s in (1.0, -0.1, 30.0)]


def run(made, params=PARAMS, grads=GRADS):
    """The parameters after each of the gradients."""
    state, found = made.init(params), []
    for gradient in grads:
        updates, state = made.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        found.append(params)
    return found


def assert_close(found, wanted, **tolerances):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **{"rtol": 1e-6, **tolerances}), found, wanted)


def rates(**section):
    """The rate of each of twelve updates: SGD on a gradient of 1 takes it off."""
    found = run(optimizer(kind="sgd", learning_rate=0.5, **section), np.float32(0.0), [np.float32(1.0)] * 12)
    return -np.diff(np.float32([0.0, *found]))


T = np.arange(12)
FALL = np.clip(1 - (T - 4) / 5, 0, 1)  # hold for 4, fall over 5


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, np.ones(12)),
        ({"warmup_steps": 4}, np.minimum(T / 4, 1)),
        ({"decay_steps": 5}, np.clip(1 - T / 5, 0, 1)),
        ({"hold_steps": 4, "decay_steps": 5}, np.where(T < 4, 1, FALL)),
        ({"hold_steps": 4, "decay_steps": 5, "end_factor": 0.2}, np.where(T < 4, 1, 0.2 + 0.8 * FALL)),
        ({"warmup_steps": 2, "hold_steps": 2, "decay_steps": 5}, np.where(T < 2, T / 2, np.where(T < 4, 1, FALL))),
        ({"schedule": "cosine", "hold_steps": 4, "decay_steps": 5}, np.where(T < 4, 1, (1 - np.cos(np.pi * FALL)) / 2)),
        ({"schedule": "exponential", "decay_steps": 3, "decay_rate": 0.5}, 0.5 ** (T / 3)),
        (
            {"schedule": "exponential", "decay_steps": 3, "decay_rate": 0.5, "end_factor": 0.25},
            np.maximum(0.5 ** (T / 3), 0.25),
        ),
        (
            {"schedule": "piecewise", "boundaries": (3, 7), "factors": (0.1, 0.5)},
            np.where(T < 3, 1, np.where(T < 7, 0.1, 0.05)),
        ),
    ],
)
def test_rates_are_the_closed_forms(section, expected):
    np.testing.assert_allclose(rates(**section), 0.5 * expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("section", "theirs"),
    [
        ({}, optax.adam(0.1, b1=0.0, b2=0.999, eps=1e-8)),
        ({"kind": "rmsprop", "b2": 0.9}, optax.rmsprop(0.1, decay=0.9, eps=1e-8)),
        ({"kind": "sgd", "b1": 0.9}, optax.sgd(0.1, momentum=0.9)),
        ({"kind": "adamw", "b1": 0.9, "weight_decay": 0.1}, optax.adamw(0.1, b1=0.9, weight_decay=0.1)),
        (
            {"decay_steps": 5, "warmup_steps": 2},
            optax.adam(
                optax.join_schedules([optax.linear_schedule(0.0, 0.1, 2), optax.linear_schedule(0.1, 0.0, 5)], [2]),
                b1=0.0,
            ),
        ),
    ],
)
def test_kinds_are_optaxs_bit_for_bit_state_included(section, theirs):
    ours = optimizer(learning_rate=0.1, **section)
    assert jax.tree.structure(ours.init(PARAMS)) == jax.tree.structure(theirs.init(PARAMS))
    jax.tree.map(np.testing.assert_array_equal, run(ours), run(theirs))


@pytest.mark.parametrize(("inside", "first"), [(True, 1e-5 / np.sqrt(0.1e-10 + 1e-8)), (False, None)])
def test_rmsprops_epsilon_is_inside_the_root_or_as_pytorchs_outside(inside, first):
    """torch.optim.RMSprop: v = a v + (1 - a) g^2; w -= lr g / (sqrt(v) + eps)."""
    grads = [np.float32(g) for g in (1e-5, -3e-5, 2e-5)]
    found = run(optimizer(kind="rmsprop", learning_rate=0.1, b2=0.9, eps_in_sqrt=inside), np.float32(0.0), grads)
    weight, v, expected = 0.0, 0.0, []
    for g in grads:
        v = 0.9 * v + 0.1 * float(g) ** 2
        weight -= 0.1 * float(g) / (np.sqrt(v + 1e-8) if inside else np.sqrt(v) + 1e-8)
        expected.append(weight)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    if inside:
        np.testing.assert_allclose(found[0], -0.1 * first, rtol=1e-4)
    else:  # thirty times as far
        assert abs(found[0]) > 0.3


def test_weight_decay_is_l2_for_adam_and_only_where_asked():
    decayed = run(optimizer(learning_rate=0.1, weight_decay=0.5, decay_params=".*/kernel"))
    grads, params, expected = [], PARAMS, None
    # The same as Adam on gradients with 0.5 w added to the kernel's.
    plain = optimizer(learning_rate=0.1)
    state = plain.init(params)
    for gradient in GRADS:
        kernel = gradient["g"]["head"]["kernel"] + 0.5 * params["g"]["head"]["kernel"]
        grads = {"g": {"head": {**gradient["g"]["head"], "kernel": kernel}}}
        updates, state = plain.update(grads, state, params)
        params = expected = optax.apply_updates(params, updates)
    assert_close(decayed[-1], expected)


def test_gradients_are_clipped_by_the_norm_of_them_all():
    clipped = run(optimizer(kind="sgd", learning_rate=1.0, clip_norm=2.0), grads=GRADS[2:])[0]
    norm = np.sqrt(sum(np.sum(np.square(g)) for g in jax.tree.leaves(GRADS[2])))
    assert norm > 2
    assert_close(clipped, jax.tree.map(lambda w, g: w - 2 * g / norm, PARAMS, GRADS[2]))
    small = jax.tree.map(lambda g: g / norm, GRADS[2])
    assert_close(
        run(optimizer(kind="sgd", learning_rate=1.0, clip_norm=2.0), grads=[small])[0],
        jax.tree.map(np.subtract, PARAMS, small),
    )


def test_parameters_that_are_not_trained_stay_and_have_no_state():
    made = optimizer(learning_rate=0.1, train_params="g/head/bias", clip_norm=1.0, weight_decay=0.1)
    found = run(made)[-1]["g"]["head"]
    np.testing.assert_array_equal(found["kernel"], PARAMS["g"]["head"]["kernel"])
    only = {"g": {"head": {"bias": PARAMS["g"]["head"]["bias"]}}}
    grads = [{"g": {"head": {"bias": g["g"]["head"]["bias"]}}} for g in GRADS]
    alone = run(optimizer(learning_rate=0.1, clip_norm=1.0, weight_decay=0.1), only, grads)
    np.testing.assert_array_equal(found["bias"], alone[-1]["g"]["head"]["bias"])
    assert [x.shape for x in jax.tree.leaves(made.init(PARAMS)) if x.ndim] == [(2,), (2,)]


def test_masks_and_clipping_split_over_devices_as_whole():
    """ZeRO-1: the moments of what is trained lie split; the result is that of one device."""
    params = {"g": {"a": np.sin(np.arange(4096.0, dtype=np.float32)).reshape(64, 64), "b": np.ones(8, np.float32)}}
    grads = jax.tree.map(np.cos, params)
    plain = optimizer(kind="adamw", learning_rate=0.1, weight_decay=0.1, train_params="g/a", clip_norm=1.0)
    made, mesh = split_update(plain, ("data", "fsdp")), make_mesh()
    where = shardings({"opt": {"g": jax.eval_shape(made.init, params)}}, ZERO1, mesh)["opt"]["g"]
    assert any(not s.is_fully_replicated for s in jax.tree.leaves(where))
    with jax.set_mesh(mesh):
        state = jax.jit(made.init, out_shardings=where)(params)
        updates, state = jax.jit(made.update, out_shardings=(None, where))(grads, state, params)
    expected, _ = plain.update(grads, plain.init(params), params)
    assert_close(updates, expected, rtol=1e-5)
    assert not jnp.any(updates["g"]["b"])


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"kind": "adagrad"}, "kind='adagrad'; choose from adam, adamw, rmsprop, sgd"),
        ({"schedule": "step"}, "schedule='step'; choose from linear, cosine, exponential, piecewise"),
        ({"schedule": "piecewise"}, "needs as many factors as boundaries"),
        ({"boundaries": (3,), "factors": (0.1,)}, "other schedules take none"),
        ({"schedule": "exponential"}, "'exponential' needs them"),
        ({"decay_params": ".*"}, "give a weight_decay above 0 too"),
    ],
)
def test_contradictions_are_told(section, message):
    with pytest.raises(UserError, match=message):
        optimizer(learning_rate=0.1, **section)


def test_an_expression_that_matches_nothing_is_told():
    with pytest.raises(UserError, match=r"train_params='head' matches none of .* 'g/head/bias'"):
        optimizer(learning_rate=0.1, train_params="head").init(PARAMS)
