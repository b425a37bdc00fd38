"""SAGAN: Self-Attention Generative Adversarial Networks (Zhang et al. 2018, arXiv:1805.08318); code
brain-research/self-attention-gan.

The checklist:

 1. Spectral normalisation in both networks (section 4.1).
 2. Self-attention in both, as released: see :class:`jaxgan.nn.SelfAttention`.
 3. Two time scales instead of several D updates (section 4.2; Heusel et al. 2017, arXiv:1706.08500): Adam 1e-4 for G
    and 4e-4 for D, betas 0 and 0.9, one D update.
 4. Hinge loss. With classes, whose number is the data's (``generator.num_classes``, 0 here): conditional batch norm
    and projection D, ``generator.conditioning='cbn'`` and ``discriminator.conditioning='projection'``.
 5. Batches of 256.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "sagan") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("sagan", networks)
    config.method.update(dict(loss="hinge"))
    config.optimizer.g.update(dict(learning_rate=1e-4, b1=0.0, b2=0.9))
    config.optimizer.d.update(dict(learning_rate=4e-4, b1=0.0, b2=0.9))
    config.data.batch_size = 256
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: ch 8, layers of 32 units on toys."""
    return smoke(config, ch=8, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
