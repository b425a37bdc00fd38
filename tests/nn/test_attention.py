import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import SelfAttention

X = np.random.default_rng(0).normal(size=(2, 4, 6, 16)).astype(np.float32)


def pooled(x):
    b, h, w, c = x.shape
    return np.max([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=0).reshape(b, h * w // 4, c)


def reference(params, x, pool=pooled):
    """x + gamma * o(softmax(theta phi^T) g) in float64."""
    x = np.asarray(x, np.float64)
    b, h, w, c = x.shape
    theta, phi, g, o = (np.asarray(params[name]["kernel"], np.float64)[0, 0] for name in ("theta", "phi", "g", "o"))
    scores = (x @ theta).reshape(b, h * w, c // 8) @ pool(x @ phi).transpose(0, 2, 1)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    attended = (weights @ pool(x @ g)).reshape(b, h, w, c // 2)
    return x + float(params["gamma"]) * (attended @ o)


def with_gamma(variables, gamma):
    return {**variables, "params": {**variables["params"], "gamma": jnp.asarray(gamma)}}


def test_starts_as_the_identity_with_the_released_codes_shapes():
    layer = SelfAttention()
    variables = layer.init(jax.random.key(0), X)
    shapes = jax.tree.map(jnp.shape, variables["params"])
    kernels = {"theta": (1, 1, 16, 2), "phi": (1, 1, 16, 2), "g": (1, 1, 16, 8), "o": (1, 1, 8, 16)}
    assert shapes == {"gamma": ()} | {name: {"kernel": shape} for name, shape in kernels.items()}
    assert set(variables["spectral"]) == set(kernels)
    np.testing.assert_array_equal(layer.apply(variables, X), X)


@pytest.mark.parametrize("gamma", [1.0, -0.5])
def test_agrees_with_numpy_on_a_wide_image(gamma):
    layer = SelfAttention(spectral_norm=False)
    variables = with_gamma(layer.init(jax.random.key(1), X), gamma)
    expected = reference(variables["params"], X)
    assert np.abs(expected - X).max() > 0.1
    np.testing.assert_allclose(layer.apply(variables, X), expected, atol=1e-4)


def test_a_single_position_attends_to_itself():
    layer = SelfAttention(spectral_norm=False)
    x = X[:, :1, :1]
    variables = with_gamma(layer.init(jax.random.key(2), x), 1.0)
    expected = reference(variables["params"], x, pool=lambda y: y.reshape(len(y), 1, -1))
    np.testing.assert_allclose(layer.apply(variables, x), expected, atol=1e-5)


def test_too_few_channels_raise():
    with pytest.raises(ValueError, match="at least 8, got 7"):
        SelfAttention().init(jax.random.key(0), X[..., :7])
