"""VQGAN: pictures to a grid of discrete codes and back, against a discriminator of patches.

Paper: Taming Transformers for High-Resolution Image Synthesis (arXiv:2012.09841), section 3.1.

  folder   Your own pictures: folder:DIR at 256 pixels, codes of 16x16; the default. D starts after 250,000 steps.
  flowers  64 pixels, codes of 16x16, 32 channels, 10,000 steps of 16, D after 2,000. Not measured.
  camvid   The same of street scenes, for vqgan_transformer:camvid. Not measured.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=vqgan --workdir=runs/codes --config.data.name=folder:DIR
        jaxgan train --config=vqgan:flowers --workdir=runs/codes
Hardware: two CPU cores for flowers and camvid, a GPU for 256 pixels.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.translation import use_fields
from jaxgan.experiment.variants import choose
from jaxgan.recipes import vqgan


def folder() -> ConfigDict:
    return vqgan.default_config()


def flowers() -> ConfigDict:
    return _narrow("tfds:flowers5")


def camvid() -> ConfigDict:
    return use_fields(_narrow("tfds:camvid_pairs256"), image="image")


def _narrow(name: str) -> ConfigDict:
    config = in_two_halves(vqgan.default_config(), 10_000, save_every=1_000, log_every=100)
    config.data.update(dict(name=name, test_share=0.0, image_size=(64, 64), batch_size=16))
    config.autoencoder.update(dict(ch=32, widths=(1, 2, 2), attention=(), z_dim=64, codes=512, dim=64, blocks=1))
    config.discriminator.update(dict(ch=32, layers=2))
    config.method.start_step = 2_000
    config.perceptual.network = "pd_efficientnet_lite0"
    for player in ("p", "d"):
        config.optimizer[player].learning_rate = 3e-4
    return config


VARIANTS = {"folder": folder, "flowers": flowers, "camvid": camvid}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="vqgan", tiny=vqgan.tiny)
