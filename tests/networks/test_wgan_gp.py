"""Parameter counts are those of igul222/improved_wgan_training's gan_cifar_resnet.py with DIM_G = DIM_D = 128:

Generator.Input 128 -> 4 * 4 * 128; three blocks of Conv1 and Conv2 3x3 128 -> 128, Shortcut 1x1 and two norms (in the
labelled run an offset and a scale [10, 128] each); OutputN 128; Output 3x3 128 -> 3. Discriminator.1 3 -> 128 (Conv1,
Conv2, Shortcut), Discriminator.2 128 -> 128 with a Shortcut, Discriminator.3 and 4 without; Output 128 -> 1 with bias.
"""

import numpy as np
import pytest

from jaxgan.networks.wgan_gp import Discriminator, Generator
from jaxgan.nn import sown

RNG = np.random.default_rng(0)
LABELS = np.zeros(4, np.int32)
IMAGES = RNG.uniform(-1, 1, size=(4, 16, 16, 3)).astype(np.float32)


CONV = 9 * 128 * 128 + 128
SHORTCUT = 128 * 128 + 128


@pytest.mark.parametrize("classes", [0, 10])
def test_parameters_on_cifar_are_the_released_codes(parameters, classes):
    generator = Generator(classes, conditioning="cbn" if classes else "none")
    norms = 2 * 2 * max(classes, 1) * 128
    expected = 129 * 2048 + 3 * (2 * CONV + SHORTCUT + norms) + 2 * 128 + 9 * 128 * 3 + 3
    assert parameters(generator, (128,)) == expected


def test_parameters_of_the_critic_are_the_released_codes(parameters):
    first = 9 * 3 * 128 + 128 + CONV + 3 * 128 + 128
    expected = first + 2 * CONV + SHORTCUT + 2 * 2 * CONV + 129
    assert parameters(Discriminator(), (32, 32, 3)) == expected


def test_the_critic_sees_each_image_alone_and_is_linear_in_the_features_shown(filled, run):
    network = Discriminator(resolution=16, ch=8, resample="plain")
    variables = filled(network, (16, 16, 3), LABELS, 1 / 4)
    assert set(variables) == {"params"}  # neither statistics nor power iterations
    values, shown, _ = run(network, IMAGES, LABELS, variables=variables)
    reversed_values = run(network, IMAGES[::-1].copy(), LABELS, variables=variables)[0]
    np.testing.assert_allclose(reversed_values[::-1], values, rtol=1e-4)
    assert np.asarray(values).std() > 1e-3
    # The last layer, which nothing normalises, reads the features shown.
    linear = variables["params"]["head"]["linear"]
    expected = sown(shown["features"])[-1] @ linear["kernel"][:, 0] + linear["bias"]
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)
