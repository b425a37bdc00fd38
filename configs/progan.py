"""ProGAN: networks that grow from 4 pixels on, side by side.

Paper: Progressive Growing of GANs (arXiv:1710.10196), tables 1 and 6; inception score 8.80 on CIFAR-10.

  flowers  3,660 photographs of flowers at 32 pixels, narrow (``channel_base`` 512), growing from 4 pixels, 64,000
           images a hold and a fade, batches of 64; the default. ``fixed``: the same networks at 32 pixels from the
           start, for as many images. Not measured.
  celeba   1,024 pixels of your folder, the code's settings for 8 GPUs: 600,000 images a phase.
  cifar10  32 pixels, 512 channels at all sides, a norm of 750.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=progan:flowers --workdir=runs/flowers
        jaxgan train --config=progan:celeba --config.data.name=folder:CELEBA_HQ --workdir=runs/celeba
Hardware: two CPU cores for flowers, 8 GPUs for the others.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.variants import choose
from jaxgan.recipes import progan


def sized(side: int, *, channel_base: int = 8_192) -> ConfigDict:
    config = progan.default_config()
    config.data.update(dict(image_size=(side, side), flip=True))
    for section in (config.generator, config.discriminator):
        section.update(dict(resolution=side, channel_base=channel_base))
    config.evaluation.update(dict(every_steps=0, metrics="fd", num_images=50_000))
    return config


def flowers(fixed: bool = False) -> ConfigDict:
    config = sized(32, channel_base=512)
    config.data.update(dict(name="tfds:flowers5", test_split="test"))
    for section in (config.generator, config.discriminator):
        section.channel_max = 128
    config.generator.z_dim = 128
    config.growing.update(dict(hold_images=64_000, fade_images=64_000, batch_sizes=(64,), learning_rates=(1e-3,)))
    config.training.update(dict(steps=1_000, save_every=500, log_every=50))
    if fixed:
        config.growing.first_side = 32
        config.training.steps = 7_000
    config.evaluation.update(dict(features="efficientnet_lite0", num_images=1_000))
    return config


def celeba() -> ConfigDict:
    config = sized(1024)
    config.data.name = "folder:"
    config.training.update(dict(steps=600_000 // 32, save_every=1_000))
    return config


def cifar10() -> ConfigDict:
    config = sized(32)
    config.data.name = "tfds:cifar10"
    config.regularizers.penalties.update(dict(gp=10.0 / 750**2, gp_target=750.0))
    config.training.update(dict(steps=12_000_000 // 64, save_every=1_000))
    return config


VARIANTS = {"flowers": flowers, "celeba": celeba, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="progan", tiny=progan.tiny)
