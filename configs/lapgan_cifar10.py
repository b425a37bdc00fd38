"""LAPGAN on CIFAR-10, at a width that two CPU cores can train.

Paper: Laplacian Pyramid of Adversarial Networks (arXiv:1506.05751). Three levels, 8, 16 and 32 pixels; 8 channels for
64, Adam at 1e-3 in the place of SGD, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=lapgan_cifar10 --workdir=runs/lapgan_cifar10
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_cifar10
from jaxgan.recipes import lapgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_cifar10(lapgan.default_config())
    config.pyramid.update(dict(levels=3, coarse_hidden_g=(600, 600), coarse_hidden_d=(600, 600)))
    config.generator.hidden = (8, 8)
    config.discriminator.hidden = (8, 8)
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", learning_rate=1e-3, b1=0.5))
    return finish(config, arg, "lapgan_cifar10")
