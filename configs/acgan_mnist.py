"""ACGAN on MNIST, at a width that two CPU cores can train.

Paper: Auxiliary Classifier GANs (arXiv:1610.09585). DCGAN networks of ch 32, without the paper's
dropout of a half in D, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=acgan_mnist --workdir=runs/acgan_mnist
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_mnist
from jaxgan.recipes import acgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(acgan.default_config("dcgan"))
    config.generator.update(dict(ch=32, widths=(2, 1), base=(7, 7), image_channels=1))
    config.discriminator.update(dict(ch=32, widths=(1, 2)))
    classes(config, 10, generator="concat", discriminator="none")
    # So narrow a D loses too much by dropping half of itself.
    config.discriminator.dropout = 0.0
    return finish(config, arg, "acgan_mnist")
