"""Augmentations of a discriminator's input: DiffAugment, ADA, APA."""

from jaxgan.augment.ada import ada_augment, ada_update
from jaxgan.augment.apa import apa_mix
from jaxgan.augment.diff_augment import diff_augment, parse_policy

__all__ = ["ada_augment", "ada_update", "apa_mix", "diff_augment", "parse_policy"]
