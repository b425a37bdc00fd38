"""InfoGAN on MNIST, at a width that two CPU cores can train.

Paper: InfoGAN (arXiv:1606.03657). The networks of openai/InfoGAN at half the channels and a quarter of the hidden
units, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=infogan_mnist --workdir=runs/infogan_mnist
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_mnist
from jaxgan.recipes import infogan


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(infogan.default_config("infogan"))
    config.generator.hidden = config.discriminator.hidden = 256
    config.generator.widths = (64, 32)
    config.discriminator.widths = (32, 64)
    return finish(config, arg, "infogan_mnist")
