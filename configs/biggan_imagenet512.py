"""BigGAN on ImageNet at 512x512.

Paper: Large Scale GAN Training (arXiv:1809.11096), table 2 (row 512x512), architecture in table 6. ch 96, z 160 in
  eight chunks (the TF release; BigGAN-PyTorch takes 128), batch 2048.

Launch: jaxgan train --config=biggan_imagenet512 --workdir=gs://BUCKET/biggan_imagenet512 --coordinator=auto
Published: table 2 of the paper (50,000 samples, without truncation).
Hardware: the paper used a TPU v3 pod slice of 128 to 512 cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.imagenet import at_resolution
from jaxgan.experiment.smoke import shrink
from jaxgan.recipes import biggan


def get_config(arg: str = "") -> ConfigDict:
    config = at_resolution(biggan.default_config(), 512, z_dim=160, ch=96)
    if arg == "smoke":
        return shrink(config)
    if arg:
        raise ValueError(f"biggan_imagenet512 takes no argument but 'smoke', got {arg!r}")
    return config
