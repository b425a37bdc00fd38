"""StyleGAN2: Analyzing and Improving the Image Quality of StyleGAN (Karras et al. 2020, arXiv:1912.04958); code
NVlabs/stylegan2, and NVlabs/stylegan2-ada-pytorch, whose settings the configs have.

The checklist:

 1. Networks: see :mod:`jaxgan.networks.stylegan2`; config F (``channel_base`` 32,768), of 1,024 pixels: 30,370,060 and
    29,012,513 parameters.
 2. Logistic loss, non-saturating; R1 with gamma 10 on every 16th step, 16 times as strong
    (``regularizers.penalties``).
 3. Path length on every 4th step, 4 times as strong, of half of the batch, weight 2
    (``regularizers.path_length``). Its latents are drawn anew.
 4. Styles of two latents in 9 of 10 batches (``generator.mixing``): one layer a batch, as in the code.
 5. The average of w moves in every update but the lazy ones, of G and of D, with 0.995 (ada-pytorch; TF: in all).
 6. Adam 2e-3 (0, 0.99), for lazy terms brought to c = k / (k + 1): rate c, betas to the power c, 4/5 for G and 16/17
    for D; a lazy term's update is one of its own, of the same moments.
 7. Batches of 32. Order: D, its R1, G, its path length. The TF code has G first, and ada-pytorch too.
 8. G's average has a half-life of 10,000 images (``ema.half_life_images``), buffers are copied; ADA's configs let it
    rise (``ema.ramp_up`` 0.05).
 9. D's standard deviation is over groups of 4 (``discriminator.stddev_rows``), of real and of fake images separately.
10. Samples have psi 1 and noise that is drawn, as scores do; options ``psi``, ``cutoff`` (layers; 0 for all) and
    ``noise``.
11. ADA: ``augment.ada``, with a target of 0.6, 500,000 images for p from 0 to 1.
12. ``low_sides`` upper sides in bfloat16, where the code has float16; ``clamp`` 256 as the code.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment, build_method
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import on_digits, shortened
from jaxgan.experiment.regularizers import MAKERS
from jaxgan.experiment.styled import styled
from jaxgan.methods.terms.path_length import path_length
from jaxgan.training.method import Experiment

TERMS = {**MAKERS, "regularizers.path_length": path_length}


def default_config() -> ConfigDict:
    """Every key, with config F's settings: what a config file starts from."""
    config = game_config("stylegan2", "stylegan2", makers=TERMS)
    config.method.update(dict(loss="non_saturating", joint=False))
    config.regularizers.penalties.update(dict(r1=10.0, every=16))
    config.regularizers.path_length.update(dict(weight=2.0, every=4))
    lazy(config, learning_rate=2e-3)
    config.ema.update(half_life_images=10_000.0, buffers="copy")
    config.data.batch_size = 32
    return config


def lazy(config: ConfigDict, *, learning_rate: float, betas: tuple[float, float] = (0.0, 0.99)) -> ConfigDict:
    """Adam for both players, with what a lazy term's own updates are counted for (appendix B)."""
    terms = config.regularizers
    every = {"g": terms.path_length.every if terms.path_length.weight else 0, "d": terms.penalties.every}
    for player, interval in every.items():
        share = interval / (interval + 1) if interval > 1 else 1.0
        b1, b2 = (beta**share for beta in betas)
        config.optimizer[player].update(dict(learning_rate=share * learning_rate, b1=b1, b2=b2, eps=1e-8))
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 8x8 pixels, from 2 on, 16 channels, float32; weights, rates and averages are those of
    config F.
    """
    config = on_digits(shortened(config), (8, 8))
    sizes = dict(resolution=8, base=(2, 2), channel_base=128, channel_max=16)
    config.data.flip = False
    config.regularizers.penalties.r1, config.discriminator.stddev_rows = 10.0, 4
    config.ema.update(half_life_images=10_000.0, ramp_up=None)
    lazy(config, learning_rate=2e-3)
    config.generator.update(dict(sizes, z_dim=8, w_dim=8, mapping_layers=2, low_sides=0))
    config.discriminator.update(dict(sizes, low_sides=0))
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config, styled(build_method(config, makers=TERMS)))
