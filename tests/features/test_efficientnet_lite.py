import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.features.efficientnet_lite import DepthwiseConv, EfficientNetLite0, features_input


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sides", [(8, 7), (1, 2)])
def test_depthwise_convolution_is_linens_grouped_one(kernel, stride, sides):
    x = jax.random.normal(jax.random.key(0), (2, *sides, 6))
    reference = nn.Conv(6, (kernel, kernel), strides=stride, padding="SAME", feature_group_count=6)
    variables = reference.init(jax.random.key(1), x)
    variables["params"]["bias"] = jnp.arange(6.0)
    found = DepthwiseConv(kernel, stride).apply(variables, x)
    np.testing.assert_allclose(found, reference.apply(variables, x), rtol=1e-5, atol=1e-5)


def test_depthwise_initial_scale_keeps_the_variance():
    x = jax.random.normal(jax.random.key(0), (1, 32, 32, 256))
    y = DepthwiseConv(3).init_with_output(jax.random.key(1), x)[0]
    np.testing.assert_allclose(y[:, 1:-1, 1:-1].std(), 1.0, rtol=0.1)


def test_input_is_scaled_by_the_lite_variants_constants():
    np.testing.assert_array_equal(features_input(np.array([0, 127, 255], np.uint8)), np.array([-127, 0, 128]) / 128)


def test_images_do_not_touch_each_other(random_variables):
    x = jax.random.normal(jax.random.key(0), (2, 32, 32, 3))
    network = EfficientNetLite0()
    variables = random_variables(network, x)
    apply = jax.jit(network.apply)
    before, after = apply(variables, x), apply(variables, x.at[0].multiply(-1))
    for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after)):
        np.testing.assert_allclose(a[1], b[1], rtol=1e-5, atol=1e-6)
        assert np.abs(a[0] - b[0]).max() > 1e-3


def test_raw_images_are_refused():
    with pytest.raises(ValueError, match=r"got uint8 \[1, 32, 32, 3\]; pass uint8 images through features_input"):
        EfficientNetLite0().init(jax.random.key(0), jnp.zeros((1, 32, 32, 3), jnp.uint8))
