"""LSGAN on MNIST, at a width that two CPU cores can train.

Paper: Least Squares Generative Adversarial Networks (arXiv:1611.04076). DCGAN networks of ch 32, and 2,000 steps of
64, as for every recipe here.

Launch: jaxgan train --config=lsgan_mnist --workdir=runs/lsgan_mnist
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_mnist
from jaxgan.recipes import lsgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(lsgan.default_config("dcgan"))
    config.generator.update(dict(ch=32, widths=(2, 1), base=(7, 7), image_channels=1))
    config.discriminator.update(dict(ch=32, widths=(1, 2)))
    return finish(config, arg, "lsgan_mnist")
