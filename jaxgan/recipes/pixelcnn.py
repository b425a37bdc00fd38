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

from jaxgan.experiment.common import base_config, player_optimizer
from jaxgan.experiment.image_experiment import image_experiment
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.methods.pixelcnn import Autoregressive
from jaxgan.networks.pixelcnn import PixelCNN
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with a small gated network: what a config file starts from."""
    config = base_config("pixelcnn", ("p",), network=defaults(PixelCNN, exclude=("channels", "context")))
    config.optimizer.p.update(learning_rate=1e-3, b1=0.9)
    config.data.update(name="tfds:mnist", test_split="test", image_size=(28, 28), channels=1, batch_size=100)
    config.data.test_augment = ({"op": "binarise"},)
    config.ema.update(decay=0.999, start_step=200)
    config.evaluation.update(
        every_steps=0,
        batch_norm="running",
        metrics="elbo,bits_per_dim",
        num_images=10_000,
        reference_split="test",
        batch_size=100,
    )
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 8x8 pixels, two layers of 16 channels."""
    config = smoke_data(config, (8, 8))
    config.network.update(dict(ch=16, layers=1, hidden=16, first_kernel=3))
    if config.network.num_classes:
        config.network.num_classes = 10
    config.evaluation.metrics = "elbo"
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, or fewer than two levels.
    """
    if not 2 <= config.network.levels <= 256:
        raise UserError(f"config.network.levels={config.network.levels}: give a whole number from 2 to 256")
    shape, classes = (*config.data.image_size, config.data.channels), config.network.num_classes
    method = Autoregressive(
        network=construct(PixelCNN, "network", config.network, channels=config.data.channels),
        optimizers={"p": player_optimizer(config, "p")},
        levels=config.network.levels,
        image_shape=shape,
        num_classes=classes,
    )
    return image_experiment(config, method, labels=bool(classes), as_tested=True)
