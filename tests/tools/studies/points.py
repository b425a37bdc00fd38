"""A GAN of two small MLPs on points of a plane, as a recipe of its own, for tests of runs that share a program."""

import dataclasses
import os
import signal
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from jaxgan.nn import BatchNorm
from jaxgan.parallel import shard_batch
from jaxgan.training.ema import Ema
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Experiment, Method, Stage
from jaxgan.training.state import create_state
from jaxgan.training.update import Aux, apply, every, player_update

ROWS = 8


class Mlp(nn.Module):
    """No parameter's gradient is zero except for rounding, which Adam would make as large as any: so there is no bias
    before a norm, and no norm in D, which would take G's last bias away.
    """

    out: int
    norm: bool

    @nn.compact
    def __call__(self, x, *, train):
        h = nn.Dense(6, use_bias=not self.norm, name="first")(x)
        if self.norm:
            h = BatchNorm(name="norm")(h, train=train)
        return nn.Dense(self.out, name="last")(nn.tanh(h))


GENERATOR, DISCRIMINATOR = Mlp(2, True), Mlp(1, False)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Points(Method):
    """Least-squares losses; a penalty on D's outputs on every second step, where it has a weight."""

    optimizers: Any
    weight: float = 0.0
    generator: Any = GENERATOR
    discriminator: Any = DISCRIMINATOR

    players = {"g": ("g",), "d": ("d",)}  # noqa: RUF012 (a constant)
    averaged = ("g",)
    latent_shapes = jax.ShapeDtypeStruct((3,), jnp.float32)

    def __post_init__(self):
        if self.weight < 0:
            raise ValueError("weight must not be negative")

    def init(self, rng, batch):
        g_rng, d_rng = jax.random.split(rng)
        g = {**self.generator.init(g_rng, jnp.zeros((2, 3)), train=True)}
        d = {**self.discriminator.init(d_rng, batch["point"][:2], train=True)}
        g.pop("batch_moments")
        extra = {"updates": jnp.zeros((), jnp.int32)}
        return create_state({"g": g, "d": d}, self.players, self.optimizers, extra=extra)

    def step(self, state, batch, rng):
        z = shard_batch(jax.random.normal(rng, (batch["point"].shape[0], 3)))

        def d_loss(nets):
            fakes, _ = apply(self.generator, nets["g"], z, train=True)
            real, moved = apply(self.discriminator, nets["d"], batch["point"], train=True)
            fake, _ = apply(self.discriminator, nets["d"], jax.lax.stop_gradient(fakes), train=True)
            return jnp.square(real - 1).mean() + jnp.square(fake).mean(), Aux({"d": moved}, {"real": real.mean()})

        def penalty(nets):
            out, _ = apply(self.discriminator, nets["d"], batch["point"], train=True)
            return self.weight * jnp.square(out).mean(), Aux()

        def g_loss(nets):
            fakes, moved = apply(self.generator, nets["g"], z, train=True)
            fake, _ = apply(self.discriminator, nets["d"], fakes, train=True)
            return jnp.square(fake - 1).mean(), Aux({"g": moved})

        state, d, _ = player_update(self, state, "d", d_loss)
        if self.weight:
            state, _ = every(state.step, 2, lambda s: (player_update(self, s, "d", penalty).state, {}), state, {})
        state, g, _ = player_update(self, state, "g", g_loss)
        return state.replace(extra={"updates": state.extra["updates"] + 2}), d | g

    def sample(self, nets, batch, rng):
        return {"image": apply(self.generator, nets["g"], batch["z"], train=False)[0]}

    def begin_stage(self, state, batch, rng):
        return state.replace(extra={"updates": state.extra["updates"] + batch["point"].shape[0]})


def config(**changes):
    made = ConfigDict(
        {
            "recipe": "points",
            "seed": 0,
            "data": {"batch_size": ROWS},
            "method": {"weight": 0.0},
            "optimizer": {"g": {"learning_rate": 1e-2}, "d": {"learning_rate": 2e-2}},
            "training": {"steps": 6, "save_every": 2, "log_every": 2, "keep": 2, "steps_per_dispatch": 1},
            "evaluation": {"best": None},
            "parallel": {"data": -1, "fsdp": 1, "spatial": 1},
        },
        type_safe=False,
    ).lock()
    for key, value in changes.items():
        section, name = key.split("__")
        made[section][name] = value
    return made


def build(config, *, stop_at=None):
    """The recipe; where ``stop_at`` holds a step, the process is asked to stop, once, when seed 0 reads its data."""
    if config.optimizer.g.learning_rate == 0:
        raise UserError("no learning rate")
    method = Points(
        optimizers={player: optax.adam(config.optimizer[player].learning_rate) for player in "gd"}, **config.method
    )

    def data(start_step):
        step = start_step
        while True:
            if config.seed == 0 and stop_at and step == stop_at[0]:
                stop_at.clear()
                os.kill(os.getpid(), signal.SIGTERM)
            yield {"point": np.random.default_rng([config.seed, step]).normal(size=(ROWS, 2)).astype(np.float32)}
            step += 1

    def scores(nets, step):
        z = np.random.default_rng(config.seed).normal(size=(16, 3)).astype(np.float32)
        drawn = method.sample(nets, {"z": z}, None)["image"]
        return {"eval/spread": float(jnp.std(drawn)), "samples": np.full((2, 2, 3), step, np.uint8)}

    stage = Stage(
        name="points",
        method=method,
        data=data,
        batch={"point": jax.ShapeDtypeStruct((ROWS, 2), jnp.float32)},
        images_per_step=ROWS,
        steps=config.training.steps,
        ema=Ema(nets=("g",), decay=0.5, start_step=2),
        evaluators=lambda mesh: [Evaluator("scores", scores, 0)],
    )
    return Experiment(stages=(stage,))
