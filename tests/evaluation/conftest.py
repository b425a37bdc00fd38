"""A generator of one matrix, for the tests of evaluation."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.latent import TRUNCATION_MODES
from jaxgan.training.method import Option

NUM_CLASSES, Z_DIM = 3, 6
LATENT = jax.ShapeDtypeStruct((Z_DIM,), jnp.float32)
OPTIONS = {"truncation": Option(1.0, low=0.0), "truncation_mode": Option("none", choices=TRUNCATION_MODES)}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """Images are tanh(z W + class row + shift); moments are those of z; ``drawn`` keeps what they are given."""

    num_classes: int = NUM_CLASSES
    style_shape: Any = None
    latent_shapes: Any = LATENT
    options: Any = dataclasses.field(default_factory=lambda: OPTIONS | {"shift": Option(0.0, low=-1.0, high=1.0)})
    drawn: list = dataclasses.field(default_factory=list)

    @property
    def conditions(self):
        return ("label",) if self.num_classes else ()

    def sample(self, nets, batch, rng):
        p = nets["g"]["params"]
        pixels = batch["z"] @ p["w"] + batch["options"]["shift"]
        if self.num_classes:
            labels = batch["label"]
            pixels += (jax.nn.one_hot(labels, NUM_CLASSES) if labels.ndim == 1 else labels) @ p["table"]
        return {"image": jnp.tanh(pixels).reshape(-1, 4, 4, 1)}

    def batch_moments(self, nets, batch, rng):
        jax.debug.callback(lambda z, y: self.drawn.append((np.asarray(z), np.asarray(y))), batch["z"], batch["label"])
        return {"g": {"norm": {"mean": batch["z"].mean(0), "var": batch["z"].var(0)}}}


@pytest.fixture(scope="session")
def method():
    return Linear()


@pytest.fixture(scope="session")
def nets():
    draw = np.random.default_rng(0)
    params = {"w": draw.normal(size=(Z_DIM, 16)) * 0.3, "table": draw.normal(size=(NUM_CLASSES, 16))}
    g = {
        "params": jax.tree.map(jnp.float32, params),
        "batch_stats": {"norm": {"mean": jnp.zeros(6), "var": jnp.ones(6)}},
    }
    return {"g": g, "d": {"params": jnp.ones(2)}}
