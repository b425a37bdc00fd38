"""Batch-size scaling: budgets, averages and learning rates that make runs comparable."""

import math

from ml_collections import ConfigDict

from jaxgan.training.errors import UserError

# Power of the batch's ratio that multiplies a learning rate. Linear: Goyal et al. 2017 (arXiv:1706.02677). Square root:
# Krizhevsky 2014 (arXiv:1404.5997, section 5) and, for Adam, Malladi et al. 2022 (arXiv:2205.10287).
LR_RULES = {"constant": 0.0, "sqrt": 0.5, "linear": 1.0}


def scaled_rate(rate: float, batch_size: int, base_batch_size: int, rule: str) -> float:
    """The learning rate at ``batch_size`` of a recipe that has ``rate`` at ``base_batch_size``.

    Raises:
      UserError: on an unknown rule.
    """
    if rule not in LR_RULES:
        raise UserError(f"lr_rule={rule!r}; choose from {', '.join(LR_RULES)}")
    return rate * (batch_size / base_batch_size) ** LR_RULES[rule]


def updates_for(images: int, batch_size: int) -> int:
    """The updates of G that take ``images`` images, ``batch_size`` each.

    Raises:
      UserError: where they do not come out even: budgets that differ a little are not matched.
    """
    if images < batch_size or images % batch_size:
        raise UserError(f"{images:,} images are no whole number of batches of {batch_size}; choose a multiple of it")
    return images // batch_size


def set_batch(config: ConfigDict, batch_size: int, *, rule: str) -> None:
    """Sets the batch of one update, and both learning rates by ``rule`` from the config's own batch and rates.

    Raises:
      UserError: on an unknown rule.
    """
    base = config.data.batch_size
    for player in config.optimizer:
        section = config.optimizer[player]
        section.learning_rate = scaled_rate(section.learning_rate, batch_size, base, rule)
    config.data.batch_size = batch_size


def set_average(config: ConfigDict, *, half_life_images: int, start_images: int) -> None:
    """Has weights averaged with a half-life in images, from the step that ends ``start_images`` images on; to be called
    when the batch is set.
    """
    config.ema.half_life_images = half_life_images
    config.ema.start_step = math.ceil(start_images / config.data.batch_size)
