"""The conditional GAN on MNIST, at a width that two CPU cores can train.

Paper: Conditional Generative Adversarial Nets (arXiv:1411.1784). The paper's networks for MNIST, with Adam at 1e-3 in
the place of SGD, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=cgan_mnist --workdir=runs/cgan_mnist
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_mnist
from jaxgan.recipes import cgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(cgan.default_config("mlp"))
    classes(config, 10, generator="concat", discriminator="concat")
    config.generator.update(dict(image_shape=(28, 28, 1), hidden=(200, 1200), label_hidden=1000, dropout=0.5))
    config.discriminator.update(dict(hidden=(240, 240), pieces=(5, 4), label_hidden=50, dropout=0.5))
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", learning_rate=1e-3, b1=0.5))
    return finish(config, arg, "cgan_mnist")
