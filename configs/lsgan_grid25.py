"""LSGAN on a grid of 25 Gaussians, where modes can be counted.

Paper: Least Squares Generative Adversarial Networks (arXiv:1611.04076). Least squares in the place of the cross
entropy. Networks are perceptrons of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=lsgan_grid25 --workdir=runs/lsgan_grid25
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_toy
from jaxgan.recipes import lsgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(lsgan.default_config("mlp"), "grid25")
    config.method.split_d = False
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", b1=0.5, learning_rate=1e-3))
    return finish(config, arg, "lsgan_grid25")
