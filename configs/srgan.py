"""SRGAN: small pictures enlarged four times, or twice.

Paper: Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network (arXiv:1609.04802).

  folder   Your own: folder:DIR of pictures, x4 (``factor=2`` for x2), centre crops of 384 pixels, a million steps of
           SRResNet and 200,000 of SRGAN; the default.
  flowers  flowers5 at 128 pixels, x4 or ``factor=2``; crops of 96. ``narrow``: 32 channels, 5 blocks, crops of 64 in
           batches of 8, 4,000 + 2,000 steps, EfficientNet's perceptual loss.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=srgan --workdir=runs/mine --config.data.name=folder:DIR --config.data.test_share=0.1
        jaxgan train --config=srgan:flowers,narrow --workdir=runs/flowers
Hardware: two CPU cores for ``narrow``, one GPU for the others.
"""

from typing import Literal

from ml_collections import ConfigDict

from jaxgan.experiment.translation import use_fields
from jaxgan.experiment.variants import choose
from jaxgan.recipes import srgan


def folder(factor: Literal[2, 4] = 4) -> ConfigDict:
    config = srgan.enlarging(srgan.default_config(), factor, crop=96)
    config.data.update(dict(name="folder:", image_size=(384, 384), test_share=0.1))
    return config


def flowers(factor: Literal[2, 4] = 4, narrow: bool = False) -> ConfigDict:
    config = srgan.enlarging(srgan.default_config(), factor, crop=96)
    config.data.update(dict(name="tfds:flowers5", image_size=(128, 128), test_share=0.0))
    use_fields(config, image="image")
    config.evaluation.metrics = "psnr,ssim,psnr_y,ssim_y"
    if narrow:
        config = srgan.enlarging(config, factor, crop=64)
        config.data.batch_size = 8
        config.generator.update(dict(ch=32, blocks=5))
        config.discriminator.update(dict(ch=16, hidden=256))
        config.perceptual.update(dict(network="efficientnet_lite0", weight=1.0))
        config.evaluation.metrics = "psnr,ssim,psnr_y,ssim_y,pd_efficientnet_lite0"
        config.pretraining.steps = 4_000
        config.training.update(dict(steps=2_000, save_every=1_000, log_every=100))
        for player in ("g", "d"):
            config.optimizer[player].boundaries = (1_000,)
    return config


VARIANTS = {"folder": folder, "flowers": flowers}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="srgan", tiny=srgan.tiny)
