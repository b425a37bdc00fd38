"""WGAN: a critic with clipped weights estimates the Wasserstein distance, five updates for each of G.

Paper: Wasserstein GAN (arXiv:1701.07875), algorithm 1.

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. Perceptrons of three layers, as for every
           recipe on a toy; weights are clipped at 0.1 (the paper: 0.01), RMSProp 5e-4 (at 1e-3 two
           seeds of three lost modes), 2,500 steps of 256 points. 24.0 of 25 modes, 0.19 of samples near one, after
           5,000 steps: wgan_gp at the same budget shows the price of clipping.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    DCGAN networks of ch 32, a rate of 5e-4 for 5e-5, 2,000 steps of 64. fd 104 after 500 steps; at the paper's
           rate 269 after as many, strokes in noise.
  cifar10  As mnist. fd 279 after 140 steps.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=wgan:grid25 --workdir=runs/wgan_grid25
        jaxgan train --config=wgan:mnist --workdir=runs/wgan_mnist
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, dcgan_blocks, on_cifar10, on_mnist, on_toy
from jaxgan.experiment.variants import choose
from jaxgan.recipes import wgan


def toy(name: str) -> ConfigDict:
    config = on_toy(wgan.default_config("mlp"), name)
    config.method.joint = True
    config.clip.bound = 0.1
    config.training.steps = 2_500
    return both_optimizers(config, kind="rmsprop", b2=0.99, learning_rate=5e-4)


def mnist() -> ConfigDict:
    return both_optimizers(dcgan_blocks(on_mnist(wgan.default_config("dcgan"))), learning_rate=5e-4)


def cifar10() -> ConfigDict:
    return both_optimizers(dcgan_blocks(on_cifar10(wgan.default_config("dcgan"))), learning_rate=5e-4)


VARIANTS = {"grid25": partial(toy, "grid25"), "ring8": partial(toy, "ring8"), "mnist": mnist, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="wgan", tiny=wgan.tiny)
