"""ProGAN: Progressive Growing of GANs for Improved Quality, Stability, and Variation (Karras et al. 2018,
arXiv:1710.10196); code tkarras/progressive_growing_of_gans, whose Theano branch made the paper's numbers.

The checklist:

 1. Networks of 23.1 million parameters each at 1,024 pixels; see :mod:`jaxgan.networks.progan`. Equalised rates, pixel
    norms after activations in G, standard deviations over groups of 4 in D's last block, no tanh.
 2. A stage a side and phase: hold, fade of the next side, hold, ... (``growing.hold_images`` and ``fade_images``,
    600,000 each), from 4 pixels on. The last hold is ``training.steps``.
 3. In a fade G's image is blended with the smaller side's, enlarged by nearest neighbour; D's features with those of
    the halved image; and real images with their own halves, enlarged. Alpha rises with every step from 0.
 4. WGAN-GP with lambda 10 and a norm of 1 (the paper's CIFAR-10: 750; the code divides by its square, so that lambda
    is 10 / 750^2 there), and 1e-3 times D's squared output on real images (``regularizers.drift``).
 5. Adam (0, 0.99), begun anew at both ends of each fade, as the code.
 6. Batches and rates by side (``growing.batch_sizes``, ``learning_rates``, from 4 pixels on; the last one holds for
    what is larger): the code's for 8 GPUs. ``data.batch_size`` and ``optimizer.*.learning_rate`` are refused.
 7. G's average is of 0.999 a step, whatever the batch.
 8. Real images of a side are the set's, resized by the loader; the code halves them by boxes beforehand.
 9. With classes: AC-GAN (``heads.auxiliary``), the class joined to the latent.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.growing import growing_config, growing_experiment, tiny_growing
from jaxgan.experiment.regularizers import MAKERS
from jaxgan.methods.terms.drift import drift
from jaxgan.networks import progan
from jaxgan.training.method import Experiment

TERMS = {**MAKERS, "regularizers.drift": drift}


def default_config() -> ConfigDict:
    """Every key, with the code's settings for CelebA-HQ on 8 GPUs: what a config file starts from."""
    config = growing_config("progan", makers=TERMS)
    config.method.loss = "wasserstein"
    config.regularizers.penalties.gp = 10.0
    config.regularizers.drift.weight = 1e-3
    config.ema.update(decay=0.999, buffers="copy")
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: see :func:`jaxgan.experiment.growing.tiny_growing`."""
    return tiny_growing(config)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit, or sides that are no powers of two."""
    return growing_experiment(config, progan, makers=TERMS)
