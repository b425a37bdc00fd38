"""CycleGAN: one domain of images to another, without pairs.

Paper: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks (arXiv:1703.10593), section 4.

  domains  Your own: domains:DIR with trainA, trainB, testA, testB at 256 pixels, the paper's 100 + 100 epochs; the
           default.
  fruit    Oranges to lemons and back (orange2lemon, 64 pixels); ``narrow``: 6 blocks of 16 channels, 5,000 steps.
           ``identity=0`` leaves the identity term out.
  flowers  Daisies to sunflowers and back, two classes of flowers5 at 128 pixels; ``narrow``: 64 pixels, 6 blocks of 16
           channels, 5,000 steps.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=cyclegan --workdir=runs/mine --config.data.name=domains:DIR
        jaxgan train --config=cyclegan:fruit,narrow --workdir=runs/fruit
Hardware: two CPU cores for ``narrow``, one GPU for the others.
"""

from typing import Literal

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.variants import choose
from jaxgan.recipes import cyclegan


def domains() -> ConfigDict:
    config = cyclegan.default_config()
    config.epochs.update(dict(constant=100, decay=100))
    return config


def narrowed(config: ConfigDict) -> ConfigDict:
    """64 pixels and 16 channels, for two cores; the rate falls to 0 over the second half."""
    config.data.image_size = (64, 64)
    config.generator.update(dict(ch=16, blocks=6))
    config.discriminator.update(dict(ch=32, layers=2))
    return in_two_halves(config, 5_000, save_every=1_000, log_every=100)


def scored(config: ConfigDict) -> ConfigDict:
    config.unpaired.metrics = "fd"
    config.evaluation.features = "efficientnet_lite0"
    return config


def fruit(identity: Literal[0, 5] = 5, narrow: bool = False) -> ConfigDict:
    config = scored(domains())
    config.data.update(dict(name="tfds:orange2lemon", image_size=(64, 64)))
    config.generator.blocks = 6
    config.method.identity = float(identity)
    # Of the training images: 50 held out are too few for a distance.
    config.evaluation.reference_split = "train"
    return narrowed(config) if narrow else config


def flowers(narrow: bool = False) -> ConfigDict:
    config = scored(domains())
    config.data.update(dict(name="tfds:flowers5", image_size=(128, 128), test_split="train"))
    config.domains.update(dict(A="daisy", B="sunflower"))
    config.generator.blocks = 6
    return narrowed(config) if narrow else config


VARIANTS = {"domains": domains, "fruit": fruit, "flowers": flowers}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="cyclegan", tiny=cyclegan.tiny)
