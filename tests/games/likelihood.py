"""One player, a likelihood: black and white pictures of 2x2 pixels, each pixel given those before it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxgan.data import Field
from jaxgan.experiment.common import base_config, data_stage, partition_rules, player_optimizer
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.open_split import open_split
from jaxgan.parallel import shard_batch
from jaxgan.training.method import Experiment, Method, Option
from jaxgan.training.state import create_state
from jaxgan.training.update import Aux, Module, apply, player_update

PIXELS = 4


class Autoregressive(nn.Module):
    """Logits [B, 4] of white at each pixel, a number for every choice of the pixels before: any distribution at all."""

    @nn.compact
    def __call__(self, bits, *, train):
        logits = []
        for pixel in range(PIXELS):
            table = self.param(f"pixel_{pixel}", nn.initializers.zeros, (2**pixel,))
            number = sum(bits[:, k] << k for k in range(pixel)) + jnp.zeros(len(bits), jnp.int32)
            logits.append(jax.nn.one_hot(number, 2**pixel) @ table)
        return jnp.stack(logits, 1)


def bits_of(batch: Any) -> Any:
    return (batch["image"] > 127).reshape(-1, PIXELS).astype(jnp.int32)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Likelihood(Method):
    network: Module
    optimizers: Mapping[str, Any]

    players = {"p": ("p",)}  # noqa: RUF012 (a constant)
    options = {"temperature": Option(1.0, low=1e-3)}  # noqa: RUF012

    def init(self, rng, batch):
        nets = {"p": self.network.init(rng, bits_of(batch), train=True)}
        return create_state(nets, self.players, self.optimizers)

    def step(self, state, batch, rng):
        state, metrics, _ = player_update(self, state, "p", lambda nets: (self.nats(nets, batch, rng).mean(), Aux()))
        return state, metrics

    def nats(self, nets, batch, rng):
        bits = bits_of(batch)
        logits, _ = apply(self.network, nets["p"], bits, train=False)
        return jax.nn.softplus(jnp.where(bits == 1, -logits, logits)).sum(1)

    def sample(self, nets, batch, rng):
        bits = shard_batch(jnp.zeros((len(batch["key"]), PIXELS), jnp.int32))
        noise = jax.vmap(lambda key: jax.random.logistic(key, (PIXELS,)))(batch["key"])
        for pixel in range(PIXELS):
            logits, _ = apply(self.network, nets["p"], bits, train=False)
            white = logits[:, pixel] / batch["options"]["temperature"] + noise[:, pixel] > 0
            bits = bits.at[:, pixel].set(white.astype(jnp.int32))
        return {"image": (2.0 * bits - 1).reshape(-1, 2, 2, 1)}


def default_config():
    config = base_config("games.likelihood", ("p",))
    config.data.update(name="folder:", test_split="train", image_size=(2, 2), channels=1, batch_size=16)
    config.optimizer.p.update(learning_rate=0.2, b1=0.9, schedule="cosine", decay_steps=100)
    config.training.update(steps=100, save_every=10, log_every=10)
    config.evaluation.update(
        every_steps=0, batch_norm="running", batch_size=16, metrics="bits_per_dim,elbo", num_images=16
    )
    return config


def get_config(arg=""):
    return default_config()


def build(config):
    method = Likelihood(network=Autoregressive(), optimizers={"p": player_optimizer(config, "p")})
    stage = data_stage(
        config,
        method,
        fields={"image": Field((2, 2, 1), np.uint8, "image"), "label": Field((), np.int32, "value")},
        open_dataset=lambda: open_split(config, config.data.split, training=True),
        evaluators=lambda mesh: image_evaluators(
            method, config, lambda split: open_split(config, split), mesh=mesh, ema=False
        ),
    )
    return Experiment(stages=(stage,), rules=partition_rules(config))
