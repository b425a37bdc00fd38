"""InfoGAN: codes in the latent, which a head on D's features finds again.

Paper: InfoGAN (arXiv:1606.03657), appendix C.1 (MNIST).

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. A categorical code with a value for each
           mode, which Q finds again. Perceptrons of three layers, as for every recipe on a toy; Adam 5e-4, 5,000 steps
           of 256 points. 25.0 of 25 modes, 0.97 of samples near one.
  ring8    Eight Gaussians, a code of eight, the same networks and rates. Not measured.
  mnist    The networks of openai/InfoGAN at half the channels and a quarter of the hidden units, 2,000 steps of 64. fd
           58 after 1,176 steps; a picture for each code.
  cifar10  The networks of mnist from 8x8, 2,000 steps of 64. fd 392 after 343 steps: collapsed to one picture.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=infogan:grid25 --workdir=runs/infogan_grid25
        jaxgan train --config=infogan:mnist --workdir=runs/infogan_mnist
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers, on_cifar10, on_mnist, on_toy, toy_modes
from jaxgan.experiment.variants import choose
from jaxgan.recipes import infogan


def toy(name: str) -> ConfigDict:
    config = infogan.default_config("mlp")
    # G's latents are sized by its codes.
    config.prior.update(dict(categorical=(toy_modes(name),), continuous=0))
    on_toy(config, name)
    config.method.joint = True
    return both_optimizers(config, kind="adam", b1=0.5, learning_rate=5e-4)


def mnist() -> ConfigDict:
    config = on_mnist(infogan.default_config("infogan"))
    config.generator.update(dict(hidden=256, widths=(64, 32)))
    config.discriminator.update(dict(hidden=256, widths=(32, 64)))
    return config


def cifar10() -> ConfigDict:
    config = on_cifar10(infogan.default_config("infogan"))
    config.generator.update(dict(base=(8, 8), image_channels=3, hidden=256, widths=(64, 32)))
    config.discriminator.update(dict(hidden=256, widths=(32, 64)))
    return config


VARIANTS = {"grid25": partial(toy, "grid25"), "ring8": partial(toy, "ring8"), "mnist": mnist, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="infogan", tiny=infogan.tiny)
