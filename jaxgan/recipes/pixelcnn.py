"""PixelCNN: Conditional Image Generation with PixelCNN Decoders (van den Oord et al. 2016, arXiv:1606.05328), and Pixel
Recurrent Neural Networks (arXiv:1601.06759), which it mends. There is no official code.

The checklist:

 1. Gated layers of a vertical and a horizontal stack (figure 2): no blind spot. Kernels hold only what they may see,
    where the paper masks them.
 2. The first layer's window is 7x7, later ones 3x3: ``network.first_kernel``, ``network.kernel``; the figure has n x n.
 3. The channels of a pixel come one after another, the last layers being told the earlier ones; the papers split the
    hidden channels in three groups and mask these.
 4. Classes are added to the gates (eq. 4): ``network.num_classes``.
 5. Two 1x1 layers of ``network.hidden`` ReLU before the softmax; 2 levels of black and white, 256 of bytes:
    ``network.levels``.
 6. The paper's rate and optimiser are not said; RMSProp in the first paper, Adam 1e-3 here, in batches of 100.
 7. Nats are exact, of the levels: 'elbo' is minus their mean, 'bits_per_dim' as published.
 8. Samples are drawn pixel by pixel, computing of each layer what the next pixel needs alone.
 9. MNIST is binarised statically, as for ``vae``.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.pixels import pixel_config, pixel_experiment, tiny_pixels
from jaxgan.networks.pixelcnn import PixelCNN
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with a small gated network: what a config file starts from."""
    config = pixel_config("pixelcnn", PixelCNN, exclude=("channels", "context"))
    config.optimizer.p.update(learning_rate=1e-3, b1=0.9)
    config.ema.update(decay=0.999, start_step=200)
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 8x8 pixels, two layers of 16 channels."""
    return tiny_pixels(config, ch=16, layers=1, hidden=16, first_kernel=3)


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, or fewer than two levels.
    """
    return pixel_experiment(config, PixelCNN)
