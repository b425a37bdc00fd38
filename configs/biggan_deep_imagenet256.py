"""BigGAN-deep on ImageNet at 256x256.

Paper: Large Scale GAN Training (arXiv:1809.11096), table 2 (row 256x256, BigGAN-deep), architecture in table 8. ch 128,
  z 128, batch 2048.

Launch: jaxgan train --config=biggan_deep_imagenet256 --workdir=gs://BUCKET/biggan_deep_imagenet256 --coordinator=auto
Published: table 2 of the paper (50,000 samples, without truncation).
Hardware: the paper used a TPU v3 pod slice of 128 to 512 cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.imagenet import at_resolution
from jaxgan.experiment.smoke import shrink
from jaxgan.recipes import biggan_deep


def get_config(arg: str = "") -> ConfigDict:
    config = at_resolution(biggan_deep.default_config(), 256, z_dim=128, ch=128)
    if arg == "smoke":
        return shrink(config)
    if arg:
        raise ValueError(f"biggan_deep_imagenet256 takes no argument but 'smoke', got {arg!r}")
    return config
