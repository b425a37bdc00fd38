"""pix2pix: Image-to-Image Translation with Conditional Adversarial Networks (Isola et al. 2016, arXiv:1611.07004); code
phillipi/pix2pix (Lua), junyanz/pytorch-CycleGAN-and-pix2pix (PyTorch, from where most users know it).

The checklist:

 1. G is a U-Net of 8 halvings at 256 pixels (section 6.1.1): ``generator.depth``. Its bottleneck has no norm, as in the
    codes; the paper's own runs had one, which its erratum regrets: ``generator.innermost_norm``.
 2. Dropout of 0.5 is the only noise, in sampling too. PyTorch's code drops after the blocks next to the innermost one,
    Lua's after the innermost three: ``generator.dropout_at``.
 3. Convolutions before norms have no bias (PyTorch's); Lua's have, and zeroes them before each update, so that they are
    never more than one step from 0: ``use_bias``.
 4. D judges patches of 70 pixels and is told the source image (section 3.2.2): ``discriminator.layers`` of 0, 1, 2, 3,
    4, 5 are patches of 1, 16, 34, 70, 142, 286; ``discriminator.conditional=False`` is the paper's GAN instead of cGAN.
 5. Batch norms use the statistics of the images at hand in sampling too; each is drawn by itself, the paper's batches
    of one (section 3.3). ``generator.running`` for running statistics.
 6. Cross entropy, non-saturating; PyTorch's and Lua's D take half of it, which Adam's updates do not depend on.
 7. 100 times L1 (eq. 4): ``regularizers.reconstruction``; L2 by its ``distance``; L1 alone by
    ``method.adversarial_weight=0``.
 8. D, then G, each on one forward pass of its own; Lua's G takes its gradient through the updated D at the outputs of
    the old one. Real and fake pass D one after the other (``method.joint=False``).
 9. Adam 2e-4, beta1 0.5, batches of 1. PyTorch's code holds the rate for 100 epochs and brings it to 0 in 100, Lua's
    holds it: ``epochs.constant`` and ``epochs.decay``, 0 here, where steps count, and set by the configs.
10. Pictures are enlarged by 286 / 256, cropped at random and mirrored, source and target by one draw (section 6.2); the
    paper's colouring is not jittered.
11. Weights from N(0, 0.02); batch norms' gains begin at 1, in the codes at N(1, 0.02).
12. No averages of weights: ``ema.decay=0``.
13. With ``method.adversarial_weight=0`` no discriminator is trained: the papers' L1 alone.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.common import player_optimizer
from jaxgan.experiment.presets import JITTER, translated_digits
from jaxgan.experiment.translation import build_experiment, build_game, network_of, translation_stage
from jaxgan.experiment.translation import default_config as translation_config
from jaxgan.methods.gan import GAN
from jaxgan.methods.regression import Regression
from jaxgan.networks import patchgan, unet
from jaxgan.training.method import Experiment, Method


def default_config() -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = translation_config("pix2pix", unet.Generator)
    config.regularizers.reconstruction.weight = 100.0
    config.data.augment = (JITTER, "flip")
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 16x16 from their edges, or from levels of their brightness; three halvings of 8
    channels.
    """
    config = translated_digits(config, levels=3 if config.translation.classes else 0)
    config.generator.update(dict(ch=8, depth=3))
    config.discriminator.update(dict(ch=8, layers=min(1, config.discriminator.layers)))
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    generator = network_of(unet.Generator, "generator", config, image_channels=config.data.channels)
    discriminator = network_of(patchgan.Discriminator, "discriminator", config)
    game = build_game(config, generator, discriminator, draws_in_sample=True)
    return build_experiment(config, [translation_stage(config, without_adversary(config, game))])


def without_adversary(config: ConfigDict, game: GAN) -> Method:
    """The game; or, where reconstruction is all that the generator's loss holds, a regression, without training a
    discriminator.
    """
    terms = config.regularizers
    if config.method.adversarial_weight or config.perceptual.weight or terms.layer_matching.weight:
        return game
    given = terms.reconstruction
    optimizers = {"g": player_optimizer(config, "g")}
    return Regression(game=game, optimizers=optimizers, distance=given.distance, weight=given.weight)
