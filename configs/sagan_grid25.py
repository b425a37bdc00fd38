"""SAGAN on a grid of 25 Gaussians, where modes can be counted.

Paper: Self-Attention GANs (arXiv:1805.08318). What a point, which has no positions to attend to, can have of SAGAN:
spectral normalisation, two time scales, the hinge loss. In D alone: a normalised perceptron of G's cannot jump from
mode to mode, and learns nothing here. Networks are perceptrons of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=sagan_grid25 --workdir=runs/sagan_grid25
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_toy
from jaxgan.recipes import sagan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(sagan.default_config("mlp"), "grid25")
    config.generator.spectral_norm, config.discriminator.spectral_norm = False, True
    config.optimizer.g.update(dict(b1=0.0, b2=0.9, learning_rate=2e-3))
    config.optimizer.d.update(dict(b1=0.0, b2=0.9, learning_rate=4e-3))
    return finish(config, arg, "sagan_grid25")
