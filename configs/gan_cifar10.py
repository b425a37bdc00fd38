"""The GAN of 2014 on CIFAR-10, at a width that two CPU cores can train.

Paper: Generative Adversarial Nets (arXiv:1406.2661). The fully connected networks of the paper's figure 2 c, with
Adam at 1e-3 in the place of SGD, and 2,000 steps of 64, as for every recipe here.

Launch: jaxgan train --config=gan_cifar10 --workdir=runs/gan_cifar10
Score: docs/families.md has those of every recipe at one budget. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_cifar10
from jaxgan.recipes import gan


def get_config(arg: str = "") -> ConfigDict:
    config = on_cifar10(gan.default_config("mlp"))
    config.generator.update(dict(image_shape=(32, 32, 3)))
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", learning_rate=1e-3, b1=0.5))
    return finish(config, arg, "gan_cifar10")
