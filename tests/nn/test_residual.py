import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.nn import ConditionalBatchNorm, Conv, DownBlock, UpBlock, average_pool, upsample_nearest

PLAIN = {"spectral_norm": False, "kernel_init": nn.initializers.normal(0.3)}
CONV = functools.partial(Conv, **PLAIN)
NORM = functools.partial(ConditionalBatchNorm, **PLAIN)
X = np.random.default_rng(0).normal(size=(2, 4, 6, 8)).astype(np.float32)
CONDITION = np.ones((2, 3), np.float32)


def zeroed(variables, *names):
    """The variables with the parameters of these layers zero."""
    params = {k: jax.tree.map(jnp.zeros_like, v) if k in names else v for k, v in variables["params"].items()}
    return {**variables, "params": params}


def project(variables, x):
    layer = variables["params"]["conv_shortcut"]
    return x @ layer["kernel"][0, 0] + layer["bias"].reshape(1, 1, 1, -1)


@pytest.mark.parametrize(
    ("features", "upsample", "projects"), [(8, False, False), (8, True, True), (5, False, True), (5, True, True)]
)
def test_up_block_shape_names_and_shortcut(features, upsample, projects):
    block = UpBlock(features, CONV, NORM, upsample=upsample)
    variables = block.init(jax.random.key(0), X, CONDITION, train=True)
    names = {"norm_0", "conv_0", "norm_1", "conv_1"} | ({"conv_shortcut"} if projects else set())
    assert set(variables["params"]) == names
    variables = zeroed(variables, "conv_1")
    out = block.apply(variables, X, CONDITION, train=False)
    larger = upsample_nearest(X) if upsample else X
    assert out.shape == (2, *((8, 12) if upsample else (4, 6)), features)
    np.testing.assert_allclose(out, project(variables, larger) if projects else larger, atol=1e-5)


def test_up_block_normalises_before_its_first_convolution():
    # In train mode the first norm takes scale and offset away, and the shortcut alone would see them.
    block = UpBlock(5, CONV, NORM)
    variables = zeroed(block.init(jax.random.key(0), X, CONDITION, train=True), "conv_shortcut")
    run = functools.partial(block.apply, variables, condition=CONDITION, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(run(X)[0], run(10 * X + 3)[0], atol=1e-3)


@pytest.mark.parametrize(
    ("features", "downsample", "projects"), [(8, False, False), (8, True, True), (5, False, True), (5, True, True)]
)
@pytest.mark.parametrize("preactivation", [True, False])
def test_down_block_shape_names_and_shortcut(features, downsample, projects, preactivation):
    block = DownBlock(features, CONV, downsample=downsample, preactivation=preactivation)
    variables = block.init(jax.random.key(0), X)
    assert set(variables["params"]) == {"conv_0", "conv_1"} | ({"conv_shortcut"} if projects else set())
    assert {variables["params"][name]["kernel"].shape[-1] for name in variables["params"]} == {features}
    variables = zeroed(variables, "conv_1")
    out = block.apply(variables, X)
    smaller = average_pool(X) if downsample else X
    assert out.shape == (2, *((2, 3) if downsample else (4, 6)), features)
    # The shortcut sees what is below zero too.
    np.testing.assert_allclose(out, project(variables, smaller) if projects else smaller, atol=1e-5)


@pytest.mark.parametrize("preactivation", [True, False])
def test_only_preactivation_hides_what_is_below_zero_from_the_branch(preactivation):
    block = DownBlock(5, CONV, preactivation=preactivation)
    variables = zeroed(block.init(jax.random.key(0), X), "conv_shortcut")
    difference = np.abs(block.apply(variables, X) - block.apply(variables, np.maximum(X, 0))).max()
    assert difference == 0 if preactivation else difference > 0.1


@pytest.mark.parametrize(("hidden", "expected"), [(None, 5), (8, 8)])
def test_down_block_is_wide_unless_told_its_hidden_channels(hidden, expected):
    params = jax.eval_shape(DownBlock(5, CONV, hidden=hidden).init, jax.random.key(0), X)["params"]
    assert params["conv_0"]["kernel"].shape == (3, 3, 8, expected)
    assert params["conv_1"]["kernel"].shape == (3, 3, expected, 5)


def test_down_block_shortcut_pools_before_its_convolution_only_where_it_sees_the_image():
    seen = []

    class Spy(Conv):
        def __call__(self, x):
            if self.name == "conv_shortcut":
                seen.append(x.shape[1:3])
            return super().__call__(x)

    for preactivation in (True, False):
        jax.eval_shape(DownBlock(5, Spy, preactivation=preactivation, resample="plain").init, jax.random.key(0), X)
    assert seen == [(4, 6), (2, 3)]
