"""StyleGAN: styles set every map's mean and deviation, noise is added to every map, and the sides grow.

Paper: A Style-Based Generator Architecture (arXiv:1812.04948), table 1; FID 4.42 on FFHQ, printed by the code.

  flowers  3,660 photographs of flowers at 32 pixels, narrow (``channel_base`` 512), growing from 8 pixels, 64,000
           images a hold and a fade, batches of 64; the default. Not measured.
  ffhq     1,024 pixels of your folder, the code's settings for 8 GPUs: 600,000 images a phase.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=stylegan:flowers --workdir=runs/flowers
        jaxgan train --config=stylegan:ffhq --config.data.name=folder:FFHQ --workdir=runs/ffhq
Hardware: two CPU cores for flowers, 8 GPUs for ffhq.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.variants import choose
from jaxgan.recipes import stylegan


def sized(side: int, *, channel_base: int = 8_192) -> ConfigDict:
    config = stylegan.default_config()
    config.data.update(dict(image_size=(side, side), flip=True))
    for section in (config.generator, config.discriminator):
        section.update(dict(resolution=side, channel_base=channel_base))
    config.evaluation.update(dict(every_steps=0, metrics="fd", num_images=50_000))
    return config


def flowers() -> ConfigDict:
    config = sized(32, channel_base=512)
    config.data.update(dict(name="tfds:flowers5", test_split="test"))
    for section in (config.generator, config.discriminator):
        section.channel_max = 128
    config.generator.update(dict(z_dim=128, w_dim=128, mapping_layers=4))
    config.growing.update(dict(hold_images=64_000, fade_images=64_000, batch_sizes=(64,), learning_rates=(1e-3,)))
    config.training.update(dict(steps=1_000, save_every=500, log_every=50))
    config.evaluation.update(dict(features="efficientnet_lite0", num_images=1_000))
    return config


def ffhq() -> ConfigDict:
    config = sized(1024)
    config.data.name = "folder:"
    config.training.update(dict(steps=600_000 // 32, save_every=1_000))
    return config


VARIANTS = {"flowers": flowers, "ffhq": ffhq}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="stylegan", tiny=stylegan.tiny)
