"""WGAN-GP on a ring of eight Gaussians, where modes can be counted.

Paper: Improved Training of Wasserstein GANs (arXiv:1704.00028). A critic whose gradient is held near 1, five plays
for each of G. Networks are perceptrons of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=wgan_gp_ring8 --workdir=runs/wgan_gp_ring8
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.recipes import wgan_gp
from jaxgan.recipes.small import finish, on_toy


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(wgan_gp.default_config("mlp"), "ring8")
    for player in ("g", "d"):
        config.optimizer[player].update(dict(b1=0.0, b2=0.9, learning_rate=1e-3))
    return finish(config, arg, "wgan_gp_ring8")
