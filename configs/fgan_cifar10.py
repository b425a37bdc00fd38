"""f-GAN on CIFAR-10, at a width that two CPU cores can train.

Paper: f-GAN (arXiv:1606.00709). DCGAN networks of ch 32, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=fgan_cifar10 --workdir=runs/fgan_cifar10
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_cifar10
from jaxgan.recipes import fgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_cifar10(fgan.default_config("dcgan"))
    config.generator.update(dict(ch=32, widths=(4, 2, 1), base=(4, 4)))
    config.discriminator.update(dict(ch=32, widths=(1, 2, 4)))
    config.method.split_d = True
    return finish(config, arg, "fgan_cifar10")
