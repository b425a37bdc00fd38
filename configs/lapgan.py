"""LAPGAN: a conditional GAN for each level of a Laplacian pyramid.

Paper: Laplacian Pyramid of Adversarial Networks (arXiv:1506.05751), section 4 and appendix A (CIFAR-10). Everywhere
Adam 1e-3 instead of the paper's SGD.

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. A point is a signal of two pixels: the
           first level draws their mean, the second their differences from it. Perceptrons of three layers, as for every
           recipe on a toy; 5,000 steps of 256 points. 17.0 of 25 modes, 0.83 of samples near one.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    Two levels, 14 and 28 pixels; 8 channels for 64; 2,000 steps of 64. fd 227 after 800 steps.
  cifar10  Three levels, 8, 16 and 32 pixels; 8 channels for 64; 2,000 steps of 64. fd 298 after 200 steps, 6 of 10
           classes.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=lapgan:grid25 --workdir=runs/lapgan_grid25
        jaxgan train --config=lapgan:mnist --workdir=runs/lapgan_mnist
Hardware: one CPU core for toys, two for images.
"""

from collections.abc import Callable
from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import TOY_HIDDEN, both_optimizers, on_cifar10, on_mnist, on_toy
from jaxgan.experiment.variants import choose
from jaxgan.recipes import lapgan


def toy(name: str) -> ConfigDict:
    config = on_toy(lapgan.default_config(), name)
    config.pyramid.update(dict(levels=2, coarse_z_dim=16, coarse_hidden_g=TOY_HIDDEN, coarse_hidden_d=TOY_HIDDEN))
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


def images(place: Callable[[ConfigDict], ConfigDict], levels: int) -> ConfigDict:
    config = place(lapgan.default_config())
    config.pyramid.update(dict(levels=levels, coarse_hidden_g=(600, 600), coarse_hidden_d=(600, 600)))
    config.generator.hidden = config.discriminator.hidden = (8, 8)
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


VARIANTS = {
    "grid25": partial(toy, "grid25"),
    "ring8": partial(toy, "ring8"),
    "mnist": partial(images, on_mnist, 2),
    "cifar10": partial(images, on_cifar10, 3),
}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="lapgan", tiny=lapgan.tiny)
