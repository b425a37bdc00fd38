"""MSGAN on CIFAR-10, at a width that two CPU cores can train.

Paper: Mode Seeking GANs (arXiv:1903.05628). The conditional DCGAN of ch 32, and 2,000 steps of 64, as for every
recipe here.

Launch: jaxgan train --config=msgan_cifar10 --workdir=runs/msgan_cifar10
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_cifar10
from jaxgan.recipes import msgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_cifar10(msgan.default_config("dcgan"))
    config.generator.update(dict(ch=32, widths=(4, 2, 1), base=(4, 4)))
    config.discriminator.update(dict(ch=32, widths=(1, 2, 4)))
    classes(config, 10, generator="concat", discriminator="concat")
    return finish(config, arg, "msgan_cifar10")
