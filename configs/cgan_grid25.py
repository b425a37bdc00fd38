"""The conditional GAN on a grid of 25 Gaussians, where modes can be counted.

Paper: Conditional Generative Adversarial Nets (arXiv:1411.1784). Either network is told the mode. Networks are
perceptrons of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=cgan_grid25 --workdir=runs/cgan_grid25
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_toy
from jaxgan.recipes import cgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(cgan.default_config("mlp"), "grid25")
    classes(config, 25, generator="concat", discriminator="concat")
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", b1=0.5, learning_rate=1e-3))
    return finish(config, arg, "cgan_grid25")
