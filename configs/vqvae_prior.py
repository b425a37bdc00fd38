"""VQ-VAE-2's priors: the second run, which learns to draw the codes of a run of vqvae.

Paper: Generating Diverse High-Fidelity Images with VQ-VAE-2 (arXiv:1906.00446), section 3.2.

  folder   Codes of a run of vqvae on your own pictures; the default. Give it the first run's --config.data.name.
  cifar10  Codes of a run of vqvae:cifar10, by class, 10,000 steps of 64. Not measured.
  flowers  Codes of a run of vqvae:flowers, by class, 10,000 steps of 32. Not measured.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=vqvae:flowers --workdir=runs/codes
        jaxgan train --config=vqvae_prior:flowers --workdir=runs/prior --config.first.run=runs/codes
Hardware: two CPU cores for cifar10 and flowers, a GPU for 256 pixels.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.variants import choose
from jaxgan.recipes import vqvae_prior


def folder() -> ConfigDict:
    return vqvae_prior.default_config()


def _narrow(name: str, side: int, classes: int, batch_size: int) -> ConfigDict:
    config = in_two_halves(vqvae_prior.default_config(), 10_000, save_every=1_000, log_every=100)
    config.data.update(dict(name=name, test_share=0.0, image_size=(side, side), batch_size=batch_size))
    config.num_classes = classes
    for section in (config.top, config.below):
        section.update(dict(ch=64, layers=6, kernel=3, first_kernel=5, hidden=64, embed=32, heads=4))
    config.top.attention_every = 2
    config.above.update(dict(ch=32, blocks=2, hidden=32))
    config.ema.decay = 0.999
    config.evaluation.update(dict(features="efficientnet_lite0", num_images=1_000))
    return config


def cifar10() -> ConfigDict:
    return _narrow("tfds:cifar10", 32, 10, 64)


def flowers() -> ConfigDict:
    return _narrow("tfds:flowers5", 64, 5, 32)


VARIANTS = {"folder": folder, "cifar10": cifar10, "flowers": flowers}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="vqvae_prior", tiny=vqvae_prior.tiny)
