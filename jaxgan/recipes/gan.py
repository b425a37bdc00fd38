"""GAN: Generative Adversarial Nets (Goodfellow et al. 2014, arXiv:1406.2661); code goodfeli/adversarial.

The checklist:

 1. The minimax game (eq. 1): ``method.loss='minimax'``. Section 3 and the code train G by -log D(G(z)) in its place,
    which does not saturate: ``'non_saturating'``, the default.
 2. k D steps a G step (algorithm 1): ``method.d_steps``; the paper and its code use 1.
 3. Networks are ``mlp``: G with ReLU, D of maxout units with dropout on its input and its layers, as in mnist.yaml.
    Images being in [-1, 1] here, G ends in a tanh; the code's sigmoid is the same map on [0, 1].
 4. SGD with momentum 0.5, a learning rate of 0.1 that is divided by 1.000004 after each update down to 1e-6, and
    batches of 100 (mnist.yaml). The code also lets momentum grow to 0.7 over 250 epochs; here it stays. Adam is
    ``optimizer.*.kind``, and the choice of this library's configs.
 5. Real and fake pass D in one batch: it has no batch norm, so that this equals one after the other.
 6. Weights from U(-0.05, 0.05) in G and U(-0.005, 0.005) in D (mnist.yaml): ``weight_init``. The code starts the bias
    of G's output at the pixels' marginals, here at 0; it has no constraint on columns' norms.
 7. The optimal D, p / (p + q), and the value 2 JSD - log 4 that it reaches (section 4) are tested in
    tests/objectives/test_adversarial.py.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import both_optimizers, smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "mlp") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("gan", networks)
    config.method.update(dict(loss="non_saturating"))
    config.discriminator.update(dict(dropout=0.5, input_dropout=0.2))
    config.generator.weight_init, config.discriminator.weight_init = "uniform:0.05", "uniform:0.005"
    both_optimizers(
        config,
        kind="sgd",
        learning_rate=0.1,
        b1=0.5,
        schedule="exponential",
        decay_steps=1,
        decay_rate=1 / 1.000004,
        end_factor=1e-5,
    )
    config.data.batch_size = 100
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: layers of 32 units."""
    return smoke(config, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
