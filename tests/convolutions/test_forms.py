"""Every form of a convolution is the same function, of forward convolutions and of their gradients of any order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.convolutions import convolutions_in, convolve, forms, forms_of

NHWC = ("NHWC", "HWIO", "NHWC")
# Name: sides of the kernel, stride, padding, zeros between the pixels, dilation of the kernel, and, where there are
# groups, the kernel's inputs and outputs.
ASKED = {
    "plain": ((3, 3), 1, ((1, 1), (1, 1)), 1, 1),
    "one pixel": ((1, 1), 1, ((0, 0), (0, 0)), 1, 1),
    "wide": ((4, 2), 1, ((2, 1), (0, 1)), 1, 1),
    "strided": ((4, 4), 2, ((1, 1), (2, 0)), 1, 1),
    "transposed": ((4, 4), 1, ((2, 2), (2, 2)), 2, 1),
    "transposed by three, cropped": ((5, 2), 1, ((3, 2), (0, -1)), 3, 1),
    "dilated": ((3, 3), 1, ((2, 2), (0, 2)), 1, 2),
    "grouped": ((3, 2), 2, ((1, 1), (0, 1)), 1, 1, (2, 9)),
    "depthwise": ((3, 3), 2, ((1, 1), (0, 2)), 1, 1, (1, 6)),
    "depthwise, of several outputs": ((3, 3), 1, ((1, 1), (1, 1)), 1, 2, (1, 12)),
}


def drawn(shape, dtype="float32", seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def found(name):
    """The convolutions of one and of its gradients; of one name those of the gradients' gradients too."""
    sides, stride, pads, spread, dilation, *grouped = ASKED[name]
    channels, (inputs, outputs) = (6, grouped[0]) if grouped else (3, (3, 4))

    def convolved(x, kernel):
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            (stride, stride),
            pads,
            lhs_dilation=(spread, spread),
            rhs_dilation=(dilation, dilation),
            dimension_numbers=NHWC,
            feature_group_count=channels // inputs,
        )

    def first(x, kernel):
        return jax.grad(lambda x, kernel: jnp.sin(convolved(x, kernel)).sum(), (0, 1))(x, kernel)

    def second(x, kernel):
        return jax.grad(lambda x, kernel: sum(jnp.square(g).sum() for g in first(x, kernel)), (0, 1))(x, kernel)

    function = second if name == "strided" else first
    asked = convolutions_in(jax.make_jaxpr(function)(drawn((2, 7, 6, channels)), drawn((*sides, inputs, outputs))))
    assert len(asked) >= 3
    return asked


FAST = ("plain", "strided", "transposed", "depthwise")


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in ASKED]
)
def test_forms_are_xlas_function_and_gradients(name):
    for asked in found(name):
        x, kernel = drawn(asked.lhs), drawn(asked.rhs, seed=1)
        names = forms_of(asked)

        def all_of_them(x, kernel, asked=asked, names=names):
            return [convolve(x, kernel, asked, form=form) for form in names]

        wanted, *others = jax.jit(all_of_them)(x, kernel)
        # Gradients of kernels of groups have none.
        assert names[0] == "xla" and (len(names) > 1 or asked.batch_groups > 1)
        for form, got in zip(names[1:], others):
            assert got.shape == asked.out
            scale = np.abs(wanted).max()
            np.testing.assert_allclose(got / scale, wanted / scale, atol=1e-5, err_msg=f"{form} of {asked.text()}")


def test_what_goes_wrong_on_a_cpu_has_other_forms():
    kernels = [asked for asked in found("plain") if asked.places == (3, 3)]
    assert kernels and all({"places", "windows"} <= set(forms_of(asked)) for asked in kernels)
    spread = [asked for asked in found("strided") if asked.lhs_dilation == (2, 2)]
    assert spread and all({"phases", "phases+products"} <= set(forms_of(asked)) for asked in spread)
    assert any("winograd" in forms_of(asked) for asked in found("plain"))
    assert {"shifts", "phases+shifts"} <= {form for asked in found("depthwise") for form in forms_of(asked)}


def forward(shape=(3, 6, 6, 4), kernel=(3, 3, 4, 5), dtype="float32", groups=1):
    def function(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=NHWC, feature_group_count=groups
        )

    (asked,) = convolutions_in(jax.make_jaxpr(function)(drawn(shape, dtype), drawn(kernel, dtype)))
    return asked


def test_sixteen_bits_are_accumulated_in_thirty_two():
    asked = forward(dtype="bfloat16")
    x, kernel = drawn(asked.lhs, "bfloat16"), drawn(asked.rhs, "bfloat16", seed=1)
    wanted = convolve(x.astype("float32"), kernel.astype("float32"), forward(), form="xla")
    for form in forms_of(asked):
        got = convolve(x, kernel, asked, form=form)
        assert got.dtype == jnp.bfloat16
        # Of Winograd's the sums and differences of tiles and kernels are rounded too.
        scale = (0.03 if form == "winograd" else 0.01) * np.abs(wanted).max()
        np.testing.assert_allclose(got.astype(np.float32), wanted, atol=scale, err_msg=form)


def test_large_patches_are_made_in_parts(monkeypatch):
    asked = forward()
    x, kernel = drawn(asked.lhs), drawn(asked.rhs, seed=1)
    whole = convolve(x, kernel, asked, form="patches")
    monkeypatch.setattr(forms, "BUDGET_BYTES", 1)
    assert "scan" in str(jax.make_jaxpr(lambda x: convolve(x, kernel, asked, form="patches"))(x))
    np.testing.assert_allclose(convolve(x, kernel, asked, form="patches"), whole, rtol=1e-5, atol=1e-5)
    gradient = next(each for each in found("plain") if each.places == (3, 3))
    assert "windows" not in forms_of(gradient)


def test_a_form_that_there_is_not_is_refused():
    grouped = forward(kernel=(3, 3, 1, 4), groups=4)
    assert forms_of(grouped) == ("xla", "shifts")
    x, kernel = drawn(grouped.lhs), drawn(grouped.rhs)
    with pytest.raises(ValueError, match=r"form='products' of float32 3x6x6x4.* groups 4; it has xla, shifts"):
        convolve(x, kernel, grouped, form="products")


def test_texts_tell_convolutions_apart():
    asked = {each for name in ASKED for each in found(name)} | {forward(dtype="bfloat16")}
    assert len({each.text() for each in asked}) == len(asked)
