"""InfoGAN on CIFAR-10, at a width that two CPU cores can train.

Paper: InfoGAN (arXiv:1606.03657). The MNIST networks from 8x8, at half the channels and a quarter of the hidden
units, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=infogan_cifar10 --workdir=runs/infogan_cifar10
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_cifar10
from jaxgan.recipes import infogan


def get_config(arg: str = "") -> ConfigDict:
    config = on_cifar10(infogan.default_config("infogan"))
    config.generator.update(dict(base=(8, 8), image_channels=3, hidden=256, widths=(64, 32)))
    config.discriminator.update(dict(hidden=256, widths=(32, 64)))
    return finish(config, arg, "infogan_cifar10")
