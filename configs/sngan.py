"""SNGAN: spectral normalisation in D, the hinge loss, five updates of D for each of G.

Paper: Spectral Normalization for GANs (arXiv:1802.05957), section 4 and tables 3 to 5 (ResNets).

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. Perceptrons of three layers, as for every
           recipe on a toy; the rate, 4e-3, is 20 times the paper's, for 2,500 steps of 256 points. 25.0 of 25 modes,
           0.72 of samples near one, after 5,000 steps.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    ResNets of ch 16, a rate of 1e-3 for 2e-4, 2,000 steps of 64. fd 101 after 190 steps.
  cifar10  ResNets of ch 16 (the paper: 256 and 128), without classes, a rate of 1e-3 for 2e-4, 2,000 steps of 64. fd
           289 after 75 steps.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=sngan:grid25 --workdir=runs/sngan_grid25
        jaxgan train --config=sngan:cifar10 --workdir=runs/sngan_cifar10
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, on_cifar10, on_mnist, on_toy
from jaxgan.experiment.variants import choose
from jaxgan.recipes import sngan


def toy(name: str) -> ConfigDict:
    config = on_toy(sngan.default_config("mlp"), name)
    config.discriminator.spectral_norm = True
    config.training.steps = 2_500
    return both_optimizers(config, b1=0.0, b2=0.9, learning_rate=4e-3)


def mnist() -> ConfigDict:
    config = on_mnist(sngan.default_config("sngan"))
    config.generator.update(dict(resolution=28, ch=16, image_channels=1))
    config.discriminator.update(dict(resolution=28, ch=16))
    return both_optimizers(config, learning_rate=1e-3)


def cifar10() -> ConfigDict:
    config = on_cifar10(sngan.default_config("sngan"))
    config.generator.update(dict(resolution=32, ch=16))
    config.discriminator.update(dict(resolution=32, ch=16))
    return both_optimizers(config, learning_rate=1e-3)


VARIANTS = {"grid25": partial(toy, "grid25"), "ring8": partial(toy, "ring8"), "mnist": mnist, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="sngan", tiny=sngan.tiny)
