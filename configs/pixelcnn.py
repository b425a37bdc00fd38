"""PixelCNN: each pixel given those before it.

Paper: Conditional Image Generation with PixelCNN Decoders (arXiv:1606.05328), section 2.

  mnist    Statically binarised MNIST, gated, 7 layers of 32 channels, 6,000 steps of 100, rate to 0 over the second
           half; the default. ``classes``: conditional on the digit.
  digits   scikit-learn's digits of 8x8 pixels in 16 levels, 4 layers of 32 channels, 3,000 steps of 100.
  cifar10  Bytes of CIFAR-10, 12 layers of 64 channels, 20,000 steps of 16.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=pixelcnn:mnist --workdir=runs/pixelcnn
        jaxgan train --config=pixelcnn:digits --workdir=runs/pixels
Hardware: two CPU cores for mnist and digits, a GPU for cifar10.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.variants import choose
from jaxgan.recipes import pixelcnn


def mnist(classes: bool = False) -> ConfigDict:
    config = in_two_halves(pixelcnn.default_config(), 6_000, save_every=1_000, log_every=100)
    if classes:
        config.network.num_classes = 10
    return config


def digits() -> ConfigDict:
    config = in_two_halves(pixelcnn.default_config(), 3_000, save_every=1_000, log_every=100)
    config.data.update(dict(name="digits", image_size=(8, 8), test_augment=()))
    config.network.update(dict(levels=16, layers=4, first_kernel=5))
    config.evaluation.num_images = 300
    return config


def cifar10() -> ConfigDict:
    config = in_two_halves(pixelcnn.default_config(), 20_000, save_every=1_000, log_every=100)
    config.data.update(dict(name="tfds:cifar10", image_size=(32, 32), channels=3, flip=True, batch_size=16))
    config.data.test_augment = ()
    config.network.update(dict(levels=256, layers=12, ch=64, hidden=256))
    return config


VARIANTS = {"mnist": mnist, "digits": digits, "cifar10": cifar10}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="pixelcnn", tiny=pixelcnn.tiny)
