"""ACGAN on CIFAR-10, at a width that two CPU cores can train.

Paper: Auxiliary Classifier GANs (arXiv:1610.09585). DCGAN networks of ch 32, without the paper's
dropout of a half in D, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=acgan_cifar10 --workdir=runs/acgan_cifar10
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_cifar10
from jaxgan.recipes import acgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_cifar10(acgan.default_config("dcgan"))
    config.generator.update(dict(ch=32, widths=(4, 2, 1), base=(4, 4)))
    config.discriminator.update(dict(ch=32, widths=(1, 2, 4)))
    classes(config, 10, generator="concat", discriminator="none")
    # So narrow a D loses too much by dropping half of itself.
    config.discriminator.dropout = 0.0
    return finish(config, arg, "acgan_cifar10")
