"""GAN: the game of 2014, with the loss that does not saturate.

Paper: Generative Adversarial Nets (arXiv:1406.2661), table 1 (MNIST) and figure 2 c (CIFAR-10). Everywhere Adam
instead of the paper's SGD.

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. Perceptrons of three layers, as for every
           recipe on a toy; Adam 1e-3, 5,000 steps of 256 points. 18.3 of 25 modes, 0.89 of samples near one.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    The paper's networks, of maxout units in D; Adam 1e-3, 2,000 steps of 64. fd 141 after 1,333 steps.
  cifar10  The fully connected networks of the paper's figure 2 c; Adam 1e-3, 2,000 steps of 64. fd 356 after 400 steps:
           the mean picture.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=gan:grid25 --workdir=runs/gan_grid25
        jaxgan train --config=gan:mnist --workdir=runs/gan_mnist
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, on_cifar10, on_mnist, on_toy
from jaxgan.experiment.variants import choose
from jaxgan.recipes import gan


def toy(name: str) -> ConfigDict:
    return both_optimizers(on_toy(gan.default_config("mlp"), name), kind="adam", b1=0.5, learning_rate=1e-3)


def mnist() -> ConfigDict:
    config = on_mnist(gan.default_config("mlp"))
    config.generator.update(dict(image_shape=(28, 28, 1), weight_init="orthogonal"))
    config.discriminator.weight_init = "orthogonal"
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


def cifar10() -> ConfigDict:
    config = on_cifar10(gan.default_config("mlp"))
    config.generator.update(dict(image_shape=(32, 32, 3), weight_init="orthogonal"))
    config.discriminator.weight_init = "orthogonal"
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=1e-3)


VARIANTS = {"grid25": partial(toy, "grid25"), "ring8": partial(toy, "ring8"), "mnist": mnist, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="gan", tiny=gan.tiny)
