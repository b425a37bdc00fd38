"""R3GAN on a ring of eight Gaussians, where modes can be counted.

Paper: The GAN is dead; long live the GAN! (arXiv:2501.05441). The relativistic loss with R1 and R2. Networks are
perceptrons of three layers, as for every recipe on this toy. Gamma is 0.01: modes this narrow need a steep D.

Launch: jaxgan train --config=r3gan_ring8 --workdir=runs/r3gan_ring8
Expected: docs/families.md measures the grid of 25, not this ring. Hardware: one CPU core.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_toy
from jaxgan.recipes import r3gan


def get_config(arg: str = "") -> ConfigDict:
    config = on_toy(r3gan.default_config("mlp"), "ring8")
    for player in ("g", "d"):
        config.optimizer[player].update(dict(b1=0.0, b2=0.99, learning_rate=2e-3))
    config.regularizers.penalties.update(dict(r1=0.01, r2=0.01))
    return finish(config, arg, "r3gan_ring8")
