"""MSGAN: the conditional GAN with the mode-seeking term.

Paper: Mode Seeking GANs (arXiv:1903.05628), section 4.1 (CIFAR-10).

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. Either network is told the mode.
           Perceptrons of three layers, as for every recipe on a toy; Adam 1e-3, 5,000 steps of 256 points. 25.0 of 25
           modes, 0.85 of samples near one.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    The conditional DCGAN of ch 32, 2,000 steps of 64. fd 83, tstr 0.76 after 1,111 steps.
  cifar10  As mnist. fd 255, tstr 0.27 after 462 steps.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=msgan:grid25 --workdir=runs/msgan_grid25
        jaxgan train --config=msgan:mnist --workdir=runs/msgan_mnist
Hardware: one CPU core for toys, two for images.
"""

from collections.abc import Callable
from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, classes, dcgan_blocks, on_cifar10, on_mnist, on_toy, toy_modes
from jaxgan.experiment.variants import choose
from jaxgan.recipes import msgan


def toy(name: str) -> ConfigDict:
    config = on_toy(msgan.default_config("mlp"), name)
    classes(config, toy_modes(name), generator="concat", discriminator="concat")
    config.method.joint = True
    config.latents.from_data, config.regularizers.mode_seeking.weight = False, 1.0
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


def images(place: Callable[[ConfigDict], ConfigDict]) -> ConfigDict:
    config = dcgan_blocks(place(msgan.default_config("dcgan")))
    config.latents.from_data, config.regularizers.mode_seeking.weight = False, 1.0
    both_optimizers(config, weight_decay=0.0)
    return classes(config, 10, generator="concat", discriminator="concat")


VARIANTS = {
    "grid25": partial(toy, "grid25"),
    "ring8": partial(toy, "ring8"),
    "mnist": partial(images, on_mnist),
    "cifar10": partial(images, on_cifar10),
}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="msgan", tiny=msgan.tiny)
