import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractDevice, AbstractMesh, AxisType

from jaxgan.nn import SelfAttention
from jaxgan.nn.attention import attend, attention_slices, chunked_attention
from jaxgan.parallel import AXES

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


@pytest.mark.parametrize("slices", [1, 2, 8])
def test_slices_of_the_queries_equal_the_whole_and_so_do_gradients(slices):
    rng = np.random.default_rng(1)
    theta, phi, g = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((2, 16, 3), (2, 4, 3), (2, 4, 5)))
    ct = rng.normal(size=(2, 16, 5)).astype(np.float32)
    whole, pull = jax.vjp(attend, theta, phi, g)
    got, pull_slices = jax.vjp(lambda *x: chunked_attention(*x, slices), theta, phi, g)
    np.testing.assert_allclose(got, whole, atol=1e-6)
    for a, b in zip(pull_slices(ct), pull(ct), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_slices_that_do_not_divide_raise():
    x = jnp.zeros((1, 6, 2))
    with pytest.raises(ValueError, match="4 slices do not divide 6 queries"):
        chunked_attention(x, x, x, 4)


def test_scores_are_sliced_on_tpu_alone_to_what_its_vector_memory_holds():
    device = AbstractDevice(device_kind="TPU v5 lite", num_cores=1, platform="tpu")
    mesh = AbstractMesh((1, 1, 1), AXES, (AxisType.Auto,) * 3, abstract_device=device)
    assert attention_slices(32, 4096, 1024) == 1
    with jax.sharding.use_abstract_mesh(mesh):
        assert attention_slices(32, 4096, 1024) == 16
        assert attention_slices(16, 4096, 1024) == 8
        assert attention_slices(512, 4096, 1024) == 16  # no slice has fewer than 256 queries
        assert attention_slices(1, 256, 64) == 1
