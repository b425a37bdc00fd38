"""VQ-VAE: pictures to grids of discrete codes and back, on one or more levels.

Paper: Neural Discrete Representation Learning (arXiv:1711.00937), section 3; Generating Diverse High-Fidelity Images
with VQ-VAE-2 (arXiv:1906.00446), section 3.1.

  folder   Your own pictures: folder:DIR at 256 pixels, codes of 64x64 and 32x32; the default.
  cifar10  One level, codes of 8x8, 10,000 steps of 128, rate to 0 over the second half. Not measured.
  flowers  Two levels at 64 pixels, codes of 16x16 and 8x8, 10,000 steps of 32. Not measured.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=vqvae --workdir=runs/codes --config.data.name=folder:DIR
        jaxgan train --config=vqvae:cifar10 --workdir=runs/codes
Hardware: two CPU cores for cifar10 and flowers, a GPU for 256 pixels.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.variants import choose
from jaxgan.recipes import vqvae


def folder() -> ConfigDict:
    return vqvae.default_config()


def cifar10() -> ConfigDict:
    config = in_two_halves(vqvae.default_config(), 10_000, save_every=2_000, log_every=100)
    config.data.update(dict(name="tfds:cifar10", test_share=0.0, image_size=(32, 32), flip=True))
    config.autoencoder.levels = 1
    return config


def flowers() -> ConfigDict:
    config = in_two_halves(vqvae.default_config(), 10_000, save_every=2_000, log_every=100)
    config.data.update(dict(name="tfds:flowers5", test_share=0.0, image_size=(64, 64), batch_size=32, flip=True))
    config.autoencoder.update(dict(ch=64, levels=2))
    return config


VARIANTS = {"folder": folder, "cifar10": cifar10, "flowers": flowers}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="vqvae", tiny=vqvae.tiny)
