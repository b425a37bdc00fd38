"""DCGAN on Stacked MNIST: three digits as the channels of an image, 1000 modes.

Paper: Deep Convolutional GANs (arXiv:1511.06434); the data and the count of modes are those of VEEGAN
(arXiv:1705.07761) and PacGAN (arXiv:1712.04086): 26,000 samples, each digit named by a classifier.

Launch: jaxgan train --config=dcgan_stacked_mnist --workdir=runs/dcgan_stacked_mnist
Score: eval/modes of 1000, and eval/modes_kl, at the end; docs/families.md. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import finish, on_mnist
from jaxgan.recipes import dcgan


def get_config(arg: str = "") -> ConfigDict:
    config = on_mnist(dcgan.default_config("dcgan"))
    config.data.update(dict(name="stacked_mnist", channels=3))
    config.generator.update(dict(ch=32, widths=(2, 1), base=(7, 7), image_channels=3))
    config.discriminator.update(dict(ch=32, widths=(1, 2)))
    # 26,000 samples are the published protocol.
    config.evaluation.update(dict(metrics="", tstr_images=26_000))
    return finish(config, arg, "dcgan_stacked_mnist")
