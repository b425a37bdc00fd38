"""PixelCNN++: a mixture of logistics for each pixel given those before it.

Paper: Improving the PixelCNN with Discretized Logistic Mixture Likelihood (arXiv:1701.05517), section 2.

  cifar10  The paper's network, batches of 128, 100,000 steps (256 epochs); ``classes``: conditional on the class. Not
           measured.
  digits   scikit-learn's digits of 8x8 pixels in 16 levels, two sides of two blocks of 32 channels, 3,000 steps of 100;
           the default.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=pixelcnn_pp:digits --workdir=runs/pixels
        jaxgan train --config=pixelcnn_pp:cifar10 --workdir=runs/pixelcnn_pp
Hardware: two CPU cores for digits, 8 GPUs for cifar10.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.variants import choose
from jaxgan.recipes import pixelcnn_pp


def digits() -> ConfigDict:
    config = in_two_halves(pixelcnn_pp.default_config(), 3_000, save_every=1_000, log_every=100)
    config.data.update(dict(name="digits", image_size=(8, 8), channels=1, batch_size=100))
    config.network.update(dict(levels=16, ch=32, blocks=2, sides=2, components=5, dropout=0.1))
    config.ema.decay = 0.999
    config.evaluation.num_images = 300
    return config


def cifar10(classes: bool = False) -> ConfigDict:
    config = pixelcnn_pp.default_config()
    config.training.update(dict(steps=100_000, save_every=1_000, log_every=100))
    if classes:
        config.network.num_classes = 10
    return config


VARIANTS = {"digits": digits, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="pixelcnn_pp", tiny=pixelcnn_pp.tiny)
