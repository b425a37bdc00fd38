"""DCGAN on a ring of eight Gaussians, where modes can be counted.

Paper: Deep Convolutional GANs (arXiv:1511.06434). What a perceptron can have of DCGAN: batch norm in both networks,
leaky ReLU in D, uniform noise. Networks are perceptrons of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=dcgan_ring8 --workdir=runs/dcgan_ring8
Expected: docs/families.md measures the grid of 25, not this ring. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_toy
from jaxgan.recipes import dcgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(dcgan.default_config("mlp"), "ring8")
    config.generator.batch_norm = config.discriminator.batch_norm = True
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", b1=0.5, learning_rate=1e-3))
    return finish(config, arg, "dcgan_ring8")
