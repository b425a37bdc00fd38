"""MobileStyleGAN: a student of a run of stylegan2, the second run: Haar bands, depthwise modulated convolutions.

Paper: MobileStyleGAN (arXiv:2104.04743), table 1; FID 12.38 on FFHQ (the code: 7.75), its teacher's 2.83.

  flowers  Student of a run of stylegan2:flowers, 64 pixels, 5,000 steps of 16, by EfficientNet-Lite0; the default. Not
           measured.
  ffhq     1,024 pixels, the code's settings: batches of 2, a million steps, VGG16.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=stylegan2:flowers --workdir=runs/flowers
        jaxgan train --config=mobile_stylegan:flowers --workdir=runs/mobile --config.first.run=runs/flowers
Hardware: two CPU cores for flowers, a GPU for ffhq.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.variants import choose
from jaxgan.recipes import mobile_stylegan


def flowers() -> ConfigDict:
    config = in_two_halves(mobile_stylegan.default_config(), 5_000, save_every=500, log_every=50)
    config.data.update(dict(name="tfds:flowers5", image_size=(64, 64), batch_size=16))
    config.discriminator.update(dict(channel_base=1_024, channel_max=128, stddev_rows=4))
    config.perceptual.update(dict(network="efficientnet_lite0", side=64))
    config.evaluation.update(dict(features="efficientnet_lite0", num_images=1_000))
    return config


def ffhq() -> ConfigDict:
    config = mobile_stylegan.default_config()
    config.training.save_every = 10_000
    return config


VARIANTS = {"flowers": flowers, "ffhq": ffhq}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="mobile_stylegan", tiny=mobile_stylegan.tiny)
