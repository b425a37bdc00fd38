"""ACGAN on a grid of 25 Gaussians, where modes can be counted.

Paper: Auxiliary Classifier GANs (arXiv:1610.09585). G is told the mode, and D must name it. Networks are perceptrons
of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=acgan_grid25 --workdir=runs/acgan_grid25
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, finish, on_toy
from jaxgan.recipes import acgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(acgan.default_config("mlp"), "grid25")
    classes(config, 25, generator="concat", discriminator="none")
    config.method.split_d = False
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", b1=0.5, learning_rate=1e-3))
    return finish(config, arg, "acgan_grid25")
