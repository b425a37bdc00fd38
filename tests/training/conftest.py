"""A tiny method and experiment for the tests of the machinery."""

import dataclasses
import types
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.nn import BatchNorm, from_uint8
from jaxgan.training.ema import Ema
from jaxgan.training.method import Experiment, Method, Stage
from jaxgan.training.state import create_state
from jaxgan.training.update import Aux, apply, player_update

BATCH_SIZE = 8


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        h = nn.Dense(4, name="first")(x.reshape(x.shape[0], -1))
        h = BatchNorm(name="norm")(h, train=train)
        return nn.Dense(1, name="last")(nn.relu(h))[:, 0]


NET = Net()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Toy(Method):
    """Two regressions: G on noise, D on images; ``extra`` counts calls of ``begin_stage``."""

    module: Any = NET
    target: float = 1.0
    diverges_at: int = -1
    optimizers: Any = dataclasses.field(default_factory=lambda: {p: optax.adam(1e-2) for p in ("g", "d")})

    players = {"g": ("g",), "d": ("d",)}  # noqa: RUF012 (a constant)

    def init(self, rng, batch):
        x = from_uint8(batch["image"])
        nets = {}
        for name, key in zip("gd", jax.random.split(rng)):
            nets[name] = {**self.module.init(key, x, train=True)}
            nets[name].pop("batch_moments", None)
        return create_state(nets, self.players, self.optimizers, extra={"entered": jnp.zeros((), jnp.int32)})

    def loss(self, net, x):
        def loss_fn(nets):
            out, moved = apply(self.module, nets[net], x, train=True)
            return jnp.square(out - self.target).mean(), Aux({net: moved}, {"mean": out.mean()})

        return loss_fn

    def step(self, state, batch, rng):
        x = from_uint8(batch["image"])
        state, d, _ = player_update(self, state, "d", self.loss("d", x))
        noise = jax.random.normal(rng, x.shape)
        state, g, _ = player_update(self, state, "g", self.loss("g", noise))
        g["g/loss"] = jnp.where(state.step == self.diverges_at, jnp.nan, g["g/loss"])
        return state, d | g | {"noise": noise.sum()}

    def sample(self, nets, batch, rng):
        raise NotImplementedError

    def begin_stage(self, state, batch, rng):
        return state.replace(extra={"entered": state.extra["entered"] + 1})


def batch_at(step):
    """A batch that is a function of the step alone."""
    return {"image": np.random.default_rng(step).integers(0, 256, (BATCH_SIZE, 4, 4, 1), np.uint8)}


def data(start_step):
    step = start_step
    while True:
        yield batch_at(step)
        step += 1


def experiment(*methods_steps, evaluators=(), ema=True):
    """One stage of six steps, or one for each (method, steps)."""
    spec = {"image": jax.ShapeDtypeStruct((BATCH_SIZE, 4, 4, 1), jnp.uint8)}
    stages = tuple(
        Stage(
            name=f"stage {i}",
            method=m,
            data=data,
            batch=spec,
            images_per_step=BATCH_SIZE,
            steps=steps,
            ema=Ema(nets=("g",), decay=0.5, start_step=2) if ema else None,
            evaluators=lambda mesh: evaluators,
        )
        for i, (m, steps) in enumerate(methods_steps or [(Toy(), 6)])
    )
    return Experiment(stages=stages)


@pytest.fixture(scope="session")
def toy():
    return types.SimpleNamespace(Method=Toy, experiment=experiment, batch_at=batch_at, data=data)
