"""SAGAN on MNIST, at a width that two CPU cores can train.

Paper: Self-Attention GANs (arXiv:1805.08318). ResNets of ch 16 with attention at 14 pixels, rates of 4e-4 and 16e-4
for 1e-4 and 4e-4, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=sagan_mnist --workdir=runs/sagan_mnist
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_mnist
from jaxgan.recipes import sagan


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(sagan.default_config("sagan"))
    config.generator.update(dict(resolution=28, ch=16, image_channels=1))
    config.discriminator.update(dict(resolution=28, ch=16))
    classes(config, 10, generator="cbn", discriminator="projection")
    config.optimizer.g.learning_rate, config.optimizer.d.learning_rate = 4e-4, 16e-4
    return finish(config, arg, "sagan_mnist")
