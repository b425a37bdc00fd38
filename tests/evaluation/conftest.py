"""A generator of one matrix, for the tests of evaluation."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

NUM_CLASSES, Z_DIM = 3, 6


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """Images are tanh(z W + class row); moments are those of z; ``drawn`` keeps what ``moments`` was given."""

    num_classes: int = NUM_CLASSES
    latent_shape: Any = (Z_DIM,)
    drawn: list = dataclasses.field(default_factory=list)

    def sample(self, nets, batch, rng):
        labels = batch["label"]
        weights = jax.nn.one_hot(labels, NUM_CLASSES) if labels.ndim == 1 else labels
        p = nets["g"]["params"]
        return {"image": jnp.tanh(batch["z"] @ p["w"] + weights @ p["table"]).reshape(-1, 4, 4, 1)}

    def moments(self, nets, batch, rng):
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
