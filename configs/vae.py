"""VAE: an encoder and a decoder that bound the likelihood.

Paper: Auto-Encoding Variational Bayes (arXiv:1312.6114), sections 2 and 3.

  mnist    Statically binarised MNIST, 784-400-20, 50 epochs of 100 (30,000 steps), rate to 0 over the second half; the
           default. ``conv``: two convolutions and a dense layer of 256 on either side, 32 latents. ``prior``: a
           mixture of 10 Gaussians, or 20 choices of 10, instead of N(0, I); these two are not measured.
  graphics Digits turned and scaled, in groups of 10 of which one factor varies: number 0 of 20 latents learns the
           rotation, number 1 the scale. 30,000 steps of 100. Not measured.
  cifar10  Bytes by discretised logistics, three convolutions, 128 latents, 30,000 steps of 100.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=vae:mnist --workdir=runs/vae
        jaxgan evaluate --workdir=runs/vae --metrics=elbo --set samples=500
Hardware: one CPU core for mnist, two for the others.
"""

from typing import Literal

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.variants import choose
from jaxgan.recipes import vae


def mnist(conv: bool = False, prior: Literal["normal", "mixture", "categorical"] = "normal") -> ConfigDict:
    config = in_two_halves(vae.default_config(), 30_000, save_every=2_000, log_every=100)
    config.latents.prior = prior
    if conv:
        config.latents.z_dim = 32
        config.encoder.update(dict(channels=(32, 64), hidden=(256,)))
        config.decoder.update(dict(channels=(64, 32), hidden=(256,)))
    return config


def graphics() -> ConfigDict:
    config = mnist(conv=True)
    config.latents.z_dim = 20
    config.inverse_graphics.group = 10
    return config


def cifar10() -> ConfigDict:
    config = in_two_halves(vae.default_config(), 30_000, save_every=2_000, log_every=100)
    config.data.update(dict(name="tfds:cifar10", image_size=(32, 32), channels=3, flip=True))
    config.data.test_augment = ()
    config.likelihood = "discretised_logistic"
    config.latents.z_dim = 128
    config.encoder.update(dict(channels=(64, 128, 256), hidden=()))
    config.decoder.update(dict(channels=(256, 128, 64), hidden=()))
    return config


VARIANTS = {"mnist": mnist, "graphics": graphics, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="vae", tiny=vae.tiny)
