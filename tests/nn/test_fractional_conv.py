import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn.fractional_conv import FORMS, fractional_conv, up_conv

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 4, 3)).astype(np.float32)


def transposed(x, kernel, padding, output_padding):
    """Torch's ConvTranspose2d of stride two: every pixel adds its multiple of the kernel [k, k, C, D]."""
    b, h, w, _ = x.shape
    k = kernel.shape[0]
    out = np.zeros((b, 2 * (h - 1) + k + output_padding, 2 * (w - 1) + k + output_padding, kernel.shape[-1]))
    for i in range(h):
        for j in range(w):
            out[:, 2 * i : 2 * i + k, 2 * j : 2 * j + k] += np.einsum("bc,klcd->bkld", x[:, i, j], kernel)
    return out[:, padding : out.shape[1] - padding, padding : out.shape[2] - padding]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("side", "output_padding"), [(2, 0), (3, 1), (4, 0), (5, 1), (6, 0)])
def test_forms_are_torchs_transposed_convolution(side, output_padding, form):
    kernel = RNG.normal(size=(side, side, 3, 2)).astype(np.float32)
    # A convolution takes the kernel turned by half.
    got = fractional_conv(X, kernel[::-1, ::-1], form=form)
    expected = transposed(X.astype(np.float64), kernel, (side - 1) // 2, output_padding)
    assert got.shape == (2, 6, 8, 2)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("side", [4, 5])
def test_gradients_agree(side):
    kernel = RNG.normal(size=(side, side, 3, 2)).astype(np.float32)
    weights = RNG.normal(size=(2, 6, 8, 2)).astype(np.float32)

    def gradients(form):
        return jax.grad(lambda x, k: (weights * fractional_conv(x, k, form=form)).sum(), argnums=(0, 1))(X, kernel)

    for strided, phases in zip(gradients("strided"), gradients("phases")):
        np.testing.assert_allclose(strided, phases, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("resample", ["auto", *FORMS])
def test_layers_have_a_plain_convolutions_parameters(resample):
    layer = up_conv(2, 4, resample=resample, spectral_norm=True)
    variables = layer.init(jax.random.key(0), X)
    assert variables["params"]["kernel"].shape == (4, 4, 3, 2) and variables["params"]["bias"].shape == (2,)
    kernel = variables["params"]["kernel"]
    params = {"kernel": kernel, "bias": jnp.array([1.0, -2.0])}
    bias = params["bias"].reshape(1, 1, 1, 2)
    plain = up_conv(2, 4, resample=resample, spectral_norm=False).apply({"params": params}, X)
    expected = fractional_conv(X, kernel, form="strided") + bias
    np.testing.assert_allclose(plain, expected, rtol=1e-5, atol=1e-5)
    normalized = layer.apply({**variables, "params": params}, X)
    ratio = (normalized - bias) / (plain - bias)
    np.testing.assert_allclose(ratio, np.full(ratio.shape, ratio[0, 0, 0, 0]), rtol=1e-3)
    half = up_conv(2, 4, resample=resample, spectral_norm=False, dtype=jnp.bfloat16).apply({"params": params}, X)
    assert half.dtype == jnp.bfloat16


def test_errors_say_what_would_do():
    with pytest.raises(ValueError, match="choose from strided, phases"):
        fractional_conv(X, np.zeros((4, 4, 3, 2)), form="products")
    with pytest.raises(ValueError, match=r"square kernel .* got \[4, 5, 3, 2\]"):
        fractional_conv(X, np.zeros((4, 5, 3, 2)), form="strided")
    with pytest.raises(ValueError, match="choose from auto, strided, phases"):
        up_conv(2, 4, resample="products")
