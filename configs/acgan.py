"""ACGAN: G is told the class, and D must name it.

Paper: Auxiliary Classifier GANs (arXiv:1610.09585), appendix A, table 2 (CIFAR-10).

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. G is told the mode, and D must name it.
           Perceptrons of three layers, as for every recipe on a toy; Adam 1e-3, 5,000 steps of 256 points. 25.0 of 25
           modes, 0.99 of samples near one.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    DCGAN networks of ch 32, without the paper's dropout of a half in D: so narrow a D loses too much by it;
           2,000 steps of 64. fd 140, tstr 0.79 after 952 steps.
  cifar10  As mnist. fd 282, tstr 0.25 after 400 steps.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=acgan:grid25 --workdir=runs/acgan_grid25
        jaxgan train --config=acgan:mnist --workdir=runs/acgan_mnist
Hardware: one CPU core for toys, two for images.
"""

from collections.abc import Callable
from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, classes, dcgan_blocks, on_cifar10, on_mnist, on_toy, toy_modes
from jaxgan.experiment.variants import choose
from jaxgan.recipes import acgan


def toy(name: str) -> ConfigDict:
    config = on_toy(acgan.default_config("mlp"), name)
    classes(config, toy_modes(name), generator="concat", discriminator="none")
    config.method.joint = True
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


def images(place: Callable[[ConfigDict], ConfigDict]) -> ConfigDict:
    config = dcgan_blocks(place(acgan.default_config("dcgan")))
    classes(config, 10, generator="concat", discriminator="none")
    config.discriminator.dropout = 0.0
    return config


VARIANTS = {
    "grid25": partial(toy, "grid25"),
    "ring8": partial(toy, "ring8"),
    "mnist": partial(images, on_mnist),
    "cifar10": partial(images, on_cifar10),
}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="acgan", tiny=acgan.tiny)
