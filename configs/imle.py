"""IMLE: each training example is assigned its nearest sample, which is moved towards it; no discriminator.

Paper: Implicit Maximum Likelihood Estimation (arXiv:1809.09087), algorithm 1; with classes Multimodal Image Synthesis
with Conditional Implicit Maximum Likelihood Estimation (arXiv:1811.12373).

  mnist    The code's settings on MNIST, 60,000 steps of 64. For a GPU. Not measured.
  small    5,000 of MNIST's digits, 4 samples each, 4,000 steps of 64, for two cores. Not measured.
           ``classes`` draws for the digit.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=imle:small --workdir=runs/imle
Hardware: two CPU cores for small, a GPU for mnist.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.variants import choose
from jaxgan.recipes import imle


def mnist() -> ConfigDict:
    config = imle.default_config()
    config.training.update(dict(steps=60_000, save_every=5_000, log_every=100))
    return config


def small(classes: bool = False) -> ConfigDict:
    config = mnist()
    config.data.split = "train[:5000]"
    config.imle.update(dict(examples=5_000, samples_per_example=4.0, every_steps=400))
    config.training.update(dict(steps=4_000, save_every=400, log_every=50))
    config.evaluation.update(dict(features="efficientnet_lite0", num_images=1_000, reference_split="test"))
    if classes:
        config.generator.update(dict(num_classes=10, conditioning="concat"))
    return config


VARIANTS = {"mnist": mnist, "small": small}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="imle", tiny=imle.tiny)
