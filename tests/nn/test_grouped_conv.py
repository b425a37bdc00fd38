import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.nn import grouped_conv as module
from jaxgan.nn.grouped_conv import FORMS, choose_grouped_form, grouped_conv, grouped_hooks

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4, 5, 6)).astype(np.float32)
KERNEL = RNG.normal(size=(3, 1, 2, 9)).astype(np.float32)


@pytest.mark.parametrize("form", FORMS)
def test_outputs_see_their_own_groups_inputs(form):
    padded = np.pad(X.astype(np.float64), ((0, 0), (1, 1), (0, 0), (0, 0)))
    expected = np.zeros((2, 4, 5, 9))
    for i, group in itertools.product(range(3), range(3)):
        own = slice(3 * group, 3 * group + 3)
        expected[..., own] += padded[:, i : i + 4, :, 2 * group : 2 * group + 2] @ KERNEL[i, 0, :, own]
    np.testing.assert_allclose(grouped_conv(X, KERNEL, groups=3, form=form), expected, atol=1e-5)


def test_gradients_of_the_forms_are_equal():
    def gradients(form):
        return jax.grad(lambda x, k: (grouped_conv(x, k, groups=3, form=form) ** 2).sum(), (0, 1))(X, KERNEL)

    for form in FORMS[1:]:
        for ours, plain in zip(gradients(form), gradients("grouped")):
            np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-4)


def test_a_linen_layer_keeps_its_parameters_and_its_numbers():
    plain = nn.Conv(9, (3, 3), feature_group_count=3)
    variables = plain.init(jax.random.key(0), X)
    ours = nn.Conv(9, (3, 3), **grouped_hooks(3))
    assert jax.tree.map(jnp.shape, jax.eval_shape(ours.init, jax.random.key(0), X)) == jax.tree.map(
        jnp.shape, variables
    )
    np.testing.assert_allclose(ours.apply(variables, X), plain.apply(variables, X), atol=1e-5)
    with pytest.raises(ValueError, match="takes no stride"):
        nn.Conv(9, (3, 3), strides=2, **grouped_hooks(3)).apply(variables, X)


def test_the_form_is_the_platforms(monkeypatch):
    assert [choose_grouped_form(groups) for groups in (1, 16, 17)] == ["grouped", "split", "products"]
    monkeypatch.setattr(module, "platform", lambda: "tpu")
    assert choose_grouped_form(16) == "grouped"


@pytest.mark.parametrize(
    ("kernel", "groups", "form", "message"),
    [
        (KERNEL, 3, "plain", "unknown form 'plain'.*grouped, split, products"),
        (
            KERNEL,
            2,
            "split",
            r"2 groups of 6 channels need a kernel \[odd, odd, 3, a multiple of 2\], got \[3, 1, 2, 9\]",
        ),
        (KERNEL[:2], 3, "split", "odd, odd"),
    ],
)
def test_errors_say_what_would_do(kernel, groups, form, message):
    with pytest.raises(ValueError, match=message):
        grouped_conv(X, kernel, groups=groups, form=form)
