"""Filters against a direct convolution in float64, derivatives of both orders, and the convolutions around them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import filtered_conv
from jaxgan.nn.modulated_conv import FORMS, modulated_conv
from jaxgan.nn.stride_two import FORMS as STRIDES
from jaxgan.nn.stride_two import conv_spread_two, conv_stride_two
from jaxgan.nn.upfirdn import BINOMIAL, downsample, upfirdn, upsample

RNG = np.random.default_rng(0)


def direct(x, taps, up, down, pads, gain):
    """Written out: zeros between, zeros around or a crop, a convolution, every so many."""
    taps = np.asarray(taps, np.float64) / np.sum(taps) * np.sqrt(gain)
    (top, bottom), (left, right) = pads if isinstance(pads[0], tuple) else (pads, pads)
    b, h, w, c = x.shape
    wide = np.zeros((b, h * up, w * up, c))
    wide[:, ::up, ::up] = x
    grow = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))]
    wide = np.pad(wide, ((0, 0), *grow, (0, 0)))
    wide = wide[:, max(-top, 0) : wide.shape[1] - max(-bottom, 0), max(-left, 0) : wide.shape[2] - max(-right, 0)]
    n = len(taps)
    out = np.zeros((b, wide.shape[1] - n + 1, wide.shape[2] - n + 1, c))
    for i in range(n):
        for j in range(n):
            part = wide[:, i : i + out.shape[1], j : j + out.shape[2]]
            out += taps[n - 1 - i] * taps[n - 1 - j] * part
    return out[:, ::down, ::down]


@pytest.mark.parametrize(
    ("taps", "up", "down", "pads", "gain"),
    [
        (BINOMIAL, 1, 1, (2, 1), 1.0),
        (BINOMIAL, 2, 1, (2, 1), 4.0),
        (BINOMIAL, 1, 2, (1, 1), 1.0),
        ((1, 2, 4), 3, 1, ((1, 0), (-1, 4)), 9.0),
        ((1, 2, 4, 3, 1), 2, 3, ((2, 5), (0, -1)), 2.0),
        ((1,), 2, 1, (0, 0), 4.0),
    ],
)
def test_is_a_direct_convolution(taps, up, down, pads, gain):
    x = RNG.normal(size=(2, 5, 6, 3)).astype(np.float32)
    found = jax.jit(lambda x: upfirdn(x, taps, up=up, down=down, pads=pads, gain=gain))(x)
    np.testing.assert_allclose(found, direct(x.astype(np.float64), taps, up, down, pads, gain), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("function", [upsample, downsample], ids=["up", "down"])
def test_first_and_second_derivatives_are_those_of_a_linear_map(function):
    x, v = (RNG.normal(size=(1, 6, 6, 2)).astype(np.float32) for _ in range(2))
    y, tangent = jax.jvp(function, (x,), (v,))
    np.testing.assert_allclose(tangent, function(v), rtol=1e-5, atol=1e-6)
    u = RNG.normal(size=y.shape).astype(np.float32)
    (back,) = jax.vjp(function, x)[1](u)
    assert np.vdot(back, v) == pytest.approx(np.vdot(u, function(v)), rel=1e-4)
    # Of sum(A(x)^3) the Hessian along v is 6 A^T (A(x) * A v).
    hessian = jax.jvp(jax.grad(lambda x: (function(x) ** 3).sum()), (x,), (v,))[1]
    (expected,) = jax.vjp(function, x)[1](6 * y * tangent)
    np.testing.assert_allclose(hessian, expected, rtol=1e-4, atol=1e-5)


def test_the_mean_stays():
    x = np.ones((1, 8, 8, 1), np.float32)
    np.testing.assert_allclose(upsample(x)[:, 2:-2, 2:-2], 1, rtol=1e-6)
    np.testing.assert_allclose(downsample(x)[:, 1:-1, 1:-1], 1, rtol=1e-6)
    assert upsample(x).shape == (1, 16, 16, 1) and downsample(x).shape == (1, 4, 4, 1)
    with pytest.raises(ValueError, match=r"upfirdn of 2 pixels, up=1, pads \(0, 0\) and 4 taps leaves nothing"):
        upfirdn(x[:, :2])


@pytest.mark.parametrize("form", STRIDES)
@pytest.mark.parametrize("sides", [(3, 3), (2, 3), (2, 2), (4, 5)])
def test_strides_of_two_and_their_transposes(sides, form):
    x, kernel = RNG.normal(size=(2, 7, 8, 3)).astype(np.float32), RNG.normal(size=(*sides, 3, 2)).astype(np.float32)
    spread = conv_spread_two(x, kernel, form=form)
    np.testing.assert_allclose(spread, spread_by_hand(x, kernel), rtol=1e-4, atol=1e-4)
    found = conv_stride_two(x, kernel, form=form)
    # One is the transpose of the other, with inputs and outputs exchanged.
    u = RNG.normal(size=found.shape).astype(np.float32)
    back = spread_by_hand(u, kernel.swapaxes(2, 3))
    wide = np.zeros(x.shape)
    wide[:, : back.shape[1], : back.shape[2]] = back[:, :7, :8]
    assert np.vdot(found, u) == pytest.approx(np.vdot(x, wide), rel=1e-4)


def spread_by_hand(x, kernel):
    """Each pixel adds its kernel, two places from the next one's."""
    b, h, w, _ = x.shape
    k, m, _, d = kernel.shape
    out = np.zeros((b, 2 * (h - 1) + k, 2 * (w - 1) + m, d))
    for i, j in np.ndindex(h, w):
        out[:, 2 * i : 2 * i + k, 2 * j : 2 * j + m] += np.einsum("bc,klcd->bkld", x[:, i, j], kernel)
    return out


