"""f-GAN: Training Generative Neural Samplers using Variational Divergence Minimization (Nowozin et al. 2016,
arXiv:1606.00709).

The checklist:

 1. Any of six divergences by ``method.loss``: 'f_kl' (the default), 'f_reverse_kl', 'f_pearson',
    'f_squared_hellinger', 'f_js', 'f_gan'; output activations and conjugates are those of tables 2 and 6, see
    :mod:`jaxgan.objectives.f_divergence`.
 2. The bound (eq. 4) is logged as ``d/divergence``: at the best D it is the divergence, in nats for KL and its kin. G
    takes the step of section 3.2 that does not saturate.
 3. One gradient step each (algorithm 1).
 4. Networks on MNIST are perceptrons with batch norm in G (section 4.1; D's ELU is a leaky ReLU here); on images
    DCGAN's.
 5. Adam 2e-4, beta1 0.5; uniform noise of 100 numbers; batches of 4096 on MNIST in the paper, of
    256 here.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "mlp") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("fgan", networks)
    config.prior.kind = "uniform"
    config.method.update(dict(loss="f_kl"))
    if networks == "mlp":
        config.generator.batch_norm = True
        config.discriminator.activation = "leaky_relu"
    for player in ("g", "d"):
        config.optimizer[player].update(dict(learning_rate=2e-4, b1=0.5))
    config.data.batch_size = 256
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: layers of 32 units, ch 8 where there are convolutions."""
    return smoke(config, ch=8, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
