import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.nn import Conv, Dense, Embed, fold_spectral_norms, power_iteration

IMAGES = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
VECTORS = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
LABELS = np.array([0, 3, 6, 3], np.int32)

# name -> layer, input, the parameter that is normalised, its output axis
LAYERS = {
    "conv": (Conv(5, (3, 3), bias_init=nn.initializers.normal(1.0)), IMAGES, "kernel", -1),
    "dense": (Dense(5, bias_init=nn.initializers.normal(1.0)), VECTORS, "kernel", -1),
    "embed": (Embed(7, 4), LABELS, "embedding", 0),
}


@pytest.fixture(params=LAYERS)
def case(request):
    layer, x, weight, axis = LAYERS[request.param]
    return layer, x, layer.init(jax.random.key(2), x), weight, axis


def as_matrix(weight, axis):
    return np.moveaxis(np.asarray(weight, np.float64), axis, 0).reshape(weight.shape[axis], -1)


def iterate(matrix, u):
    """One power iteration in float64: sigma, u, v."""
    v = np.asarray(u, np.float64) @ matrix
    v /= np.linalg.norm(v)
    u = matrix @ v
    u /= np.linalg.norm(u)
    return u @ matrix @ v, u, v


def with_weight_divided(variables, weight, sigma):
    params = dict(variables["params"])
    return {"params": params | {weight: params[weight] / np.float32(sigma)}}


def test_one_mutable_apply_is_one_power_iteration(case):
    layer, x, variables, weight, axis = case
    matrix = as_matrix(variables["params"][weight], axis)
    _, expected, _ = iterate(matrix, variables["spectral"]["u"])
    _, moved = layer.apply(variables, x, mutable=["spectral"])
    np.testing.assert_allclose(moved["spectral"]["u"], expected, atol=1e-6)
    assert np.linalg.norm(expected - variables["spectral"]["u"]) > 0.1


def test_only_a_mutable_apply_moves_u(case):
    layer, x, variables, _, _ = case
    out, moved = layer.apply(variables, x, mutable=["batch_stats"])
    assert "spectral" not in moved
    # Both kinds of apply divide by the same estimate.
    np.testing.assert_array_equal(out, layer.apply(variables, x, mutable=["spectral"])[0])


def test_sigma_converges_to_the_largest_singular_value(case):
    layer, x, variables, weight, axis = case
    step = jax.jit(lambda u: layer.apply(variables | {"spectral": u}, x, mutable=["spectral"])[1]["spectral"])
    u = variables["spectral"]
    for _ in range(150):
        u = step(u)
    matrix = as_matrix(variables["params"][weight], axis)
    sigma, _ = power_iteration(jnp.asarray(matrix, jnp.float32), u["u"])
    np.testing.assert_allclose(sigma, np.linalg.svd(matrix, compute_uv=False)[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "plain"), [("conv", nn.Conv(5, (3, 3))), ("dense", nn.Dense(5)), ("embed", nn.Embed(7, 4))]
)
def test_output_is_the_plain_layer_with_the_weight_divided(name, plain):
    layer, x, weight, axis = LAYERS[name]
    variables = layer.init(jax.random.key(2), x)
    sigma, _, _ = iterate(as_matrix(variables["params"][weight], axis), variables["spectral"]["u"])
    expected = plain.apply(with_weight_divided(variables, weight, sigma), x)
    np.testing.assert_allclose(layer.apply(variables, x), expected, atol=1e-5)
    unnormalised = layer.clone(spectral_norm=False)
    assert set(unnormalised.init(jax.random.key(2), x)) == {"params"}
    only_params = {"params": variables["params"]}
    np.testing.assert_array_equal(unnormalised.apply(only_params, x), plain.apply(only_params, x))


