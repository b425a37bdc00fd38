"""SNGAN on a grid of 25 Gaussians, where modes can be counted.

Paper: Spectral Normalization for GANs (arXiv:1802.05957). Spectral normalisation in D, the hinge loss, five
plays of D for each of G. Networks are perceptrons of three layers, as for every recipe on this toy; the rate is 20
times the paper's, for 2,500 plays of G.

Launch: jaxgan train --config=sngan_grid25 --workdir=runs/sngan_grid25
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_toy
from jaxgan.recipes import sngan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(sngan.default_config("mlp"), "grid25")
    config.discriminator.spectral_norm = True
    for player in ("g", "d"):
        config.optimizer[player].update(dict(b1=0.0, b2=0.9, learning_rate=4e-3))
    config.training.steps = 2_500
    return finish(config, arg, "sngan_grid25")
