"""R3GAN: The GAN is dead; long live the GAN! A Modern GAN Baseline (Huang et al. 2025, arXiv:2501.05441); code
brownvc/R3GAN.

The checklist:

 1. The relativistic pairing loss: ``method.loss='relativistic'``; G sees real images too.
 2. R1 and R2 at every step, gamma / 2 each with gamma 0.1 (``regularizers.penalties``), of D in the images before
    augmentation.
 3. Networks without normalisation, whose residual branches start at 0; see :mod:`jaxgan.networks.r3gan`.
 4. Adam 2e-4, betas 0 and 0.99, batches of 128. The code anneals gamma, the learning rate, beta2 and the average's
    half-life over a burn-in; here they stay at what they are given.
 5. One D update, one G update, each with a fresh batch of latents. Each fake takes the label of the real image that it
    is paired with (code): ``latents.from_data``.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "r3gan") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("r3gan", networks)
    config.method.update(dict(loss="relativistic"))
    config.latents.from_data = True
    config.regularizers.penalties.update(dict(r1=0.1, r2=0.1))
    for player in ("g", "d"):
        config.optimizer[player].update(dict(learning_rate=2e-4, b1=0.0, b2=0.99))
    config.data.batch_size = 128
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: widths of 16, layers of 32 units on toys."""
    return smoke(config, widths=16, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
