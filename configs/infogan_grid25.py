"""InfoGAN on a grid of 25 Gaussians, where modes can be counted.

Paper: InfoGAN (arXiv:1606.03657). A categorical code with a value for each mode, which Q finds again. Networks are
perceptrons of three layers, as for every recipe on this toy.

Launch: jaxgan train --config=infogan_grid25 --workdir=runs/infogan_grid25
Expected: docs/families.md. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_toy
from jaxgan.recipes import infogan


def get_config(arg: str = "") -> ConfigDict:
    config = infogan.default_config("mlp")
    config.prior.update(dict(categorical=(25,), continuous=0))
    on_toy(config, "grid25")
    config.method.split_d = False
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="adam", b1=0.5, learning_rate=5e-4))
    return finish(config, arg, "infogan_grid25")
