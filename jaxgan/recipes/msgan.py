"""MSGAN: Mode Seeking Generative Adversarial Networks for Diverse Image Synthesis (Mao et al. 2019, arXiv:1903.05628);
code HelenMao/MSGAN.

The checklist:

 1. Two latents under one label must give images as far apart as the latents are (eq. 3):
    ``regularizers.mode_seeking.weight``, 1, on any method. The code adds the inverse of the ratio, with 1e-5.
 2. Distances are means of absolute differences (code).
 3. The base is the conditional DCGAN of the paper's CIFAR-10 experiment (section 4.1), classes joined in both networks.
 4. Adam 2e-4, beta1 0.5.
 5. The two latents of the code are also both judged by D; here the second is drawn for the term alone.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "dcgan") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("msgan", networks)
    config.method.update(dict(loss="non_saturating", joint=False))
    config.regularizers.mode_seeking.weight = 1.0
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
