"""A tiny SRGAN: a generator trained by MSE alone, then in a game with a frozen network's features in its loss."""

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
from jaxgan.methods import forward
from jaxgan.methods.gan import GAN
from jaxgan.methods.inputs import input_of
from jaxgan.methods.latents import Latents
from jaxgan.methods.regularizer import Regularizer, TermOutput
from jaxgan.nn import from_uint8
from jaxgan.objectives import adversarial_loss
from jaxgan.training.method import Experiment, Method
from jaxgan.training.state import fresh_optimizers
from jaxgan.training.update import Aux, apply, player_update


class Generator(nn.Module):
    """A picture of twice the side of its condition [B, h, w, 3]."""

    @nn.compact
    def __call__(self, z, condition, *, train):
        large = condition.repeat(2, 1).repeat(2, 2)
        return large + nn.Conv(3, (3, 3))(nn.relu(nn.Conv(6, (3, 3))(large)))


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, images, condition, *, train):
        x = nn.leaky_relu(nn.Conv(6, (3, 3), (2, 2))(images), 0.2)
        return nn.Dense(1)(x.mean((1, 2)))[:, 0]


class Features(nn.Module):
    @nn.compact
    def __call__(self, images, *, train):
        return nn.relu(nn.Conv(4, (3, 3), name="conv")(images))


def features_net() -> dict[str, Any]:
    variables = Features().init(jax.random.key(42), jnp.zeros((1, 8, 8, 3)), train=False)
    return {"features": jax.tree.map(np.asarray, variables)}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Regression(Method):
    """The generator of ``game`` alone, by the mean squared error; draws as the game does."""

    game: GAN
    optimizers: Mapping[str, Any]

    players = {"g": ("g",)}  # noqa: RUF012 (a constant)
    averaged = ("g",)
    conditions = ("low",)

    def step(self, state, batch, rng):
        z, condition = self.game.latents.draw(rng, batch)

        def loss_fn(nets):
            drawn, mutated = forward.generate(self.game.generator, nets["g"], z, condition, rng)
            return jnp.square(drawn - input_of(batch)).mean(), Aux({"g": mutated})

        state, metrics, _ = player_update(self, state, "g", loss_fn)
        return state, metrics

    def sample(self, nets, batch, rng):
        return self.game.sample(nets, batch, rng)


def content(weight: float) -> Regularizer:
    def term(context: Any) -> TermOutput:
        fake, real = (apply(Features(), context.frozen["features"], x, train=False)[0]
                      for x in (context.fakes, context.images))  # fmt: skip
        distance = jnp.square(fake - real).mean()
        return TermOutput(weight * distance, {"content": distance})

    return Regularizer("content", g_term=term)


def small_copy(batch: Any) -> Any:
    return from_uint8(batch["low"])


def default_config():
    config = base_config("games.two_stages", ("g", "d"), content={"weight": 1.0}, pretraining={"steps": 3})
    config.data.update(
        name="folder:", test_split="train", image_size=(8, 8), batch_size=8,
        augment=("flip", {"op": "degrade", "factor": 2}), test_augment=({"op": "degrade", "factor": 2},),
    )  # fmt: skip
    config.training.update(steps=3, save_every=1, log_every=1)
    config.evaluation.update(every_steps=0, batch_norm="running", batch_size=8, metrics="psnr", num_images=8)
    config.ema.update(decay=0.5)
    return config


def get_config(arg=""):
    return default_config()


def build(config):
    optimizers = {player: player_optimizer(config, player) for player in ("g", "d")}
    game = GAN(
        generator=Generator(),
        discriminator=Discriminator(),
        optimizers=optimizers,
        loss=adversarial_loss("non_saturating"),
        latents=Latents(z_dim=0, from_data=True, fields=("low",), condition=small_copy),
        regularizers=(content(config.content.weight),),
        prepare=lambda state, batch, rng: fresh_optimizers(state, game.players, optimizers),
    )
    (height, width), channels = config.data.image_size, config.data.channels
    fields = {
        "image": Field((height, width, channels), np.uint8, "image"),
        "low": Field((height // 2, width // 2, channels), np.uint8, "image"),
        "label": Field((), np.int32, "value"),
    }

    def stage(name, method, steps):
        return data_stage(
            config,
            method,
            fields=fields,
            open_dataset=lambda: open_split(config, config.data.split, training=True),
            evaluators=lambda mesh: image_evaluators(
                method, config, lambda split: open_split(config, split), mesh=mesh, ema=True
            ),
            name=name,
            steps=steps,
        )

    first = stage("regression", Regression(game=game, optimizers={"g": optimizers["g"]}), config.pretraining.steps)
    second = stage("game", game, config.training.steps)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), second.batch)
    return Experiment(
        stages=(first, second),
        rules=partition_rules(config),
        init=lambda rng: game.init(rng, zeros),
        frozen=features_net,
    )
