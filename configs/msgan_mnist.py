"""MSGAN on MNIST, at a width that two CPU cores can train.

Paper: Mode Seeking GANs (arXiv:1903.05628). The conditional DCGAN of ch 32, and 2,000 steps of 64, as for every
recipe here.

Launch: jaxgan train --config=msgan_mnist --workdir=runs/msgan_mnist
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_mnist
from jaxgan.recipes import msgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(msgan.default_config("dcgan"))
    config.generator.update(dict(ch=32, widths=(2, 1), base=(7, 7), image_channels=1))
    config.discriminator.update(dict(ch=32, widths=(1, 2)))
    classes(config, 10, generator="concat", discriminator="concat")
    return finish(config, arg, "msgan_mnist")