@pytest.mark.parametrize(
    ("ours", "theirs", "x"),
    [
        (Dense(5, sn_eps=1e-12), functools.partial(nn.Dense, 5), VECTORS),
        (Conv(5, (3, 3), sn_eps=1e-12), functools.partial(nn.Conv, 5, (3, 3)), IMAGES),
    ],
)
def test_agrees_with_flax_spectral_norm(ours, theirs, x):
    class Wrapped(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.SpectralNorm(theirs(name="inner"), name="norm")(x, update_stats=True)

    variables = ours.init(jax.random.key(3), x)
    stats = {"inner/kernel/u": variables["spectral"]["u"][None], "inner/kernel/sigma": jnp.ones(())}
    reference = {"params": {"inner": variables["params"]}, "batch_stats": {"norm": stats}}
    for _ in range(3):
        expected, stats = Wrapped().apply(reference, x, mutable=["batch_stats"])
        got, moved = ours.apply(variables, x, mutable=["spectral"])
        np.testing.assert_allclose(got, expected, atol=1e-5)
        np.testing.assert_allclose(moved["spectral"]["u"], stats["batch_stats"]["norm"]["inner/kernel/u"][0], atol=1e-5)
        reference, variables = reference | stats, variables | moved


def test_gradient_flows_through_sigma_and_not_through_u_and_v():
    layer, x, _, _ = LAYERS["dense"]
    variables = layer.init(jax.random.key(5), x)
    cotangent = np.random.default_rng(6).normal(size=(len(x), 5)).astype(np.float32)

    def loss(kernel):
        params = dict(variables["params"]) | {"kernel": kernel}
        return (layer.apply(variables | {"params": params}, x) * cotangent).sum()

    matrix = as_matrix(variables["params"]["kernel"], -1)
    sigma, u, v = iterate(matrix, variables["spectral"]["u"])
    g = (np.asarray(x, np.float64).T @ cotangent).T
    expected = (g - (g * matrix / sigma).sum() * np.outer(u, v)) / sigma
    np.testing.assert_allclose(jax.grad(loss)(variables["params"]["kernel"]), expected.T, rtol=1e-4, atol=1e-5)


def test_init_does_not_move_u():
    # One iteration on a matrix of rank one lands on its singular vector, here the constant one.
    layer = Dense(16, kernel_init=nn.initializers.ones)
    variables = layer.init(jax.random.key(7), VECTORS)
    u = variables["spectral"]["u"]
    np.testing.assert_allclose(jnp.linalg.norm(u), 1.0, rtol=1e-6)
    assert abs(u.sum()) / 4 < 0.9
    _, moved = layer.apply(variables, VECTORS, mutable=["spectral"])
    np.testing.assert_allclose(abs(moved["spectral"]["u"].sum()) / 4, 1.0, rtol=1e-5)


@pytest.mark.parametrize("param_dtype", [jnp.float32, jnp.bfloat16])
def test_bfloat16_computes_but_u_stays_float32(case, param_dtype):
    layer, x, variables, weight, _ = case
    half = layer.clone(dtype=jnp.bfloat16, param_dtype=param_dtype)
    fresh = half.init(jax.random.key(2), x)
    assert fresh["params"][weight].dtype == param_dtype
    assert fresh["spectral"]["u"].dtype == jnp.float32
    params = jax.tree.map(lambda p: p.astype(param_dtype), variables["params"])
    out, moved = half.apply(variables | {"params": params}, x, mutable=["spectral"])
    assert out.dtype == jnp.bfloat16
    assert moved["spectral"]["u"].dtype == jnp.float32
    np.testing.assert_allclose(out.astype(jnp.float32), layer.apply(variables, x), rtol=0.05, atol=0.05)


def test_embed_mixes_rows_by_float_weights():
    layer, _, _, _ = LAYERS["embed"]
    variables = layer.init(jax.random.key(8), LABELS)
    rows = layer.apply(variables, np.arange(7))
    np.testing.assert_allclose(layer.apply(variables, jax.nn.one_hot(LABELS, 7)), rows[LABELS], atol=1e-6)
    halves = np.zeros((1, 7), np.float32)
    halves[0, [1, 4]] = 0.25, 0.75
    np.testing.assert_allclose(layer.apply(variables, halves)[0], 0.25 * rows[1] + 0.75 * rows[4], atol=1e-6)
    with pytest.raises(ValueError, match=r"\[B, 7\].*\(2, 6\)"):
        layer.apply(variables, np.zeros((2, 6), np.float32))


def test_folded_weights_give_the_same_and_cannot_be_trained(case):
    layer, x, variables, weight, _ = case
    folded = jax.jit(fold_spectral_norms)(variables)
    assert not np.array_equal(folded["params"][weight], variables["params"][weight])
    np.testing.assert_allclose(layer.apply(folded, x), layer.apply(variables, x), rtol=1e-6, atol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, fold_spectral_norms(folded), folded)
    with pytest.raises(ValueError, match="train those they came from"):
        layer.apply(folded, x, mutable=["spectral"])


class Head(nn.Module):
    @nn.compact
    def __call__(self, features, labels):
        return Dense(4, name="linear")(features) + Embed(7, 4, name="embed")(labels)


def test_folding_reaches_layers_inside_layers_and_leaves_others_alone():
    head = Head()
    x = jnp.asarray(VECTORS[:2])
    variables = head.init(jax.random.key(0), x, LABELS[:2])
    folded = fold_spectral_norms(variables)
    assert set(folded["spectral"]) == {"linear", "embed"}
    np.testing.assert_allclose(head.apply(folded, x, LABELS[:2]), head.apply(variables, x, LABELS[:2]), rtol=1e-5)
    plain = {"params": {"kernel": jnp.ones((2, 2))}}
    jax.tree.map(np.testing.assert_array_equal, fold_spectral_norms(plain), plain)
