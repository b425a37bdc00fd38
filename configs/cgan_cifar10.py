"""The conditional GAN on CIFAR-10, at a width that two CPU cores can train.

Paper: Conditional Generative Adversarial Nets (arXiv:1411.1784). The conditional DCGAN that later papers compare
with: the paper has no images of this kind, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=cgan_cifar10 --workdir=runs/cgan_cifar10
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_cifar10
from jaxgan.recipes import cgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_cifar10(cgan.default_config("dcgan"))
    config.generator.update(dict(ch=32, widths=(4, 2, 1), base=(4, 4)))
    config.discriminator.update(dict(ch=32, widths=(1, 2, 4)))
    classes(config, 10, generator="concat", discriminator="concat")
    config.method.split_d = True
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", learning_rate=2e-4, b1=0.5))
    return finish(config, arg, "cgan_cifar10")
