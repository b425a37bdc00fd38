"""WGAN-GP on MNIST, at a width that two CPU cores can train.

Paper: Improved Training of Wasserstein GANs (arXiv:1704.00028). ResNets of ch 16, a rate of 1e-3 for 2e-4, and 2,000
steps of 64, as for every recipe here.

Launch: jaxgan train --config=wgan_gp_mnist --workdir=runs/wgan_gp_mnist
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_mnist
from jaxgan.recipes import wgan_gp


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(wgan_gp.default_config("wgan_gp"))
    config.generator.update(dict(resolution=28, ch=16, image_channels=1))
    config.discriminator.update(dict(resolution=28, ch=16))
    for player in ("g", "d"):
        config.optimizer[player].learning_rate = 1e-3
    return finish(config, arg, "wgan_gp_mnist")
