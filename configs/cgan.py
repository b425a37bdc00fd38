"""Conditional GAN: both networks are told the class.

Paper: Conditional Generative Adversarial Nets (arXiv:1411.1784), MNIST of section 4.1. Everywhere Adam instead of the
paper's SGD.

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. Either network is told the mode.
           Perceptrons of three layers, as for every recipe on a toy; Adam 1e-3, 5,000 steps of 256 points. 25.0 of 25
           modes, 1.00 of samples near one.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    The paper's networks; Adam 1e-3, 2,000 steps of 64. fd 118, tstr 0.16 after 1,333 steps: too few for D to
           distinguish digits.
  cifar10  The conditional DCGAN of ch 32 that later papers compare with, as the paper has no images of this kind; Adam
           2e-4, 2,000 steps of 64. fd 257, tstr 0.27 after 462 steps.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=cgan:grid25 --workdir=runs/cgan_grid25
        jaxgan train --config=cgan:mnist --workdir=runs/cgan_mnist
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, classes, dcgan_blocks, on_cifar10, on_mnist, on_toy, toy_modes
from jaxgan.experiment.variants import choose
from jaxgan.recipes import cgan


def toy(name: str) -> ConfigDict:
    config = on_toy(cgan.default_config("mlp"), name)
    classes(config, toy_modes(name), generator="concat", discriminator="concat")
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


def mnist() -> ConfigDict:
    config = on_mnist(cgan.default_config("mlp"))
    classes(config, 10, generator="concat", discriminator="concat")
    config.generator.update(dict(image_shape=(28, 28, 1), hidden=(200, 1200), label_hidden=1000, dropout=0.5))
    config.discriminator.update(dict(hidden=(240, 240), pieces=(5, 4), label_hidden=50, dropout=0.5))
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


def cifar10() -> ConfigDict:
    config = dcgan_blocks(on_cifar10(cgan.default_config("dcgan")))
    config.discriminator.dropout = 0.0
    classes(config, 10, generator="concat", discriminator="concat")
    config.method.joint = False
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=2e-4)


VARIANTS = {"grid25": partial(toy, "grid25"), "ring8": partial(toy, "ring8"), "mnist": mnist, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="cgan", tiny=cgan.tiny)
