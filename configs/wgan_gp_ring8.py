"""WGAN-GP on a ring of eight Gaussians, where modes can be counted.

Paper: Improved Training of Wasserstein GANs (arXiv:1704.00028). A critic whose gradient is held near 1, five plays
for each of G. Networks are perceptrons of three layers, as for every recipe on this toy. The penalty's weight is 0.1
and Adam's betas are 0.5 and 0.9, as in the paper's own code for it (gan_toy.py); the rate is 20 times that code's,
for 2,500 plays of G in the place of 100,000.

Launch: jaxgan train --config=wgan_gp_ring8 --workdir=runs/wgan_gp_ring8
Expected: docs/families.md measures the grid of 25, not this ring. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_toy
from jaxgan.recipes import wgan_gp


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(wgan_gp.default_config("mlp"), "ring8")
    for player in ("g", "d"):
        config.optimizer[player].update(dict(b1=0.5, b2=0.9, learning_rate=2e-3))
    config.regularizers.penalties.gp = 0.1
    config.training.steps = 2_500
    return finish(config, arg, "wgan_gp_ring8")
