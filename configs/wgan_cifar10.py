"""WGAN on CIFAR-10, at a width that two CPU cores can train.

Paper: Wasserstein GAN (arXiv:1701.07875). DCGAN networks of ch 32, a rate of 5e-4 for 5e-5, and 2,000 steps of 64, as
for every recipe here.

Launch: jaxgan train --config=wgan_cifar10 --workdir=runs/wgan_cifar10
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_cifar10
from jaxgan.recipes import wgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_cifar10(wgan.default_config("dcgan"))
    config.generator.update(dict(ch=32, widths=(4, 2, 1), base=(4, 4)))
    config.discriminator.update(dict(ch=32, widths=(1, 2, 4)))
    for player in ("g", "d"):
        config.optimizer[player].learning_rate = 5e-4
    return finish(config, arg, "wgan_cifar10")
