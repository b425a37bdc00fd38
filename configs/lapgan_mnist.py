"""LAPGAN on MNIST, at a width that two CPU cores can train.

Paper: Laplacian Pyramid of Adversarial Networks (arXiv:1506.05751). Two levels, 14 and 28 pixels; 8 channels for 64,
Adam at 1e-3 in the place of SGD, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=lapgan_mnist --workdir=runs/lapgan_mnist
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_mnist
from jaxgan.recipes import lapgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(lapgan.default_config())
    config.pyramid.update(dict(levels=2, coarse_hidden_g=(600, 600), coarse_hidden_d=(600, 600)))
    config.generator.hidden = (8, 8)
    config.discriminator.hidden = (8, 8)
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", learning_rate=1e-3, b1=0.5))
    return finish(config, arg, "lapgan_mnist")
