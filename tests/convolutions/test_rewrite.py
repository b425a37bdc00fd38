"""Programs whose convolutions have other forms: the same values, wherever the convolutions stand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.convolutions import WithForms, convolutions_in, forms_of

X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 6, 3)), jnp.float32)


def last_form(found):
    return {asked: forms_of(asked)[-1] for asked in found}


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Conv(3, (3, 3), use_bias=False)(jnp.tanh(nn.Conv(4, (4, 4), strides=2)(x))).sum()


PARAMS = Net().init(jax.random.key(0), X)


@jax.custom_vjp
def own_rule(params, x):
    return Net().apply(params, x)


own_rule.defvjp(lambda params, x: (own_rule(params, x), params), lambda params, g: (params, None))


def in_scan(params, x):
    return jax.lax.scan(lambda sum, _: (sum + Net().apply(params, x), None), 0.0, length=3)[0]


def in_cond(params, x):
    return jax.lax.cond(x[0, 0, 0, 0] > 0, Net().apply, lambda params, x: x.sum(), params, x)


PROGRAMS = {
    "forward": Net().apply,
    "gradients": jax.grad(Net().apply, (0, 1)),
    "second gradients": jax.grad(lambda p, x: jnp.square(jax.grad(Net().apply, 1)(p, x)).sum()),
    "jit": jax.jit(Net().apply),
    "scan": in_scan,
    "cond": in_cond,
    "checkpoint": jax.grad(jax.checkpoint(Net().apply)),
    "vmap": jax.vmap(Net().apply, (None, 0)),
    "a rule of its own": own_rule,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_stay(name):
    function = PROGRAMS[name]
    x = X[:, None] if name == "vmap" else X
    rewritten = jax.jit(WithForms(function, last_form))
    before = convolutions_in(jax.make_jaxpr(function)(PARAMS, x))
    after = convolutions_in(rewritten.trace(PARAMS, x).jaxpr)
    assert sum(before.values()) >= 2 and not after, (before, after)
    one, other = rewritten(PARAMS, x), jax.jit(function)(PARAMS, x)
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for got, wanted in zip(jax.tree.leaves(one), jax.tree.leaves(other)):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_rules_of_differentiation_stay():
    got = jax.grad(WithForms(own_rule, last_form))(PARAMS, X)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), got, PARAMS))


def test_layers_keep_their_names():
    text = jax.jit(WithForms(jax.grad(Net().apply), last_form)).lower(PARAMS, X).compile().as_text()
    for layer in ("jvp(Net)/Conv_1", "transpose(jvp(Net))/Conv_1"):
        assert f"/{layer}/jit(convolution_by_" in text


def test_what_is_left_out_stays_xlas_and_equal_functions_are_compiled_once():
    traced = []

    def first_alone(found):
        traced.append(found)
        asked = next(iter(found))
        return {asked: forms_of(asked)[-1]}

    jaxpr = jax.jit(WithForms(PROGRAMS["forward"], first_alone)).trace(PARAMS, X).jaxpr
    assert len(convolutions_in(jaxpr)) == 1
    run = jax.jit(lambda params, x: x.sum())
    assert not convolutions_in(jax.jit(WithForms(run, first_alone)).trace(PARAMS, X).jaxpr)
    call = jax.jit(WithForms.__call__, static_argnums=0)
    del traced[:]
    for _ in range(2):
        call(WithForms(in_scan, first_alone), PARAMS, X)
    assert len(traced) == 1


def test_it_chooses_while_nothing_is_traced():
    def by_computing(found):
        return {asked: "products" for asked in found if float(jnp.ones(()).sum()) == 1.0}

    assert not convolutions_in(jax.jit(WithForms(Net().apply, by_computing)).trace(PARAMS, X).jaxpr)
