"""Layers that perceptual losses compare: which, of how many channels, and of images in which range."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.features.efficientnet_lite import EfficientNetLite0, features_input
from jaxgan.features.perceptual_layers import DEVIATION, LAYERS, MEAN, EfficientNetLite0Layers, VggLayers
from jaxgan.features.trunk import Trunk

SIDE = 32
# Channels of the convolutions of VGG19's five stages, and torchvision's number of each.
VGG19 = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)
NUMBERS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


@pytest.fixture(scope="module")
def images():
    return jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (1, SIDE, SIDE, 3)), jnp.float32)


@pytest.fixture(scope="module")
def variables(random_variables, images):
    """Of all of VGG19."""
    return random_variables(Trunk("vgg19", LAYERS["vgg19_54"][1]), images)


@pytest.fixture(scope="module")
def plain(variables, images):
    """The output of each convolution after its ReLU, by torchvision's number, of images as they are."""
    found, x, numbers = {}, images, iter(NUMBERS)
    for stage, widths in enumerate(VGG19):
        if stage:
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        for width in widths:
            number = next(numbers)
            layer = variables["params"][f"features_{number}"]
            x = jax.lax.conv_general_dilated(
                x, layer["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            x = jnp.maximum(x + layer["bias"].reshape(1, 1, 1, width), 0)
            found[number] = x
    return found


def some(variables, name):
    """The variables of those layers alone."""
    last = LAYERS[name][1][-1]
    return {"params": {f"features_{n}": variables["params"][f"features_{n}"] for n in NUMBERS if n <= last}}


def test_vgg19_s_layers_are_the_first_of_each_stage(variables, images, plain):
    found = jax.jit(VggLayers("vgg19", normalized=False))(some(variables, "vgg19"), images)
    assert [x.shape[1:] for x in found] == [(SIDE >> n, SIDE >> n, widths[0]) for n, widths in enumerate(VGG19)]
    for number, x in zip((0, 5, 10, 19, 28), found, strict=True):
        np.testing.assert_allclose(x, plain[number], rtol=1e-3, atol=1e-4)


def test_srgan_s_layer_is_the_last_one_after_its_relu(variables, images, plain):
    (found,) = jax.jit(VggLayers("vgg19_54", normalized=False))(variables, images)
    assert found.shape == (1, 2, 2, 512) and found.min() == 0 < found.max()
    np.testing.assert_allclose(found, plain[34], rtol=1e-3, atol=1e-4)


def test_normalized_images_go_through_imagenet_s_mean_and_deviation(variables, images):
    mean, deviation = (jnp.array(values).reshape(1, 1, 1, 3) for values in (MEAN, DEVIATION))
    vgg = some(variables, "vgg19")
    (plain, *_), (normalized, *_) = (
        VggLayers("vgg19", normalized=flag)(vgg, x)
        for flag, x in ((False, ((images + 1) / 2 - mean) / deviation), (True, images))
    )
    np.testing.assert_allclose(normalized, plain, rtol=1e-4, atol=1e-5)
    grey = images[..., :1]
    np.testing.assert_array_equal(VggLayers("vgg19")(vgg, grey)[0], VggLayers("vgg19")(vgg, grey.repeat(3, -1))[0])


def test_efficientnet_s_layers_are_five_maps(images):
    network = EfficientNetLite0()
    shapes = jax.eval_shape(network.init, jax.random.key(0), features_input((images + 1) * 127.5))
    found = jax.eval_shape(EfficientNetLite0Layers(), shapes, images)
    assert [x.shape for x in found] == [
        (1, SIDE >> n, SIDE >> n, channels) for n, channels in zip((1, 2, 3, 4, 5), (16, 24, 40, 112, 320), strict=True)
    ]
