"""f-GAN on a grid of 25 Gaussians, where modes can be counted.

Paper: f-GAN (arXiv:1606.00709). The Jensen-Shannon divergence by its variational bound; any other of the six by
method.loss. (That of Kullback and Leibler, the recipe's default, had 2 of 25 modes after 2,000 steps at this rate:
fgan_grid25 with --config.method.loss=f_kl, seed 0.) Networks are perceptrons of three layers, as for every recipe on
this toy.

Launch: jaxgan train --config=fgan_grid25 --workdir=runs/fgan_grid25
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_toy
from jaxgan.recipes import fgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(fgan.default_config("mlp"), "grid25")
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", b1=0.5, learning_rate=1e-3))
    config.method.loss = "f_js"
    return finish(config, arg, "fgan_grid25")
