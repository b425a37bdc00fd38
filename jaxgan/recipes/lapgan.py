"""LAPGAN: Deep Generative Image Models using a Laplacian Pyramid of Adversarial Networks (Denton et al. 2015,
arXiv:1506.05751); code facebook/eyescream.

The checklist:

 1. A GAN for each level of a Laplacian pyramid, told the level's low-pass image, and an unconditional (or class
    conditional) one for the smallest (section 3): ``pyramid.levels``. Sampling goes from coarse to fine.
 2. A residual and its low-pass image are added before D's first layer (section 3).
 3. All levels are trained in one step; they share nothing, so that it is as training them one by one.
 4. Classes (CC-LAPGAN) join as a plane: ``conditioning='concat'`` in both networks.
 5. Convolutions on CIFAR-10 as the code has them, see :mod:`jaxgan.networks.lapgan`; dropout in D; the smallest level
    is dense: ``pyramid.coarse_hidden_g``, ``coarse_hidden_d``.
 6. Uniform noise on [-1, 1]: a plane of it at the levels above, 100 numbers at the smallest.
 7. Batches of 128, SGD from 0.02 with growing momentum in the paper (section 4, appendix A); Adam is
    ``optimizer.*.kind``, and what this library's configs take.
 8. Augmentations would have to move a residual and its low-pass image together, which D sees separately: they are
    refused.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import bind, build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import is_toy, on_digits, shortened, smoke
from jaxgan.experiment.sections import construct, defaults
from jaxgan.latent import Prior
from jaxgan.methods.gan import GAN
from jaxgan.methods.lapgan import LaplacianPyramid
from jaxgan.networks import lapgan as networks
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment

_OF_A_LEVEL = ("image_shape", "z_dim", "coarsest")


def default_config() -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("lapgan", "mlp")
    with config.unlocked():
        config.networks = "lapgan"
        config.generator = ConfigDict(defaults(networks.Generator, exclude=_OF_A_LEVEL), type_safe=False)
        config.discriminator = ConfigDict(defaults(networks.Discriminator, exclude=_OF_A_LEVEL), type_safe=False)
        config.pyramid = ConfigDict(
            dict(levels=3, coarse_z_dim=100, coarse_hidden_g=(1200, 1200), coarse_hidden_d=(600, 600)),
            type_safe=False,
        )
    config.prior.kind = "uniform"
    config.method.update(dict(loss="non_saturating"))
    config.latents.from_data = True
    for player in ("g", "d"):
        config.optimizer[player].update(dict(kind="sgd", learning_rate=0.02, b1=0.5))
    config.data.batch_size = 128
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: 8 channels above a smallest level of 32 units, on digits of 16x16 pixels or the toy."""
    smallest = dict(coarse_z_dim=8, coarse_hidden_g=(32, 32), coarse_hidden_d=(32, 32))
    if is_toy(config):
        config = smoke(config, hidden=32)
    else:
        config = on_digits(shortened(config), (16, 16))
        config.generator.hidden = config.discriminator.hidden = (8, 8)
        config.pyramid.levels = 2
    config.pyramid.update(smallest)
    return config


def _level(config: ConfigDict, level: int) -> GAN:
    pyramid, coarsest = config.pyramid, level == 0
    halvings = pyramid.levels - 1 - level
    if is_toy(config):
        shape: tuple[int, ...] = (2 // 2**halvings,)
        z_dim = pyramid.coarse_z_dim
    else:
        side = [n // 2**halvings for n in config.data.image_size]
        shape = (*side, config.data.channels)
        z_dim = pyramid.coarse_z_dim if coarsest else side[0] * side[1]
    generator, discriminator = dict(config.generator), dict(config.discriminator)
    if coarsest:
        generator["hidden"], discriminator["hidden"] = pyramid.coarse_hidden_g, pyramid.coarse_hidden_d
    return bind(
        config,
        generator=construct(
            networks.Generator, "generator", generator, image_shape=shape, z_dim=z_dim, coarsest=coarsest
        ),
        discriminator=construct(networks.Discriminator, "discriminator", discriminator, coarsest=coarsest),
        prior=Prior(z_dim, config.prior.kind),
    )


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, a pyramid that the image does not have, or regularizers that move
        images.
    """
    levels, toy = config.pyramid.levels, is_toy(config)
    halved = 2 ** (levels - 1)
    if levels < 2 or (levels != 2 if toy else any(side % halved for side in config.data.image_size)):
        raise UserError(
            f"pyramid.levels={levels} does not fit {config.data.name} of size {tuple(config.data.image_size)}: "
            + ("points have 2 levels" if toy else "each level halves the image, and there are at least 2")
        )
    moving, same = config.augment, config.regularizers.consistency
    if moving.diffaugment.policy or moving.ada.pipeline or same.cr or same.bcr_real or same.bcr_fake:
        raise UserError("lapgan's D sees a residual without its image: diffaugment, ada, cr and bcr do not fit it")
    heads = [f"heads.{name}.{key}" for name, keys in config.heads.items() for key, weight in keys.items() if weight]
    if heads:
        raise UserError(f"lapgan's levels judge residuals, which have no class or code of their own: set {heads[0]}=0")
    if config.multi_scale.scales > 1 or config.prior.categorical or config.prior.continuous:
        raise UserError("lapgan judges every scale already, and its latents have no codes: leave multi_scale and prior")
    if config.generator.num_classes != config.discriminator.num_classes:
        raise UserError("generator.num_classes and discriminator.num_classes must be equal")
    games = tuple(_level(config, level) for level in range(levels))
    return build_experiment(config, LaplacianPyramid(levels=games, num_classes=config.generator.num_classes))
