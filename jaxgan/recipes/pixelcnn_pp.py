"""PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other Modifications (Salimans et
al. 2017, arXiv:1701.05517). Reference code: openai/pixel-cnn.

The checklist:

 1. Ten logistics a pixel, whose means move with the pixel's earlier channels (section 2.2): ``network.components``.
    Log-scales are at least -7, coefficients go through tanh, as in the code.
 2. Probabilities of levels are exact; the code takes the density at the middle of a level where they are below 1e-5.
 3. Two streams by kernels of 2x3 and 2x2, 160 channels, five gated blocks at sides 32, 16 and 8 on the way down, and 5,
    6, 6 on the way up, with skips: ``network.ch``, ``blocks``, ``sides``. A channel of ones tells padding from pixels.
 4. Dropout of 0.5 within blocks: ``network.dropout``.
 5. Weight normalisation, initialised on the first batch so that every convolution's outputs are N(0, 1), those that end
    a block N(0, 0.01): the network is initialised anew when training begins. The code's initialisation took outputs
    that were not yet normalised until it was mended; here they are normalised.
 6. Classes are added in every block: ``network.num_classes``.
 7. Adam 1e-3 with 0.95 and 0.9995 (the code), times 0.999995 a step; batches of 128, 16 on each of 8 GPUs.
 8. Scores and draws are of the average of 0.9995.
 9. A drawn channel is rounded to its level before the next one is drawn, so that draws have the probabilities that are
    scored; the code goes on with what lies between levels.
10. Draws compute of each layer what the next pixel needs alone (arXiv:1704.06001).
"""

import functools

from ml_collections import ConfigDict

from jaxgan.experiment.pixels import pixel_config, pixel_experiment, tiny_pixels
from jaxgan.networks.pixelcnn_pp import PixelCNNPlusPlus
from jaxgan.objectives.logistic_mixture import logistic_mixture_nats
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with the paper's settings for CIFAR-10: what a config file starts from."""
    config = pixel_config("pixelcnn_pp", PixelCNNPlusPlus)
    config.optimizer.p.update(
        learning_rate=1e-3, b1=0.95, b2=0.9995, schedule="exponential", decay_steps=1, decay_rate=0.999995
    )
    config.data.update(name="tfds:cifar10", image_size=(32, 32), channels=3, batch_size=128, test_augment=())
    config.ema.update(decay=0.9995)
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 8x8 pixels, one block of 8 channels at two sides."""
    return tiny_pixels(config, ch=8, blocks=1, sides=2, components=2)


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit.
    """
    nats = functools.partial(logistic_mixture_nats, count=config.network.levels)
    return pixel_experiment(config, PixelCNNPlusPlus, nats_of=nats, data_dependent=True)
