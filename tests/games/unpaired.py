"""A tiny CycleGAN: two domains, one update of both generators by a cycle, D's updates on pooled fakes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxgan.data import Field, open_domains
from jaxgan.evaluation import sample_images, source_inputs
from jaxgan.experiment.common import base_config, data_stage, partition_rules, player_optimizer
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.open_split import open_split
from jaxgan.methods import forward
from jaxgan.methods.inputs import input_of
from jaxgan.methods.regularizer import Regularizer, mean_over_scales
from jaxgan.methods.terms.image_pool import image_pool
from jaxgan.objectives import AdversarialLoss, adversarial_loss
from jaxgan.training.method import Evaluator, Experiment, Method, Option
from jaxgan.training.state import create_state
from jaxgan.training.update import Aux, Module, apply, player_update

OTHER = {"A": "B", "B": "A"}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CycleGAN(Method):
    """Nets 'g_B' draws B of A, 'd_B' tells B from what it draws, and the same of A; ``sample`` goes one direction."""

    generator: Module
    discriminator: Module
    optimizers: Mapping[str, Any]
    loss: AdversarialLoss
    pool: Regularizer
    cycle: float = 10.0
    identity: float = 5.0

    players = {"g": ("g_A", "g_B"), "d": ("d_A", "d_B")}  # noqa: RUF012 (a constant)
    conditions = ("image",)
    options = {"direction": Option("AtoB", choices=("AtoB", "BtoA"))}  # noqa: RUF012

    def real(self, batch):
        return {domain: input_of(batch, f"image_{domain}") for domain in OTHER}

    def init(self, rng, batch):
        keys, images, nets = jax.random.split(rng, 4), self.real(batch), {}
        for number, domain in enumerate(OTHER):
            nets[f"g_{domain}"] = self.generator.init(keys[number], images[domain][:2], None, train=True)
            nets[f"d_{domain}"] = self.discriminator.init(keys[2 + number], images[domain][:2], None, train=True)
        extra = {f"pool_{domain}": self.pool.init(nets, (images[domain], None)) for domain in OTHER}
        return create_state(nets, self.players, self.optimizers, extra=extra)

    def step(self, state, batch, rng):
        g_rng, d_rng = jax.random.split(rng)
        state, g_metrics, fakes = self.g_step(state, self.real(batch), g_rng)
        state, d_metrics = self.d_step(state, self.real(batch), fakes, d_rng)
        return state, g_metrics | d_metrics

    def g_step(self, state, real, rng):
        def loss_fn(nets):
            def to(domain, x):
                return forward.generate(self.generator, nets[f"g_{domain}"], x, None, rng)[0]

            fakes = {domain: to(domain, real[OTHER[domain]]) for domain in OTHER}
            losses = {"cycle": 0.0, "identity": 0.0, "adversarial": 0.0}
            for domain in OTHER:
                output, _ = forward.discriminate(
                    self.discriminator, (), state, nets[f"d_{domain}"], fakes[domain], None, rng
                )
                losses["adversarial"] += mean_over_scales(self.loss.generator, output.logits)
                losses["cycle"] += jnp.abs(to(domain, fakes[OTHER[domain]]) - real[domain]).mean()
                losses["identity"] += jnp.abs(to(domain, real[domain]) - real[domain]).mean()
            total = losses["adversarial"] + self.cycle * losses["cycle"] + self.identity * losses["identity"]
            return total, Aux(metrics=losses, kept=fakes)

        return player_update(self, state, "g", loss_fn)

    def d_step(self, state, real, fakes, rng):
        shown, extra = {}, {}
        for number, domain in enumerate(OTHER):
            pool, key = f"pool_{domain}", jax.random.fold_in(rng, number)
            shown[domain], extra[pool] = self.pool.recall((fakes[domain], None), state.extra[pool], key)

        def loss_fn(nets):
            total = 0.0
            for domain in OTHER:
                real_output, fake_output, _ = forward.discriminate_both(
                    self.discriminator, (), state, nets[f"d_{domain}"], (real[domain], None), shown[domain], rng,
                    joint=False,
                )  # fmt: skip
                total += mean_over_scales(self.loss.discriminator, real_output.logits, fake_output.logits)
            return total, Aux(extra=extra)

        state, metrics, _ = player_update(self, state, "d", loss_fn)
        return state, metrics

    def sample(self, nets, batch, rng):
        start, end = batch["options"]["direction"].split("to")
        image, _ = apply(self.generator, nets[f"g_{end}"], input_of(batch), None, train=False)
        back, _ = apply(self.generator, nets[f"g_{start}"], image, None, train=False)
        return {"image": image, "cycle": back}


class Generator(nn.Module):
    @nn.compact
    def __call__(self, images, condition, *, train):
        x = nn.relu(nn.Conv(6, (3, 3), (2, 2))(images)).repeat(2, 1).repeat(2, 2)
        return jnp.tanh(nn.Conv(3, (3, 3))(jnp.concatenate([x, images], -1)))


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, images, condition, *, train):
        return nn.Conv(1, (3, 3))(nn.leaky_relu(nn.Conv(6, (3, 3), (2, 2))(images), 0.2))[..., 0]


def default_config():
    config = base_config("games.unpaired", ("g", "d"), method={"cycle": 10.0, "identity": 5.0}, pool={"size": 2})
    config.data.update(name="domains:", test_split="testA", image_size=(8, 8), batch_size=8, augment=("flip",))
    config.training.update(steps=6, save_every=1, log_every=1)
    config.evaluation.update(every_steps=0, batch_norm="running", batch_size=8, grid_classes=2)
    return config


def get_config(arg=""):
    return default_config()


def build(config):
    method = CycleGAN(
        generator=Generator(),
        discriminator=Discriminator(),
        optimizers={player: player_optimizer(config, player) for player in ("g", "d")},
        loss=adversarial_loss("least_squares"),
        pool=image_pool(**config.pool),
        **config.method,
    )
    data = config.data
    size = dict(image_size=tuple(data.image_size), channels=data.channels)

    def evaluators(mesh):
        def cycles(nets, step):
            """The L1 distance between held-out images and what comes back of them, in [0, 255]."""
            found = {}
            for domain, direction in (("A", "AtoB"), ("B", "BtoA")):
                inputs = source_inputs(open_split(config, f"test{domain}"), method.conditions)
                drawn = sample_images(
                    method,
                    nets,
                    inputs,
                    rng=jax.random.key(0),
                    mesh=mesh,
                    key="cycle",
                    options={"direction": direction},
                )
                real = inputs.rows(np.arange(inputs.length))["image"]
                found[f"eval/cycle_{domain}"] = float(np.abs(drawn.astype(float) - real).mean())
            return found

        shown = image_evaluators(method, config, lambda split: open_split(config, split), mesh=mesh, ema=False)
        return [*shown, Evaluator("cycles", cycles, 0, ("cycle_A", "cycle_B"))]

    picture = Field((*size["image_size"], data.channels), np.uint8, "image")
    stage = data_stage(
        config,
        method,
        fields={"image_A": picture, "image_B": picture},
        open_dataset=lambda: open_domains(data.name, split=data.split, **size),
        evaluators=evaluators,
    )
    return Experiment(stages=(stage,), rules=partition_rules(config))
