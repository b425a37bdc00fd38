"""GAN: Generative Adversarial Nets (Goodfellow et al. 2014, arXiv:1406.2661); code goodfeli/adversarial.

The checklist:

 1. The minimax game (eq. 1): ``method.loss='minimax'``. Section 3 and the code train G by -log D(G(z)) in its place,
    which does not saturate: ``'non_saturating'``, the default.
 2. k D steps a G step (algorithm 1): ``method.d_steps``; the paper and its code use 1.
 3. Networks are ``mlp``: G with ReLU, D of maxout units with dropout on its input and its layers, as in mnist.yaml.
    Images being in [-1, 1] here, G ends in a tanh; the code's sigmoid is the same map on [0, 1].
 4. SGD with momentum, a learning rate of 0.1 and batches of 100 (mnist.yaml). The code also lets momentum grow from 0.5
    to 0.7 and the rate decay by 1.000004 an update; here they stay (``optimizer.*.decay_steps`` falls linearly). Adam
    is ``optimizer.*.kind``, and what this library's configs take.
 5. Real and fake pass D apart: it has no batch norm, so that the two are equal.
 6. The optimal D, p / (p + q), and the value 2 JSD - log 4 that it reaches (section 4) are tested in
    tests/objectives/test_adversarial.py.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "mlp") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("gan", networks)
    config.method.update(dict(loss="non_saturating"))
    config.discriminator.update(dict(dropout=0.5, input_dropout=0.2))
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="sgd", learning_rate=0.1, b1=0.5))
    config.data.batch_size = 100
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: layers of 32 units."""
    return smoke(config, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
