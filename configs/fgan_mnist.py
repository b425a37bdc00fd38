"""f-GAN on MNIST, at a width that two CPU cores can train.

Paper: f-GAN (arXiv:1606.00709). The paper's perceptrons, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=fgan_mnist --workdir=runs/fgan_mnist
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_mnist
from jaxgan.recipes import fgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(fgan.default_config("mlp"))
    config.generator.update(dict(image_shape=(28, 28, 1), batch_norm=True))
    config.discriminator.update(dict(activation="leaky_relu"))
    return finish(config, arg, "fgan_mnist")
