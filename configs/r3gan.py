"""R3GAN: the relativistic loss with R1 and R2, and networks without normalisation.

Paper: The GAN is dead; long live the GAN! (arXiv:2501.05441); on CIFAR-10 FID 1.96.

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. Perceptrons of three layers, as for every
           recipe on a toy. Gamma is 0.01: modes this narrow need a steep D; Adam 2e-3, 5,000 steps of 256 points. 25.0
           of 25 modes, 0.90 of samples near one.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    Widths 8 and 16, one block a stage, a rate of 1e-3 for 2e-4, 2,000 steps of 64. fd 196 after 230 steps.
  cifar10  Widths 8 and 16 (the paper: 768), one block a stage, without classes, a rate of 1e-3 for 2e-4, 2,000 steps of
           64. fd 294 after 80 steps.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=r3gan:grid25 --workdir=runs/r3gan_grid25
        jaxgan train --config=r3gan:cifar10 --workdir=runs/r3gan_cifar10
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, on_cifar10, on_mnist, on_toy
from jaxgan.experiment.variants import choose
from jaxgan.recipes import r3gan


def toy(name: str) -> ConfigDict:
    config = on_toy(r3gan.default_config("mlp"), name)
    config.regularizers.penalties.update(dict(r1=0.01, r2=0.01))
    return both_optimizers(config, learning_rate=2e-3)


def mnist() -> ConfigDict:
    config = on_mnist(r3gan.default_config("r3gan"))
    config.generator.update(dict(base=(7, 7), widths=(16, 16, 8), image_channels=1, blocks=1, z_dim=64))
    config.discriminator.update(dict(widths=(8, 16, 16), blocks=1))
    return both_optimizers(config, learning_rate=1e-3)


def cifar10() -> ConfigDict:
    config = on_cifar10(r3gan.default_config("r3gan"))
    config.generator.update(dict(base=(4, 4), widths=(16, 16, 16, 8), blocks=1, z_dim=64))
    config.discriminator.update(dict(widths=(8, 16, 16, 16), blocks=1))
    return both_optimizers(config, learning_rate=1e-3)


VARIANTS = {"grid25": partial(toy, "grid25"), "ring8": partial(toy, "ring8"), "mnist": mnist, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="r3gan", tiny=r3gan.tiny)
