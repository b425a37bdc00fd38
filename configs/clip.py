"""CLIP at a small scale: which caption belongs to which picture.

Paper: Learning Transferable Visual Models From Natural Language Supervision (arXiv:2103.00020), section 2.

  captions  A set of pictures and captions of tensorflow-datasets, at 64 pixels; the default.
  emoji     Emoji of 64 pixels (noto_emoji_captions), 4,000 steps of 128. Not measured.

Add ``,smoke`` for seconds, on digits whose captions are their names.

Launch: jaxgan train --config=clip:emoji --workdir=runs/clip
Hardware: two CPU cores for emoji.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.variants import choose
from jaxgan.recipes import clip


def captions() -> ConfigDict:
    return clip.default_config()


def emoji() -> ConfigDict:
    config = in_two_halves(clip.default_config(), 4_000, save_every=1_000, log_every=50)
    config.data.update(dict(name="tfds:noto_emoji_captions", batch_size=128))
    config.text.update(dict(vocabulary=1_024, length=32))
    config.image_encoder.update(dict(ch=32, dropout=0.1))
    config.text_encoder.update(dict(layers=2, width=128, dropout=0.1))
    return config


VARIANTS = {"captions": captions, "emoji": emoji}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="clip", tiny=clip.tiny)
