"""Scores as pure functions of arrays."""

from jaxgan.metrics.diversity import class_spread, classes_hit

__all__ = ["class_spread", "classes_hit"]
