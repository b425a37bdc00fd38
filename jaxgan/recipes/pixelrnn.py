"""PixelRNN: Pixel Recurrent Neural Networks (van den Oord et al. 2016, arXiv:1601.06759). There is no official code.

The checklist:

 1. ``network.kind``: 'diagonal' (Diagonal BiLSTM, the paper's best) or 'row' (Row LSTM).
 2. The first layer's window is 7x7 and sees what lies before each pixel; kernels hold only that, where the paper masks
    them (mask A). Features of a pixel then hold no pixel that comes after it, nor itself.
 3. LSTMs have h units, what lies between them 2 h, each layer's input added to its output (section 3.3, figure 5).
 4. 7 layers and h = 16 on MNIST, 12 layers and h = 128 on CIFAR-10 (table 1, section 5.1).
 5. The channels of a pixel come one after another, the last layers being told the earlier ones; the paper splits the
    hidden channels in three groups and masks them.
 6. Two 1x1 layers of ReLU before the softmax, of 32 units on MNIST; the paper has 1,024 on CIFAR-10.
 7. RMSProp in batches of 16; the paper sets rates by hand for each data set, here 1e-3.
 8. Nats are exact, of the levels; samples are drawn pixel by pixel, computing of each layer what the next pixel needs.
 9. MNIST is binarised statically, as for ``vae``.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.pixels import pixel_config, pixel_experiment, tiny_pixels
from jaxgan.networks.pixelrnn import PixelRNN
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with the paper's settings for MNIST: what a config file starts from."""
    config = pixel_config("pixelrnn", PixelRNN)
    config.optimizer.p.update(kind="rmsprop", learning_rate=1e-3, b1=0.0, b2=0.95)
    config.data.batch_size = 16
    config.ema.update(decay=0.0)
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 8x8 pixels, one layer of 16 units."""
    return tiny_pixels(config, ch=16, layers=1, hidden=16, first_kernel=3)


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, or fewer than two levels.
    """
    return pixel_experiment(config, PixelRNN)
