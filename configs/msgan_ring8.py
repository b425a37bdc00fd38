"""MSGAN on a ring of eight Gaussians, where modes can be counted.

Paper: Mode Seeking GANs (arXiv:1903.05628). The conditional GAN with the mode-seeking term. Networks are perceptrons
of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=msgan_ring8 --workdir=runs/msgan_ring8
Expected: docs/families.md measures the grid of 25, not this ring. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_toy
from jaxgan.recipes import msgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(msgan.default_config("mlp"), "ring8")
    classes(config, 8, generator="concat", discriminator="concat")
    config.method.split_d = False
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", b1=0.5, learning_rate=1e-3))
    return finish(config, arg, "msgan_ring8")
