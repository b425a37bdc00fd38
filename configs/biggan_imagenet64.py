"""BigGAN on ImageNet at 64x64.

Paper: Large Scale GAN Training (arXiv:1809.11096), with BigGAN-PyTorch's 64-pixel networks (the paper starts at 128).
  ch 64, z 120 in five chunks, batch 2048.

Launch: jaxgan train --config=biggan_imagenet64 --workdir=gs://BUCKET/biggan_imagenet64 --coordinator=auto
Published: none at this size in the paper.
Hardware: eight GPUs or a small TPU slice.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.imagenet import at_resolution
from jaxgan.experiment.smoke import shrink
from jaxgan.recipes import biggan


def get_config(arg: str = "") -> ConfigDict:
    config = at_resolution(biggan.default_config(), 64, z_dim=120, ch=64)
    if arg == "smoke":
        return shrink(config)
    if arg:
        raise ValueError(f"biggan_imagenet64 takes no argument but 'smoke', got {arg!r}")
    return config
