"""LSGAN: least squares instead of the cross entropy.

Paper: Least Squares Generative Adversarial Networks (arXiv:1611.04076), section 4.1.

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. Perceptrons of three layers, as for every
           recipe on a toy; Adam 1e-3, 5,000 steps of 256 points. 17.7 of 25 modes, 0.86 of samples near one.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    DCGAN networks of ch 32, 2,000 steps of 64. fd 144 after 1,333 steps.
  cifar10  As mnist. fd 314 after 522 steps, 8 of 10 classes: still the grey mean that a first D pushes G to.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=lsgan:grid25 --workdir=runs/lsgan_grid25
        jaxgan train --config=lsgan:mnist --workdir=runs/lsgan_mnist
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, dcgan_blocks, on_cifar10, on_mnist, on_toy
from jaxgan.experiment.variants import choose
from jaxgan.recipes import lsgan


def toy(name: str) -> ConfigDict:
    config = on_toy(lsgan.default_config("mlp"), name)
    config.method.joint = True
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


def mnist() -> ConfigDict:
    return dcgan_blocks(on_mnist(lsgan.default_config("dcgan")))


def cifar10() -> ConfigDict:
    return dcgan_blocks(on_cifar10(lsgan.default_config("dcgan")))


VARIANTS = {"grid25": partial(toy, "grid25"), "ring8": partial(toy, "ring8"), "mnist": mnist, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="lsgan", tiny=lsgan.tiny)
