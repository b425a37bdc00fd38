"""Conditional GAN: Conditional Generative Adversarial Nets (Mirza & Osindero 2014, arXiv:1411.1784).

The checklist:

 1. Both players are told the class, by joining its one-hot (section 3.2): ``conditioning='concat'`` in either network,
    and ``num_classes``, which is the data's, 0 here.
    On MNIST (section 4.1) noise and class, and image and class, have a hidden layer of their own before they meet:
    ``label_hidden``. No code was published.
 2. Other ways to say the class are values of the same keys: G takes 'cbn', conditional batch norm (de Vries et al.
    2017, arXiv:1707.00683; Dumoulin et al. 2016, arXiv:1610.07629), D 'projection' (Miyato & Koyama 2018,
    arXiv:1802.05637); an auxiliary classifier is ``heads.auxiliary``.
 3. Fakes' labels are uniform, or with ``latents.from_data=True`` those of the real batch; the paper conditions fakes
    on the data's.
 4. Uniform noise of 100 numbers; SGD from 0.1 with momentum from 0.5, batches of 100, dropout of 0.5 in both networks
    (section 4.1). The rate is divided by 1.00004 after each update down to 1e-6; momentum, which grows to 0.7 in the
    paper, stays.
 5. The loss is the first GAN's; see :mod:`jaxgan.recipes.gan`.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import both_optimizers, smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "mlp") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("cgan", networks)
    config.prior.kind = "uniform"
    config.method.update(dict(loss="non_saturating"))
    config.latents.from_data = True
    for section in (config.generator, config.discriminator):
        section.conditioning = "concat"
        if "dropout" in section:
            section.dropout = 0.5
    if networks == "mlp":
        config.generator.update(dict(hidden=(200, 1200), label_hidden=1000))
        config.discriminator.update(dict(hidden=(240, 240), pieces=(5, 4), label_hidden=50))
    both_optimizers(
        config,
        kind="sgd",
        learning_rate=0.1,
        b1=0.5,
        schedule="exponential",
        decay_steps=1,
        decay_rate=1 / 1.00004,
        end_factor=1e-5,
    )
    config.data.batch_size = 100
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: layers of 32 units, 8 for labels, ch 8 where there are convolutions."""
    return smoke(config, ch=8, hidden=32, label_hidden=8)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
