"""SNGAN: Spectral Normalization for Generative Adversarial Networks (Miyato et al. 2018, arXiv:1802.05957), with the
projection discriminator (Miyato & Koyama 2018, arXiv:1802.05637); code pfnet-research/sngan_projection.

The checklist:

 1. Every weight of D is divided by its largest singular value, one power iteration an update; G's are not.
 2. Hinge loss (eq. 16 and 17).
 3. Five D updates a G update, Adam 2e-4, betas 0 and 0.9, batches of 64 (section 4). The code draws 128 fakes in a G
    update; here 64. Its rate falls linearly to 0 in the last half (CIFAR-10), here it stays: ``optimizer.*.hold_steps``
    and ``decay_steps``.
 4. Real images get uniform noise of 1/128 (code): ``preprocess.dequantize``.
 5. ResNets for 32, 48 and 64 pixels (tables 3 to 5), D sums over positions.
 6. With classes: ``generator.conditioning='cbn'``, ``discriminator.conditioning='projection'``.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "sngan") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("sngan", networks)
    config.method.update(dict(loss="hinge", d_steps=5))
    config.preprocess.dequantize = True
    for player in ("g", "d"):
        config.optimizer[player].update(dict(learning_rate=2e-4, b1=0.0, b2=0.9))
    config.data.batch_size = 64
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: ch 8, layers of 32 units on toys, two updates of D a step."""
    return smoke(config, ch=8, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
