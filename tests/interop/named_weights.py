"""Weights made from their tensors' names, the same on both sides of a comparison with a reference."""

import hashlib

import numpy as np


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Float32 numbers of a tensor: N(0, 1 / inputs) of a kernel [outputs, inputs, ...], near 1 of a gain or a variance,
    near 0 of the rest.
    """
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    values = rng.standard_normal(shape)
    if len(shape) > 1:
        return (values / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    offset = 1.0 if name.endswith(("weight", "running_var")) else 0.0
    return (offset + 0.1 * np.abs(values)).astype(np.float32)


def inputs(shape: tuple[int, ...]) -> np.ndarray:
    """Images [B, C, H, W] float32 in [-1, 1]."""
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
