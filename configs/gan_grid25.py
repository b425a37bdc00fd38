"""The GAN of 2014 on a grid of 25 Gaussians, where modes can be counted.

Paper: Generative Adversarial Nets (arXiv:1406.2661). The first GAN, with the loss that does not saturate. Networks
are perceptrons of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=gan_grid25 --workdir=runs/gan_grid25
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_toy
from jaxgan.recipes import gan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(gan.default_config("mlp"), "grid25")
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", b1=0.5, learning_rate=1e-3))
    return finish(config, arg, "gan_grid25")