@pytest.mark.parametrize("form", STRIDES)
def test_convolutions_that_filter(form):
    x, kernel = RNG.normal(size=(2, 4, 6, 3)), RNG.normal(size=(3, 3, 3, 5))
    up = filtered_conv.up_conv(x.astype(np.float32), kernel.astype(np.float32), form=form)
    expected = direct(spread_by_hand(x, kernel), BINOMIAL, 1, 1, (1, 1), 4.0)
    np.testing.assert_allclose(up, expected, rtol=1e-4, atol=1e-4)
    down = filtered_conv.conv_down(x.astype(np.float32), kernel.astype(np.float32), form=form)
    smooth = direct(x, BINOMIAL, 1, 1, (2, 2), 1.0)
    every = np.stack(
        [
            [np.einsum("bklc,klcd->bd", smooth[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3], kernel) for j in range(3)]
            for i in range(2)
        ]
    )
    np.testing.assert_allclose(down, np.moveaxis(every, 2, 0), rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="conv_down needs even height and width, got 3x6"):
        filtered_conv.conv_down(x[:, :3], kernel, form=form)


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
def test_a_modulated_convolution_is_a_convolution_of_each_example_by_weights_of_its_own(demodulate, up):
    x = RNG.normal(size=(3, 4, 4, 5)).astype(np.float32)
    kernel = RNG.normal(size=(3, 3, 5, 2)).astype(np.float32)
    styles = RNG.normal(size=(3, 5)).astype(np.float32)
    found = {
        form: jax.jit(lambda x, k, s, form=form: modulated_conv(x, k, s, demodulate=demodulate, up=up, form=form))(
            x, kernel, styles
        )
        for form in FORMS
    }
    for row in range(3):
        weights = kernel.astype(np.float64) * styles[row][:, None]
        if demodulate:
            weights /= np.sqrt(np.square(weights).sum((0, 1, 2)) + 1e-8)
        one = x[row : row + 1], weights.astype(np.float32)
        expected = filtered_conv.up_conv(*one) if up else filtered_conv.convolve(*one, padding=1)
        for form in FORMS:
            np.testing.assert_allclose(found[form][row], expected[0], rtol=1e-4, atol=1e-5)
    half = modulated_conv(jnp.asarray(x, jnp.bfloat16), 1e3 * kernel, 1e3 * styles, up=up)
    whole = modulated_conv(x, kernel, styles, up=up)
    assert half.dtype == jnp.bfloat16
    assert np.abs(np.asarray(half, np.float32) - whole).max() < 0.03 * np.abs(whole).max()


def test_unknown_forms_are_refused():
    with pytest.raises(ValueError, match="form='wide' of a modulated convolution; choose from scaled, grouped"):
        modulated_conv(np.zeros((1, 4, 4, 1)), np.zeros((3, 3, 1, 1)), np.zeros((1, 1)), form="wide")
    with pytest.raises(ValueError, match="form='wide'; choose from auto, strided, phases"):
        filtered_conv.up_conv(np.zeros((1, 4, 4, 1)), np.zeros((3, 3, 1, 1)), form="wide")


def convolutions_in(jaxpr):
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            yield equation.params
        for value in equation.params.values():
            if hasattr(value, "jaxpr"):
                yield from convolutions_in(value.jaxpr)


@pytest.mark.parametrize("conv", [conv_spread_two, conv_stride_two])
def test_derivatives_of_both_orders_neither_stride_nor_dilate_nor_pad_on_both_sides(conv):
    """Strides, dilations and padding on both sides leave XLA:CPU's fast path."""
    x, kernel = np.zeros((2, 9, 9, 3), np.float32), np.zeros((3, 3, 3, 5), np.float32)

    def slope(x, kernel):
        return jax.grad(lambda x: (conv(x, kernel, form="phases") ** 2).sum())(x)

    jaxpr = jax.make_jaxpr(jax.grad(lambda x, kernel: (slope(x, kernel) ** 2).sum(), (0, 1)))(x, kernel)
    found = list(convolutions_in(jaxpr.jaxpr))
    assert len(found) > 12
    for params in found:
        assert set(params["window_strides"] + params["lhs_dilation"] + params["rhs_dilation"]) == {1}
        assert not any(low > 0 and high > 0 for low, high in params["padding"]), params["padding"]
