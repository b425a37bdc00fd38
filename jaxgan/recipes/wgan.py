"""WGAN: Wasserstein GAN (Arjovsky et al. 2017, arXiv:1701.07875); code martinarjovsky/WassersteinGAN.

The checklist:

 1. The critic maximises mean D(x) - mean D(G(z)); logged as ``d/wasserstein``, which is the distance times the critic's
    unknown Lipschitz constant: it says when to stop, by falling, and compares only with itself.
 2. Its weights are clipped to [-0.01, 0.01] after each of its updates (algorithm 1): ``clip.bound``.
 3. Five D updates a G update, RMSProp 5e-5, batches of 64 (algorithm 1). Its decay is 0.99 and its epsilon, 1e-8,
    stands outside the root, as in the code's PyTorch: ``optimizer.*.eps_in_sqrt=False``. Inside the root, as in optax
    and TensorFlow, weights whose gradients are small hardly move. The code makes 100 D updates for each of the first
    25 of G and for every 500th after; here their number is fixed, as in the paper: ``method.d_steps``.
 4. Networks are DCGAN's, D with batch norm (code), z normal of 100 numbers (code).
 5. Clipping drives weights to the two bounds and makes a weak critic (the lesson of Gulrajani et al. 2017,
    arXiv:1704.00028, section 3); see :mod:`jaxgan.recipes.wgan_gp`.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "dcgan") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("wgan", networks)
    config.method.update(dict(loss="wasserstein", joint=False, d_steps=5))
    config.clip.bound = 0.01
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="rmsprop", learning_rate=5e-5, b2=0.99, eps=1e-8, eps_in_sqrt=False))
    config.data.batch_size = 64
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: ch 8, layers of 32 units on toys, two updates of D a step."""
    return smoke(config, ch=8, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
