"""PixelRNN: each pixel given those before it, by LSTMs over rows or diagonals.

Paper: Pixel Recurrent Neural Networks (arXiv:1601.06759), section 3.

  mnist  Statically binarised MNIST, 7 layers of 16, batches of 16, 75,000 steps (20 epochs); ``kind=row`` for Row
         LSTMs. Not measured.
  small  The first 10,000 of its digits, 4 layers, 5,000 steps, for two cores. Not measured.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=pixelrnn:small --workdir=runs/pixels
Hardware: two CPU cores for small, a GPU for mnist.
"""

from typing import Literal

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.variants import choose
from jaxgan.recipes import pixelrnn


def mnist(kind: Literal["diagonal", "row"] = "diagonal") -> ConfigDict:
    config = in_two_halves(pixelrnn.default_config(), 75_000, save_every=5_000, log_every=100)
    config.network.kind = kind
    return config


def small(kind: Literal["diagonal", "row"] = "diagonal") -> ConfigDict:
    config = in_two_halves(pixelrnn.default_config(), 5_000, save_every=1_000, log_every=50)
    config.network.update(dict(kind=kind, layers=4))
    config.data.split = "train[:10000]"
    config.evaluation.num_images = 1_000
    return config


VARIANTS = {"mnist": mnist, "small": small}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="pixelrnn", tiny=pixelrnn.tiny)
