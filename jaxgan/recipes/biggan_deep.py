"""BigGAN-deep (Brock et al. 2018, arXiv:1809.11096, section 4.2 and appendix B).

The checklist of :mod:`jaxgan.recipes.biggan` holds, except for these:

14. The whole z (128) joins the shared embedding at every block and in the first layer.
16. Blocks are bottlenecks of ratio 4, two a resolution. Shortcuts have no parameters in G, which drops surplus
    channels; in D a 1x1 adds the missing ones.
18. BN eps is 1e-4, as in the released weights.
22. The released last convolution gives ch channels of which three are used; here it gives three. With theirs the
    parameters are the published 50.4, 55.9 and 56.2 million at 128, 256 and 512 pixels.

Optimisers and D steps are BigGAN's, as StudioGAN has them for this network at batch 2048.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.recipes import biggan
from jaxgan.training.method import Experiment


def default_config(networks: str = "biggan_deep") -> ConfigDict:
    """Every key, with the paper's game on ImageNet: what a config file starts from."""
    return biggan.paper_game(game_config("biggan_deep", networks, num_classes=1000))


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: BigGAN's, with one block a resolution instead of two."""
    config = biggan.tiny(config)
    config.generator.depth = config.discriminator.depth = 1
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
