"""The conditional GAN on a ring of eight Gaussians, where modes can be counted.

Paper: Conditional Generative Adversarial Nets (arXiv:1411.1784). Either network is told the mode. Networks are
perceptrons of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=cgan_ring8 --workdir=runs/cgan_ring8
Expected: docs/families.md measures the grid of 25, not this ring. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_toy
from jaxgan.recipes import cgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(cgan.default_config("mlp"), "ring8")
    classes(config, 8, generator="concat", discriminator="concat")
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", b1=0.5, learning_rate=1e-3))
    return finish(config, arg, "cgan_ring8")
