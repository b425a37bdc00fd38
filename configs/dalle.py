"""DALL-E: pictures of captions, by one transformer over the caption's tokens and the picture's codes.

Paper: Zero-Shot Text-to-Image Generation (arXiv:2102.12092), section 2.

  captions  A set of pictures and captions of tensorflow-datasets, at 256 pixels, 12 layers of 1,024: the default.
  emoji     Emoji of 64 pixels (noto_emoji_captions), codes of a run of dvae:emoji, 6 layers of 192, 10,000 steps of 32.
            Not measured.

Add ``,smoke`` for seconds, on digits whose captions are their names.

Launch: jaxgan train --config=dvae:emoji --workdir=runs/codes
        jaxgan train --config=dalle:emoji --workdir=runs/dalle --config.first.run=runs/codes
Hardware: two CPU cores for emoji, GPUs for captions.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.variants import choose
from jaxgan.recipes import dalle


def captions() -> ConfigDict:
    return dalle.default_config()


def emoji() -> ConfigDict:
    config = in_two_halves(dalle.default_config(), 10_000, save_every=1_000, log_every=100)
    config.data.update(dict(name="tfds:noto_emoji_captions", image_size=(64, 64), batch_size=32))
    config.text.update(dict(vocabulary=1_024, length=32))
    config.network.update(dict(layers=6, heads=6, dim=192))
    config.optimizer.p.warmup_steps = 500
    return config


VARIANTS = {"captions": captions, "emoji": emoji}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="dalle", tiny=dalle.tiny)
