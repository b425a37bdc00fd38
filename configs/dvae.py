"""dVAE: DALL-E's first stage, pictures to a grid of discrete codes and back.

Paper: Zero-Shot Text-to-Image Generation (arXiv:2102.12092), section 2.1 and appendix A.

  folder  Your own pictures: folder:DIR at 256 pixels, codes of 32x32; the default.
  emoji   Emoji of 64 pixels (noto_emoji_captions), 512 codes of 8x8, 32 channels, 10,000 steps of 32. Not measured.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=dvae --workdir=runs/codes --config.data.name=folder:DIR
        jaxgan train --config=dvae:emoji --workdir=runs/codes
Hardware: two CPU cores for emoji, GPUs for 256 pixels.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.translation import use_fields
from jaxgan.experiment.variants import choose
from jaxgan.recipes import dvae


def folder() -> ConfigDict:
    return dvae.default_config()


def emoji() -> ConfigDict:
    config = use_fields(dvae.default_config(), image="image")
    config.data.update(dict(name="tfds:noto_emoji_captions", test_share=0.0, image_size=(64, 64), batch_size=32))
    config.autoencoder.update(dict(ch=32, blocks=1, codes=512, first=64))
    config.relaxation.steps = 8_000
    config.beta.update(dict(last=1.0, steps=1_000))
    config.optimizer.p.update(dict(learning_rate=3e-4, decay_steps=10_000))
    config.training.update(dict(steps=10_000, save_every=1_000, log_every=100))
    return config


VARIANTS = {"folder": folder, "emoji": emoji}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="dvae", tiny=dvae.tiny)
