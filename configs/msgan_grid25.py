"""MSGAN on a grid of 25 Gaussians, where modes can be counted.

Paper: Mode Seeking GANs (arXiv:1903.05628). The conditional GAN with the mode-seeking term. Networks are perceptrons
of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=msgan_grid25 --workdir=runs/msgan_grid25
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_toy
from jaxgan.recipes import msgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(msgan.default_config("mlp"), "grid25")
    classes(config, 25, generator="concat", discriminator="concat")
    config.method.split_d = False
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", b1=0.5, learning_rate=1e-3))
    return finish(config, arg, "msgan_grid25")
