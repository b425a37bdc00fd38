"""WGAN-GP: Improved Training of Wasserstein GANs (Gulrajani et al. 2017, arXiv:1704.00028); code
igul222/improved_wgan_training.

The checklist:

 1. Penalty 10 (|grad D| - 1)^2 on lines between real and fake (eq. 3): ``regularizers.penalties.gp``; one number a
    pair.
 2. No batch norm in the critic, for it ties examples together (section 4); layer norm is the paper's recommendation
    where one is wanted: ``discriminator.layer_norm`` of the dcgan networks.
 3. Five D updates a G update; Adam 1e-4, betas 0 and 0.9 (algorithm 1). The CIFAR-10 ResNet's code takes 2e-4, falling
    linearly to 0 over its 100,000 G updates, which are 500,000 of D: the default here (``optimizer.*.decay_steps``).
 4. Batches of 64; the code draws 128 fakes in a G update, here 64. Real images get uniform noise of 1/128 (the ResNet's
    code): ``preprocess.dequantize``.
 5. ``d/wasserstein`` estimates the distance, the gradient's norm being held near 1.
 6. Class conditioning in the paper's table 3 is ACGAN's: ``heads.auxiliary``.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "wgan_gp") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("wgan_gp", networks)
    config.method.update(dict(loss="wasserstein", d_steps=5))
    config.preprocess.dequantize = True
    config.regularizers.penalties.gp = 10.0
    for player, decay_steps in (("g", 100_000), ("d", 500_000)):
        config.optimizer[player].update(dict(learning_rate=2e-4, b1=0.0, b2=0.9, decay_steps=decay_steps))
    config.data.batch_size = 64
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: ch 8, layers of 32 units on toys, two updates of D a step."""
    return smoke(config, ch=8, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
