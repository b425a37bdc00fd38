"""WGAN on a grid of 25 Gaussians, where modes can be counted.

Paper: Wasserstein GAN (arXiv:1701.07875). A critic with clipped weights, five plays for each of G. Networks are
perceptrons of three layers, as for every recipe on this toy. Weights are clipped at 0.1; the paper has 0.01. What
clipping costs is seen beside wgan_gp, at the same budget.

Launch: jaxgan train --config=wgan_grid25 --workdir=runs/wgan_grid25
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_toy
from jaxgan.recipes import wgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(wgan.default_config("mlp"), "grid25")
    config.method.split_d = False
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="rmsprop", b2=0.99, learning_rate=1e-3))
    config.method.clip = 0.1
    config.training.steps = 2_500
    return finish(config, arg, "wgan_grid25")
