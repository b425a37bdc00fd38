"""ACGAN: Conditional Image Synthesis with Auxiliary Classifier GANs (Odena et al. 2016, arXiv:1610.09585).

The checklist:

 1. D has a second head that names the class (section 3): ``heads.auxiliary``, of real and fake images in D's update,
    and of fakes in G's; D itself is not told the class.
 2. G takes the class as a one-hot joined to z. The number of classes is the data's: ``generator.num_classes`` and
    ``discriminator.num_classes`` must be given.
 3. Adam 2e-4, beta1 0.5, weights from N(0, 0.02), leaky ReLU 0.2, batches of 100, dropout 0.5 in D
    (appendix A, table 2). This library's configs have no dropout, which two thousand steps do not pay for.
 4. Networks are DCGAN's with classes; the paper's own for CIFAR-10 (table 2) have another table of channels.
 5. Real and fake pass D separately, for its batch norm.
 6. A large weight of the classifier costs diversity within a class (Gong et al. 2019, arXiv:1907.02690).
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "dcgan") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("acgan", networks)
    config.method.update(dict(loss="non_saturating", joint=False))
    config.heads.auxiliary.update(dict(real=1.0, fake=1.0, generator=1.0))
    config.generator.conditioning = "concat"
    config.discriminator.dropout = 0.5
    for player in ("g", "d"):
        config.optimizer[player].update(dict(learning_rate=2e-4, b1=0.5))
    config.data.batch_size = 100
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: ch 8, layers of 32 units on toys."""
    return smoke(config, ch=8, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
