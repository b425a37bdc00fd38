"""Parameter counts are those of igul222/improved_wgan_training's gan_cifar_resnet.py with DIM_G = DIM_D = 128:

Generator.Input 128 -> 4 * 4 * 128; three blocks of Conv1 and Conv2 3x3 128 -> 128, Shortcut 1x1 and two norms (in the
labelled run an offset and a scale [10, 128] each); OutputN 128; Output 3x3 128 -> 3. Discriminator.1 3 -> 128 (Conv1,
Conv2, Shortcut), Discriminator.2 128 -> 128 with a Shortcut, Discriminator.3 and 4 without; Output 128 -> 1 with bias.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxgan.networks.wgan_gp import Discriminator, Generator

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, size=(4, 16, 16, 3)).astype(np.float32)


def abstract(network, first):
    init = functools.partial(network.init_with_output, train=True)
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    return jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct((2, *first), jnp.float32), labels)


def count(network, first):
    return sum(leaf.size for leaf in jax.tree.leaves(abstract(network, first)[1]["params"]))


CONV = 9 * 128 * 128 + 128
SHORTCUT = 128 * 128 + 128


@pytest.mark.parametrize("classes", [0, 10])
def test_parameters_on_cifar_are_the_released_codes(classes):
    generator = Generator(classes, conditioning="cbn" if classes else "none")
    norms = 2 * 2 * max(classes, 1) * 128
    expected = 129 * 2048 + 3 * (2 * CONV + SHORTCUT + norms) + 2 * 128 + 9 * 128 * 3 + 3
    assert count(generator, (128,)) == expected
    if not classes:
        assert expected == 1_204_483


def test_parameters_of_the_critic_are_the_released_codes():
    first = 9 * 3 * 128 + 128 + CONV + 3 * 128 + 128
    expected = first + 2 * CONV + SHORTCUT + 2 * 2 * CONV + 129
    assert count(Discriminator(), (32, 32, 3)) == expected == 1_053_825


@pytest.mark.parametrize("resolution", [16, 28, 32, 64])
def test_shapes(resolution):
    images, _ = abstract(Generator(resolution=resolution, ch=4), (128,))
    assert images.shape == (2, resolution, resolution, 3)
    logits, variables = abstract(Discriminator(resolution=resolution, ch=4), images.shape[1:])
    assert logits.shape == (2,)
    assert set(variables) == {"params", "features"}  # neither statistics nor power iterations


def test_the_critic_sees_each_image_alone_and_is_linear_in_the_features_shown():
    network = Discriminator(resolution=16, ch=8, resample="plain")
    shapes = traverse_util.flatten_dict(abstract(network, IMAGES.shape[1:])[1]["params"])
    params = {path: RNG.normal(size=s.shape).astype(np.float32) / 4 for path, s in shapes.items()}
    variables = {"params": traverse_util.unflatten_dict(params)}
    apply = jax.jit(lambda x: network.apply(variables, x, None, train=True, mutable=["features"]))
    values, shown = apply(IMAGES)
    np.testing.assert_allclose(apply(IMAGES[::-1])[0][::-1], values, rtol=1e-4)
    assert np.asarray(values).std() > 1e-3
    # The last layer, which nothing normalises, reads the features shown.
    linear = variables["params"]["head"]["linear"]
    expected = shown["features"]["last"] @ linear["kernel"][:, 0] + linear["bias"]
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)
