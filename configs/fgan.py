"""f-GAN: any f-divergence by its variational bound.

Paper: f-GAN (arXiv:1606.00709), MNIST of section 4.1. The divergence is ``method.loss``, one of six.

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. The Jensen-Shannon divergence. (That of
           Kullback and Leibler, the recipe's default, had 2 of 25 modes after 2,000 steps at this rate:
           ``--config=fgan:grid25 --config.method.loss=f_kl``, seed 0.) Perceptrons of three layers, as for every recipe
           on a toy; Adam 1e-3, 5,000 steps of 256 points. 20.0 of 25 modes, 0.85 of samples near one.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    The paper's perceptrons, at its rate (a higher one loses modes), 2,000 steps of 64. fd 205 after 1,333 steps.
  cifar10  DCGAN networks of ch 32, 2,000 steps of 64. fd 366 after 522 steps, 5 of 10 classes.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=fgan:grid25 --workdir=runs/fgan_grid25
        jaxgan train --config=fgan:mnist --workdir=runs/fgan_mnist
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, dcgan_blocks, on_cifar10, on_mnist, on_toy
from jaxgan.experiment.variants import choose
from jaxgan.recipes import fgan


def toy(name: str) -> ConfigDict:
    config = on_toy(fgan.default_config("mlp"), name)
    config.method.loss = "f_js"
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


def mnist() -> ConfigDict:
    config = on_mnist(fgan.default_config("mlp"))
    config.generator.update(dict(image_shape=(28, 28, 1), batch_norm=True))
    config.discriminator.activation = "leaky_relu"
    return config


def cifar10() -> ConfigDict:
    config = dcgan_blocks(on_cifar10(fgan.default_config("dcgan")))
    config.method.joint = False
    return config


VARIANTS = {"grid25": partial(toy, "grid25"), "ring8": partial(toy, "ring8"), "mnist": mnist, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="fgan", tiny=fgan.tiny)
