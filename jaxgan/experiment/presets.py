"""Experiments of minutes on a CPU: what the recipes share on toys, on MNIST and on CIFAR-10.

The data, budgets, averages and scores are alike for all recipes, so that they can be compared; losses, optimisers,
penalties and networks are each recipe's own, at widths that two cores can train.
"""

from typing import Any

from ml_collections import ConfigDict

from jaxgan.data import toy_mixture
from jaxgan.experiment.smoke import shrink
from jaxgan.training.errors import UserError

TOY_HIDDEN = (128, 128, 128)


def finish(config: ConfigDict, arg: str, name: str) -> ConfigDict:
    """``config``, or its smoke run where ``arg`` says 'smoke'.

    Raises:
      UserError: on another argument.
    """
    if arg == "smoke":
        return shrink(config)
    if arg:
        raise UserError(f"{name} takes no argument but 'smoke', got {arg!r}")
    return config


def classes(config: ConfigDict, number: int, *, generator: str, discriminator: str) -> ConfigDict:
    """``config`` with so many classes, and how either network takes them in."""
    config.generator.update(dict(num_classes=number, conditioning=generator))
    config.discriminator.update(dict(num_classes=number, conditioning=discriminator))
    return config


def on_toy(config: ConfigDict, name: str, **networks: Any) -> ConfigDict:
    """A recipe of multi-layer perceptrons on 'ring8', 'grid25' or another of :func:`jaxgan.data.toy_mixture`.

    Both networks have three hidden layers of 128 ReLU and a batch of 256, and G has latents of 4 numbers beside its
    codes (LAPGAN: as many as its own config says). Measured on grid25: a leaky ReLU in D takes over twice as many steps
    to tell modes from what lies between, latents of 16 numbers leave more samples between modes, and rates that fall to
    0 sharpen nothing in so few steps.

    Args:
      config: with the networks 'mlp'.
      name: of the mixture.
      **networks: further fields of both networks.
    """
    toy_mixture(name)
    codes = sum(config.prior.categorical) + config.prior.continuous
    config.data.update(dict(name=f"toy:{name}", split="train", image_size=(), channels=2, batch_size=256))
    for section in (config.generator, config.discriminator):
        section.update(dict(hidden=TOY_HIDDEN, weight_init="orthogonal", **networks))
    config.discriminator.dropout = 0.0
    if "pyramid" not in config:
        config.generator.update(dict(image_shape=(2,), z_dim=4 + codes))
        config.discriminator.update(dict(activation="relu", input_dropout=0.0))
    # Modes are narrow: a long average blurs them.
    config.ema.update(dict(decay=0.99, start_step=0))
    config.training.update(dict(steps=5_000, save_every=5_000, log_every=100, keep=1))
    config.evaluation.update(dict(every_steps=1_000, batch_size=2_500, num_points=2_500))
    return config


def _images(config: ConfigDict) -> ConfigDict:
    config.data.update(dict(split="train", test_split="test", batch_size=64))
    config.ema.update(dict(decay=0.999, start_step=200))
    config.training.update(dict(steps=2_000, save_every=1_000, log_every=50, keep=1))
    config.evaluation.update(
        dict(
            every_steps=0,
            batch_size=200,
            standing_passes=8,
            metrics="fd",
            features="efficientnet_lite0",
            num_images=1_000,
            reference_images=2_000,
            reference_split="test",
            tstr=True,
            tstr_images=5_000,
            tstr_steps=500,
        )
    )
    return config


def on_mnist(config: ConfigDict) -> ConfigDict:
    """A recipe on MNIST's 28x28 digits, 2,000 steps of 64."""
    config.data.update(dict(name="tfds:mnist", image_size=(28, 28), channels=1))
    return _images(config)


def on_cifar10(config: ConfigDict) -> ConfigDict:
    """A recipe on CIFAR-10, 2,000 steps of 64, with flips."""
    config.data.update(dict(name="tfds:cifar10", image_size=(32, 32), channels=3, flip=True))
    return _images(config)
