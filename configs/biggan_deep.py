"""BigGAN-deep: BigGAN with bottleneck blocks, two a resolution, on ImageNet.

Paper: Large Scale GAN Training (arXiv:1809.11096), table 2 (rows of BigGAN-deep; 50,000 samples, without truncation).
ch 128, z 128, batch 2048. Add ``,smoke`` to any variant for seconds.

  imagenet128  Row 128x128, architecture in table 7; the default.
  imagenet256  Row 256x256, architecture in table 8.
  imagenet512  Row 512x512, architecture in table 9.

Launch: jaxgan train --config=biggan_deep:imagenet128 --workdir=gs://BUCKET/deep128 --coordinator=auto
Score:  jaxgan evaluate --workdir=gs://BUCKET/deep128 --metrics=fd,is --features=inception (50,000 against train)
Hardware: the paper used a TPU v3 pod slice of 128 to 512 cores. Not measured here.
"""

from functools import partial

from ml_collections import ConfigDict

from jaxgan.experiment.variants import choose
from jaxgan.recipes import biggan_deep
from jaxgan.recipes.biggan import on_imagenet


def imagenet(resolution: int) -> ConfigDict:
    return on_imagenet(biggan_deep.default_config(), resolution, z_dim=128, ch=128)


VARIANTS = {f"imagenet{side}": partial(imagenet, side) for side in (128, 256, 512)}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="biggan_deep", tiny=biggan_deep.tiny)
