"""MSGAN: Mode Seeking Generative Adversarial Networks for Diverse Image Synthesis (Mao et al. 2019, arXiv:1903.05628);
code HelenMao/MSGAN.

The checklist:

 1. Two latents under one label must give images as far apart as the latents are (eq. 3):
    ``regularizers.mode_seeking.weight``, on any method. The code adds the inverse of the ratio, with 1e-5.
 2. The code judges the images of both latents, in D's update and in G's, and sums their two adversarial losses next to
    one mode-seeking term. Here D sees the first latent's images only, and the weight is 0.5 for the paper's 1, which is
    the same ratio of the two in G's loss.
 3. Distances are means of absolute differences (code).
 4. The base is the conditional DCGAN of the paper's CIFAR-10 experiment (section 4.1), classes joined in both networks
    (``num_classes`` is the data's, 0 here); fakes have the labels of the real batch (code): ``latents.from_data``.
 5. Adam 2e-4, beta1 0.5, weight decay 1e-4 added to the gradient, batches of 32 (code).
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import both_optimizers, smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "dcgan") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("msgan", networks)
    config.method.update(dict(loss="non_saturating", joint=False))
    config.latents.from_data = True
    config.regularizers.mode_seeking.weight = 0.5
    for section in (config.generator, config.discriminator):
        section.conditioning = "concat"
    both_optimizers(config, learning_rate=2e-4, b1=0.5, weight_decay=1e-4)
    config.data.batch_size = 32
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: ch 8, layers of 32 units on toys."""
    return smoke(config, ch=8, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
