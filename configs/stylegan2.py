"""StyleGAN2: styles that modulate convolutions, path length regularisation, lazy R1; with ADA where data are few.

Paper: Analyzing and Improving the Image Quality of StyleGAN (arXiv:1912.04958), table 1; Training Generative
Adversarial Networks with Limited Data (arXiv:2006.06676), appendix C.

  flowers    3,660 photographs of flowers at 64 pixels, narrow (``channel_base`` 1,024), batches of 32, 20,000 steps,
             gamma by the code's rule; the default. ``ada``: with adaptive augmentation. Not measured.
  ffhq       Config F on 1,024 pixels of your folder, 25 million images; ``config=E``: half as wide, gamma 100. FID
             2.84 (F) and 3.31 (E) on FFHQ.
  paper256   The ADA paper's settings for 256 pixels, with ADA, on your folder, 25 million images.
  paper512   The same for 512 pixels.
  paper1024  The same for 1,024 pixels.
  auto       ADA's code's own choice for one GPU and the side of your pictures, ``side=256``.
  cifar10    The ADA paper's for CIFAR-10: D without skips, no path length, no mixing, 100 million images; ``classes``.
             FID 2.92 without classes, 2.42 with.

Figures are the papers', of their code. Add ``,smoke`` for seconds.

Launch: jaxgan train --config=stylegan2:flowers --workdir=runs/flowers
        jaxgan train --config=stylegan2:ffhq --config.data.name=folder:FFHQ --workdir=runs/ffhq
Hardware: two CPU cores for flowers, 8 GPUs for the others.
"""

from functools import partial
from typing import Literal, NamedTuple

from ml_collections import ConfigDict

from jaxgan.experiment.variants import choose
from jaxgan.recipes import stylegan2
from jaxgan.recipes.stylegan2 import lazy


def sized(side: int, *, images: int, batch: int, base: int = 32_768) -> ConfigDict:
    config = stylegan2.default_config()
    config.data.update(dict(image_size=(side, side), batch_size=batch, flip=True))
    for section in (config.generator, config.discriminator):
        section.update(dict(resolution=side, channel_base=base))
    steps = images // batch
    config.training.update(dict(steps=steps, save_every=1_000, log_every=100))
    config.evaluation.update(dict(every_steps=0, metrics="fd", num_images=50_000))
    return config


def with_ada(config: ConfigDict) -> ConfigDict:
    config.augment.ada.update(dict(pipeline="bgc", target=0.6, speed_images=500_000))
    return config


def flowers(ada: bool = False) -> ConfigDict:
    config = sized(64, images=640_000, batch=32, base=1_024)
    config.data.update(dict(name="tfds:flowers5", test_split="test"))
    config.generator.update(dict(channel_max=128, z_dim=128, w_dim=128, mapping_layers=2))
    config.discriminator.channel_max = 128
    config.regularizers.penalties.r1 = 2e-4 * 64**2 / 32
    config.ema.ramp_up = 0.05
    config.evaluation.update(dict(metrics="fd", features="efficientnet_lite0", num_images=1_000))
    return with_ada(config) if ada else config


def ffhq(config: Literal["F", "E"] = "F") -> ConfigDict:
    made = sized(1024, images=25_000_000, batch=32, base=32_768 if config == "F" else 16_384)
    made.data.name = "folder:"
    if config == "E":
        made.regularizers.penalties.r1 = 100.0
    return made


class Settings(NamedTuple):
    """A row of the ADA paper's table."""

    batch: int
    base: int
    rate: float
    gamma: float
    rows: int
    kimg: float


TABLE = {
    32: Settings(64, 32_768, 2.5e-3, 0.01, 32, 500.0),
    256: Settings(64, 16_384, 2.5e-3, 1.0, 8, 20.0),
    512: Settings(64, 32_768, 2.5e-3, 0.5, 8, 20.0),
    1024: Settings(32, 32_768, 2e-3, 2.0, 4, 10.0),
}


def paper(side: int) -> ConfigDict:
    row = TABLE[side]
    config = with_ada(sized(side, images=25_000_000, batch=row.batch, base=row.base))
    config.data.name = "folder:"
    config.regularizers.penalties.r1 = row.gamma
    for section in (config.generator, config.discriminator):
        section.update(dict(low_sides=4, clamp=256.0))
    config.discriminator.stddev_rows = row.rows
    config.ema.half_life_images = 1_000 * row.kimg
    return lazy(config, learning_rate=row.rate)


def auto(side: Literal["256", "32", "64", "128", "512", "1024"] = "256") -> ConfigDict:
    size = int(side)
    batch = min(4096 // size, 32)
    config = with_ada(sized(size, images=25_000_000, batch=batch, base=32_768 if size >= 512 else 16_384))
    config.data.name = "folder:"
    config.generator.mapping_layers = 2
    config.discriminator.stddev_rows = min(batch, 4)
    config.regularizers.penalties.r1 = 2e-4 * size**2 / batch
    config.ema.update(dict(half_life_images=10_000 * batch / 32, ramp_up=0.05))
    for section in (config.generator, config.discriminator):
        section.update(dict(low_sides=4, clamp=256.0))
    return lazy(config, learning_rate=2e-3 if size >= 1024 else 2.5e-3)


def cifar10(classes: bool = False) -> ConfigDict:
    config = paper(32)
    config.data.name = "tfds:cifar10"
    config.training.steps = 100_000_000 // 64
    config.generator.update(dict(mapping_layers=2, mixing=0.0, num_classes=10 if classes else 0))
    config.discriminator.update(dict(architecture="orig", num_classes=10 if classes else 0))
    config.latents.from_data = classes
    config.regularizers.path_length.weight = 0.0
    config.ema.ramp_up = 0.05
    return lazy(config, learning_rate=2.5e-3)


VARIANTS = {
    "flowers": flowers,
    "ffhq": ffhq,
    "paper256": partial(paper, 256),
    "paper512": partial(paper, 512),
    "paper1024": partial(paper, 1024),
    "auto": auto,
    "cifar10": cifar10,
}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="stylegan2", tiny=stylegan2.tiny)
