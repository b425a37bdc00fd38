"""LAPGAN on a ring of eight Gaussians, where modes can be counted.

Paper: Laplacian Pyramid of Adversarial Networks (arXiv:1506.05751). A point is a signal of two pixels: the first level
draws their mean, the second their differences from it. Networks are perceptrons of three layers, as for every recipe on
this toy.

Launch: jaxgan train --config=lapgan_ring8 --workdir=runs/lapgan_ring8
Expected: docs/families.md measures the grid of 25, not this ring. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import TOY_HIDDEN, finish, on_toy
from jaxgan.recipes import lapgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(lapgan.default_config(), "ring8")
    config.pyramid.update(dict(levels=2, coarse_z_dim=16, coarse_hidden_g=TOY_HIDDEN, coarse_hidden_d=TOY_HIDDEN))
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", learning_rate=1e-3, b1=0.5))
    return finish(config, arg, "lapgan_ring8")
