"""SAGAN: self-attention, spectral normalisation in both networks, two time scales.

Paper: Self-Attention GANs (arXiv:1805.08318), section 4; on ImageNet at 128 pixels FID 18.65, Inception score
52.52.

  grid25   25 Gaussians in the plane, whose modes can be counted; the default. What a point, which has no positions to
           attend to, can have of SAGAN: spectral normalisation, two time scales, the hinge loss. Normalised is D alone:
           a normalised perceptron of G's cannot jump from mode to mode, and learns nothing here. Three layers, as for
           every recipe on a toy; Adam 2e-3 and 4e-3, 5,000 steps of 256 points. 25.0 of 25 modes, 0.83 of samples near
           one.
  ring8    Eight Gaussians, with the same networks and rates. Not measured.
  mnist    ResNets of ch 16 with attention at 14 pixels, classes, rates of 4e-4 and 16e-4 for 1e-4 and 4e-4, 2,000 steps
           of 64. fd 81, tstr 0.19 after 435 steps.
  cifar10  As mnist, with attention at 16 pixels. fd 245, tstr 0.14 after 150 steps.

Scores are of docs/families.md: the grid's mean over three seeds, fd at equal time over two. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=sagan:grid25 --workdir=runs/sagan_grid25
        jaxgan train --config=sagan:cifar10 --workdir=runs/sagan_cifar10
Hardware: one CPU core for toys, two for images.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.presets import classes, on_cifar10, on_mnist, on_toy
from jaxgan.experiment.variants import choose
from jaxgan.recipes import sagan


def toy(name: str) -> ConfigDict:
    config = on_toy(sagan.default_config("mlp"), name)
    config.generator.spectral_norm, config.discriminator.spectral_norm = False, True
    config.optimizer.g.learning_rate, config.optimizer.d.learning_rate = 2e-3, 4e-3
    return config


def mnist() -> ConfigDict:
    config = on_mnist(sagan.default_config("sagan"))
    config.generator.update(dict(resolution=28, ch=16, image_channels=1))
    config.discriminator.update(dict(resolution=28, ch=16))
    config.optimizer.g.learning_rate, config.optimizer.d.learning_rate = 4e-4, 16e-4
    return classes(config, 10, generator="cbn", discriminator="projection")


def cifar10() -> ConfigDict:
    config = on_cifar10(sagan.default_config("sagan"))
    config.generator.update(dict(resolution=32, ch=16))
    config.discriminator.update(dict(resolution=32, ch=16))
    config.optimizer.g.learning_rate, config.optimizer.d.learning_rate = 4e-4, 16e-4
    return classes(config, 10, generator="cbn", discriminator="projection")


VARIANTS = {"grid25": partial(toy, "grid25"), "ring8": partial(toy, "ring8"), "mnist": mnist, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="sagan", tiny=sagan.tiny)
