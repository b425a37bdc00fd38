"""WGAN-GP on CIFAR-10, at a width that two CPU cores can train.

Paper: Improved Training of Wasserstein GANs (arXiv:1704.00028). ResNets of ch 16 (the paper: 128), a rate of 1e-3 for
2e-4, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=wgan_gp_cifar10 --workdir=runs/wgan_gp_cifar10
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_cifar10
from jaxgan.recipes import wgan_gp


def get_config(arg: str = "") -> ConfigDict:
    config = on_cifar10(wgan_gp.default_config("wgan_gp"))
    config.generator.update(dict(resolution=32, ch=16))
    config.discriminator.update(dict(resolution=32, ch=16))
    for player in ("g", "d"):
        config.optimizer[player].learning_rate = 1e-3
    return finish(config, arg, "wgan_gp_cifar10")
