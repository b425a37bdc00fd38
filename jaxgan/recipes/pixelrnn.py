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

from jaxgan.experiment.common import base_config, player_optimizer
from jaxgan.experiment.image_experiment import image_experiment
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.methods.pixelcnn import Autoregressive
from jaxgan.networks.pixelrnn import PixelRNN
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with the paper's settings for MNIST: what a config file starts from."""
    config = base_config("pixelrnn", ("p",), network=defaults(PixelRNN, exclude=("channels",)))
    config.optimizer.p.update(kind="rmsprop", learning_rate=1e-3, b1=0.0, b2=0.95)
    config.data.update(name="tfds:mnist", test_split="test", image_size=(28, 28), channels=1, batch_size=16)
    config.data.test_augment = ({"op": "binarise"},)
    config.ema.update(decay=0.0)
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
    """The smoke form: digits of 8x8 pixels, one layer of 16 units."""
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
        network=construct(PixelRNN, "network", config.network, channels=config.data.channels),
        optimizers={"p": player_optimizer(config, "p")},
        levels=config.network.levels,
        image_shape=shape,
        num_classes=classes,
    )
    return image_experiment(config, method, labels=bool(classes), as_tested=True)
