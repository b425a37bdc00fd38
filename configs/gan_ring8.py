"""The first GAN on a ring of eight Gaussians, where modes are counted.

Paper: Generative Adversarial Nets (arXiv:1406.2661); the ring is that of WGAN-GP's code (arXiv:1704.00028). Networks are
small perceptrons and the optimiser Adam, as for every recipe on this toy.

Launch: jaxgan train --config=gan_ring8 --workdir=runs/gan_ring8
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.recipes import gan
from jaxgan.recipes.small import finish, on_toy


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(gan.default_config("mlp"), "ring8")
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", learning_rate=1e-3, b1=0.5))
    return finish(config, arg, "gan_ring8")
