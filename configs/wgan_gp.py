"""WGAN-GP: a critic whose gradient is held near 1, five updates for each of G.

Paper: Improved Training of Wasserstein GANs (arXiv:1704.00028), table 3 (CIFAR-10); the toys are those of its code.

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. Perceptrons of three layers, as for every
           recipe on a toy. The penalty's weight is 0.1 and Adam's betas are 0.5 and 0.9, as in the paper's own code for
           it (gan_toy.py); the rate, 2e-3, is 20 times that code's, for 2,500 steps of 256 points instead of 100,000
           (40 times lost two seeds of three). 25.0 of 25 modes, 0.88 of samples near one, after 5,000 steps.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    ResNets of ch 16, a rate of 1e-3 for 2e-4, 2,000 steps of 64. fd 205 after 130 steps.
  cifar10  ResNets of ch 16 (the paper: 128), a rate of 1e-3 for 2e-4, 2,000 steps of 64. fd 321 after 41 steps.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=wgan_gp:grid25 --workdir=runs/wgan_gp_grid25
        jaxgan train --config=wgan_gp:cifar10 --workdir=runs/wgan_gp_cifar10
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, on_cifar10, on_mnist, on_toy
from jaxgan.experiment.variants import choose
from jaxgan.recipes import wgan_gp


def toy(name: str) -> ConfigDict:
    config = on_toy(wgan_gp.default_config("mlp"), name)
    config.regularizers.penalties.gp = 0.1
    config.training.steps = 2_500
    return both_optimizers(config, b1=0.5, b2=0.9, learning_rate=2e-3)


def mnist() -> ConfigDict:
    config = on_mnist(wgan_gp.default_config("wgan_gp"))
    config.generator.update(dict(resolution=28, ch=16, image_channels=1))
    config.discriminator.update(dict(resolution=28, ch=16))
    config.preprocess.dequantize = False
    return both_optimizers(config, learning_rate=1e-3)


def cifar10() -> ConfigDict:
    config = on_cifar10(wgan_gp.default_config("wgan_gp"))
    config.generator.update(dict(resolution=32, ch=16))
    config.discriminator.update(dict(resolution=32, ch=16))
    config.preprocess.dequantize = False
    return both_optimizers(config, learning_rate=1e-3)


VARIANTS = {"grid25": partial(toy, "grid25"), "ring8": partial(toy, "ring8"), "mnist": mnist, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="wgan_gp", tiny=wgan_gp.tiny)
