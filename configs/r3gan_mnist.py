"""R3GAN on MNIST, at a width that two CPU cores can train.

Paper: The GAN is dead; long live the GAN! (arXiv:2501.05441). Widths 8 and 16, one block a stage, a rate of 1e-3 for
2e-4, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=r3gan_mnist --workdir=runs/r3gan_mnist
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_mnist
from jaxgan.recipes import r3gan


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(r3gan.default_config("r3gan"))
    config.generator.update(dict(base=(7, 7), widths=(16, 16, 8), image_channels=1, blocks=1, z_dim=64))
    config.discriminator.update(dict(widths=(8, 16, 16), blocks=1))
    for player in ("g", "d"):
        config.optimizer[player].learning_rate = 1e-3
    return finish(config, arg, "r3gan_mnist")
