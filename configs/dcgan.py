"""DCGAN: strided convolutions and batch norm.

Paper: Deep Convolutional GANs (arXiv:1511.06434), section 4.

  grid25         25 Gaussians in the plane, whose modes can be counted; the default. What a perceptron can have of
                 DCGAN: batch norm in both networks, leaky ReLU in D, uniform noise. Three layers, as for every recipe
                 on a toy; Adam 1e-3, 5,000 steps of 256 points. 23.7 of 25 modes, 0.30 of samples near one.
  ring8          Eight Gaussians, with the same networks and rates. Not measured.
  mnist          Two blocks from 7x7, ch 32, 2,000 steps of 64. fd 74 after 1,333 steps.
  cifar10        Three blocks from 4x4, ch 32, 2,000 steps of 64. fd 275 after 522 steps.
  stacked_mnist  Three digits as the channels of an image, 1000 modes; the networks of mnist. Data and count are those
                 of VEEGAN (arXiv:1705.07761) and PacGAN (arXiv:1712.04086): 26,000 samples, each digit named by a
                 classifier. eval/modes 929 of 1000, eval/modes_kl 0.752 after the 2,000 steps.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two, Stacked MNIST's of seed 0.
Add ``,smoke`` for seconds.

Launch: jaxgan train --config=dcgan:grid25 --workdir=runs/dcgan_grid25
        jaxgan train --config=dcgan:stacked_mnist --workdir=runs/dcgan_stacked_mnist
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, dcgan_blocks, on_cifar10, on_mnist, on_toy
from jaxgan.experiment.variants import choose
from jaxgan.recipes import dcgan


def toy(name: str) -> ConfigDict:
    config = on_toy(dcgan.default_config("mlp"), name)
    config.generator.batch_norm = config.discriminator.batch_norm = True
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


def mnist() -> ConfigDict:
    return dcgan_blocks(on_mnist(dcgan.default_config("dcgan")))


def cifar10() -> ConfigDict:
    return dcgan_blocks(on_cifar10(dcgan.default_config("dcgan")))


def stacked_mnist() -> ConfigDict:
    config = on_mnist(dcgan.default_config("dcgan"))
    config.data.update(dict(name="stacked_mnist", channels=3))
    # 26,000 samples are the published protocol.
    config.evaluation.update(dict(metrics="", tstr_images=26_000))
    return dcgan_blocks(config)


VARIANTS = {
    "grid25": partial(toy, "grid25"),
    "ring8": partial(toy, "ring8"),
    "mnist": mnist,
    "cifar10": cifar10,
    "stacked_mnist": stacked_mnist,
}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="dcgan", tiny=dcgan.tiny)
