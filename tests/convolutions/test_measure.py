"""Choosing by times: what is chosen follows from them, and they are not taken here."""

import jax
import jax.numpy as jnp
import pytest

from jaxgan.convolutions import choose_by_measuring, convolutions_in, fastest, measure


def gradients():
    def loss(x, kernel):
        y = jax.lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return jnp.square(y).sum()

    shapes = [jax.ShapeDtypeStruct(shape, "float32") for shape in ((2, 8, 8, 3), (4, 4, 3, 5))]
    return convolutions_in(jax.make_jaxpr(jax.grad(loss, (0, 1)))(*shapes))


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass by calls of forms alone, each as many as ``times`` says; what was compiled."""
    now, compiled, times = [0.0], [], {}

    def form_of(asked, form):
        compiled.append((asked, form))

        def call():
            now[0] += times.get(form, 1.0)

        return call

    monkeypatch.setattr(measure, "compiled_form", form_of)
    monkeypatch.setattr(measure, "product_rate", lambda dtype: 1e12)
    monkeypatch.setattr(measure.time, "perf_counter", lambda: now[0])
    return times, compiled


def test_another_form_is_taken_where_it_is_clearly_faster():
    assert fastest({"xla": 1.0, "products": 0.5, "patches": 0.7}) == "products"
    assert fastest({"xla": 1.0, "products": 0.95}) == "xla"
    assert fastest({"xla": 1.0}) == "xla"


def test_the_fastest_form_of_each_is_chosen(clock):
    times, _ = clock
    times |= {"xla": 1.0, "phases": 0.5, "windows": 0.25, "products": 0.4}
    chosen = choose_by_measuring(gradients(), seconds=1e6)
    assert sorted(chosen.values()) == ["phases", "windows", "windows"]


def test_where_xla_is_as_fast_as_products_nothing_else_is_compiled(clock):
    times, compiled = clock
    times["xla"] = 1e-6
    assert choose_by_measuring(gradients(), seconds=1e6) == {}
    assert {form for _, form in compiled} == {"xla"}


def test_it_ends_in_time(clock):
    _, compiled = clock
    assert choose_by_measuring(gradients(), seconds=0.0) == {}
    assert len(compiled) <= 1
    assert len(choose_by_measuring(gradients(), seconds=9.0)) == 1


def test_real_forms_run():
    asked = next(iter(gradients()))
    measure.compiled_form(asked, "xla")()
    assert measure.product_rate("float32") > 0
