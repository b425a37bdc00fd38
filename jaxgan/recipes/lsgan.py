"""LSGAN: Least Squares Generative Adversarial Networks (Mao et al. 2016, arXiv:1611.04076).

The checklist:

 1. Targets 0 and 1 for D, 1 for G (eq. 9), as in the paper's experiments: ``method.loss='least_squares'``. With targets
    -1, 1 and 0 (eq. 8) G minimises the Pearson chi-squared divergence: ``'least_squares_pearson'``.
 2. D has no sigmoid.
 3. Networks are DCGAN's with batch norm (the paper's own, figure 2, take the same layers at 112 pixels).
 4. Adam 1e-3 on LSUN and 2e-4 elsewhere, beta1 0.5 (section 4.1); here 2e-4, in batches
    of 64.
 5. z is uniform of 100 numbers; the paper's figure has 1024 for LSUN.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "dcgan") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("lsgan", networks)
    config.prior.kind = "uniform"
    config.method.update(dict(loss="least_squares", joint=False))
    for player in ("g", "d"):
        config.optimizer[player].update(dict(learning_rate=2e-4, b1=0.5))
    config.data.batch_size = 64
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: ch 8, layers of 32 units on toys."""
    return smoke(config, ch=8, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
