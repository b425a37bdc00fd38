"""Experiments of models that draw an image pixel by pixel."""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from jaxgan.experiment.common import base_config, player_optimizer
from jaxgan.experiment.image_experiment import image_experiment
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.methods.pixelcnn import Autoregressive
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment


def pixel_config(recipe: str, network: Callable[..., Any], *, exclude: tuple[str, ...] = ("channels",)) -> ConfigDict:
    """A config with the settings that these models share: binarised MNIST in batches of 100, scored by its exact nats
    at the stage's end.

    Args:
      recipe: its name.
      network: the class whose fields are the section ``network``.
      exclude: fields that are not in it.
    """
    config = base_config(recipe, ("p",), network=defaults(network, exclude=exclude))
    config.data.update(name="tfds:mnist", test_split="test", image_size=(28, 28), channels=1, batch_size=100)
    config.data.test_augment = ({"op": "binarise"},)
    config.evaluation.update(
        every_steps=0,
        batch_norm="running",
        metrics="elbo,bits_per_dim",
        num_images=10_000,
        reference_split="test",
        batch_size=100,
    )
    return config


def tiny_pixels(config: ConfigDict, **network: Any) -> ConfigDict:
    """The smoke form: digits of 8x8 pixels, and ``network`` of its section."""
    config = smoke_data(config, (8, 8))
    config.network.update(network)
    if config.network.num_classes:
        config.network.num_classes = 10
    config.evaluation.metrics = "elbo"
    return config


def pixel_experiment(config: ConfigDict, network: Callable[..., Any], **method: Any) -> Experiment:
    """Binds a config.

    Args:
      config: as of :func:`pixel_config`.
      network: the class that the section ``network`` is of.
      **method: further fields of :class:`jaxgan.methods.pixelcnn.Autoregressive`.

    Raises:
      UserError: on keys or values that do not fit, or levels that a byte cannot be told in.
    """
    levels, classes = config.network.levels, config.network.num_classes
    if not 2 <= levels <= 256:
        raise UserError(f"config.network.levels={levels}: give a whole number from 2 to 256")
    bound = Autoregressive(
        network=construct(network, "network", config.network, channels=config.data.channels),
        optimizers={"p": player_optimizer(config, "p")},
        levels=levels,
        image_shape=(*config.data.image_size, config.data.channels),
        num_classes=classes,
        **method,
    )
    return image_experiment(config, bound, labels=bool(classes), as_tested=True)
