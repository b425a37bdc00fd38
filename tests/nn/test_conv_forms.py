"""Every form of a convolution is the same function, with the same gradients of first and second order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import conv_forms
from jaxgan.nn.conv_forms import FORMS, conv_in_form

RNG = np.random.default_rng(0)


def drawn(kernel=(3, 3), size=(7, 6)):
    return (
        RNG.normal(size=(3, *size, 4)).astype(np.float32),
        RNG.normal(size=(*kernel, 4, 5)).astype(np.float32),
    )


@pytest.mark.parametrize("form", FORMS[1:])
@pytest.mark.parametrize(
    ("kernel", "pads"),
    [((3, 3), ((1, 1), (1, 1))), ((3, 3), ((0, 0), (2, 1))), ((1, 1), ((0, 0), (0, 0))), ((4, 2), ((2, 1), (0, 1)))],
)
def test_it_is_xlas_with_its_gradients(form, kernel, pads):
    if form == "winograd" and kernel != (3, 3):
        with pytest.raises(ValueError, match="'winograd' is for kernels of 3x3"):
            conv_in_form(*drawn(kernel), pads, form=form)
        return
    x, weights = drawn(kernel)

    def value(form):
        return lambda x, w: jnp.sin(conv_in_form(x, w, pads, form=form)).sum()

    def second(form):
        return lambda x, w: jnp.square(jax.grad(value(form))(x, w)).sum()

    for make in (value, second):
        np.testing.assert_allclose(make(form)(x, weights), make("xla")(x, weights), rtol=1e-3)
        got, wanted = (jax.jit(jax.grad(make(each), (0, 1)))(x, weights) for each in (form, "xla"))
        for one, other in zip(got, wanted):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(other).max())
    np.testing.assert_allclose(
        conv_in_form(x, weights, pads, form=form), conv_in_form(x, weights, pads, form="xla"), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("form", FORMS)
def test_sixteen_bits_are_accumulated_in_thirty_two(form):
    x, weights = (each.astype(jnp.bfloat16) for each in drawn())
    pads = ((1, 1), (1, 1))
    got = conv_in_form(x, weights, pads, form=form)
    wanted = conv_in_form(x.astype(np.float32), weights.astype(np.float32), pads, form="xla")
    assert got.dtype == jnp.bfloat16
    # Of Winograd's the sums and differences of tiles and kernels are rounded too.
    scale = (0.03 if form == "winograd" else 0.01) * np.abs(wanted).max()
    np.testing.assert_allclose(got.astype(np.float32), wanted, atol=scale)


def test_large_patches_are_made_in_parts(monkeypatch):
    x, weights = drawn()
    pads = ((1, 1), (1, 1))
    whole = conv_in_form(x, weights, pads, form="patches")
    monkeypatch.setattr(conv_forms, "BUDGET_BYTES", 1)
    jaxpr = str(jax.make_jaxpr(lambda x: conv_in_form(x, weights, pads, form="patches"))(x))
    assert "scan" in jaxpr
    np.testing.assert_allclose(conv_in_form(x, weights, pads, form="patches"), whole, rtol=1e-5, atol=1e-5)


def test_gradients_keep_the_image_and_the_kernel_alone():
    x, weights = drawn()
    for form in FORMS[1:]:
        _, pull = jax.vjp(lambda x, w, f=form: conv_in_form(x, w, ((1, 1), (1, 1)), form=f), x, weights)
        kept = sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(pull))
        assert kept <= 2 * (x.size + 3 * 5 * (7 * 2 + 6 * 2 + 4) * 4 + weights.size), (form, kept)


def test_what_cannot_be_convolved_is_refused():
    x, weights = drawn()
    with pytest.raises(ValueError, match="form='fft' of a convolution; choose from xla, products, patches, winograd"):
        conv_in_form(x, weights, ((1, 1), (1, 1)), form="fft")
    with pytest.raises(ValueError, match="sees nothing"):
        conv_in_form(x[:, :2], weights, ((0, 0), (0, 0)), form="products")
