import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.nn import ConditionalBatchNorm, Conv, DownBottleneck, UpBottleneck, average_pool, upsample_nearest

PLAIN = {"spectral_norm": False, "kernel_init": nn.initializers.normal(0.3)}
CONV = functools.partial(Conv, **PLAIN)
NORM = functools.partial(ConditionalBatchNorm, **PLAIN)
X = np.random.default_rng(0).normal(size=(2, 4, 6, 16)).astype(np.float32)
CONDITION = np.ones((2, 3), np.float32)


def kernels(variables):
    return {name: p["kernel"].shape for name, p in variables["params"].items() if name.startswith("conv")}


def without_branch(variables):
    params = dict(variables["params"])
    return {**variables, "params": params | {"conv_3": jax.tree.map(jnp.zeros_like, params["conv_3"])}}


@pytest.mark.parametrize(("features", "upsample"), [(16, False), (8, True), (8, False)])
def test_up_drops_channels_on_a_shortcut_without_parameters(features, upsample):
    block = UpBottleneck(features, CONV, NORM, upsample=upsample)
    variables = block.init(jax.random.key(0), X, CONDITION, train=True)
    assert kernels(variables) == {
        "conv_0": (1, 1, 16, 4),
        "conv_1": (3, 3, 4, 4),
        "conv_2": (3, 3, 4, 4),
        "conv_3": (1, 1, 4, features),
    }
    assert {name for name in variables["params"] if name.startswith("norm")} == {f"norm_{i}" for i in range(4)}
    expected = upsample_nearest(X[..., :features]) if upsample else X[..., :features]
    run = functools.partial(block.apply, condition=CONDITION, train=False)
    np.testing.assert_array_equal(run(without_branch(variables), X), expected)
    assert np.abs(run(variables, X) - expected).max() > 0.01


@pytest.mark.parametrize(("features", "downsample"), [(16, False), (24, True), (24, False), (16, True)])
def test_down_concatenates_new_channels_to_the_shortcut(features, downsample):
    block = DownBottleneck(features, CONV, downsample=downsample)
    variables = block.init(jax.random.key(0), X)
    hidden = features // 4
    added = {"conv_shortcut": (1, 1, 16, 8)} if features > 16 else {}
    assert kernels(variables) == added | {
        "conv_0": (1, 1, 16, hidden),
        "conv_1": (3, 3, hidden, hidden),
        "conv_2": (3, 3, hidden, hidden),
        "conv_3": (1, 1, hidden, features),
    }
    pooled = average_pool(X) if downsample else X
    out = block.apply(without_branch(variables), X)
    np.testing.assert_array_equal(out[..., :16], pooled)
    if added:
        layer = variables["params"]["conv_shortcut"]
        np.testing.assert_allclose(
            out[..., 16:], pooled @ layer["kernel"][0, 0] + layer["bias"].reshape(1, 1, 1, -1), atol=1e-5
        )
    assert np.abs(block.apply(variables, X) - out).max() > 0.01


def test_the_wrong_direction_raises():
    with pytest.raises(ValueError, match="16 inputs cannot give 17 outputs"):
        UpBottleneck(17, CONV, NORM).init(jax.random.key(0), X, CONDITION, train=True)
    with pytest.raises(ValueError, match="16 inputs cannot give 15 outputs"):
        DownBottleneck(15, CONV).init(jax.random.key(0), X)
