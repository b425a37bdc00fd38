"""StyleGAN: A Style-Based Generator Architecture for Generative Adversarial Networks (Karras et al. 2019,
arXiv:1812.04948); code NVlabs/stylegan.

The checklist:

 1. The generator: see :mod:`jaxgan.networks.stylegan`; 26,219,627 parameters at 1,024 pixels. A mapping network of 8
    layers at a hundredth of the rate, a constant that begins at ones, AdaIN and noise twice a side, a filter of
    [1, 2, 1] after each enlargement.
 2. The discriminator is ProGAN's, with the same filter before it halves (``discriminator.blur``).
 3. Growth as ProGAN's (see ``progan``), from 8 pixels on.
 4. Logistic loss, non-saturating, R1 with gamma 10 in every step; the paper's CelebA-HQ has WGAN-GP.
 5. Styles of two latents in 9 of 10 batches, one layer a batch, among the layers of the side that is drawn.
 6. Adam (0, 0.99), begun anew at both ends of each fade; G's average has a half-life of 10,000 images
    (``ema.half_life_images``), so that its decay follows the side's batch.
 7. The average of w is of 0.995 a step. Samples have psi 1, as scores do; the code's pictures have 0.7 in the first 8
    layers: options ``psi`` and ``cutoff``.
 8. With classes, their embedding is joined to the latent, as StyleGAN2's; the code multiplies by a matrix of its own.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.growing import growing_config, growing_experiment, tiny_growing
from jaxgan.experiment.regularizers import MAKERS
from jaxgan.experiment.styled import styled
from jaxgan.networks import stylegan
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with the code's settings for FFHQ on 8 GPUs: what a config file starts from."""
    config = growing_config("stylegan", makers=MAKERS)
    config.method.loss = "non_saturating"
    config.regularizers.penalties.r1 = 10.0
    config.discriminator.blur = True
    config.growing.first_side = 8
    config.ema.update(half_life_images=10_000.0, buffers="copy")
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: see :func:`jaxgan.experiment.growing.tiny_growing`; two layers map."""
    config = tiny_growing(config)
    config.generator.update(dict(w_dim=8, mapping_layers=2))
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit, or sides that are no powers of two."""
    return growing_experiment(config, stylegan, makers=MAKERS, changed=styled)
