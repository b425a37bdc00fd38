"""SNGAN on CIFAR-10, at a width that two CPU cores can train.

Paper: Spectral Normalization for GANs (arXiv:1802.05957). ResNets of ch 16 (the paper: 256 and 128), without classes,
a rate of 1e-3 for 2e-4, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=sngan_cifar10 --workdir=runs/sngan_cifar10
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_cifar10
from jaxgan.recipes import sngan


def get_config(arg: str = "") -> ConfigDict:
    config = on_cifar10(sngan.default_config("sngan"))
    config.generator.update(dict(resolution=32, ch=16))
    config.discriminator.update(dict(resolution=32, ch=16))
    for player in ("g", "d"):
        config.optimizer[player].learning_rate = 1e-3
    return finish(config, arg, "sngan_cifar10")
