"""A tiny pix2pix: pairs of images, patches of two scales, L1, dropout as noise, a pool, DiffAugment of both images."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxgan.data import Field
from jaxgan.experiment.common import base_config, data_stage, partition_rules, player_optimizer
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.open_split import open_split
from jaxgan.methods.gan import GAN
from jaxgan.methods.latents import Latents
from jaxgan.methods.regularizer import Regularizer, TermOutput
from jaxgan.methods.terms.diffaugment import diffaugment
from jaxgan.methods.terms.image_pool import image_pool
from jaxgan.networks.multi_scale import MultiScaleDiscriminator
from jaxgan.nn import BatchNorm, from_uint8, sow_features
from jaxgan.objectives import adversarial_loss
from jaxgan.training.method import Experiment


class Generator(nn.Module):
    """The picture that belongs to a picture [B, H, W, 3]; dropout, in sampling too, is its only noise."""

    @nn.compact
    def __call__(self, z, condition, *, train):
        x = nn.Conv(6, (3, 3), (2, 2))(condition)
        x = nn.Dropout(0.5, deterministic=False)(nn.relu(BatchNorm()(x, train=train)))
        x = x.repeat(2, 1).repeat(2, 2)
        return jnp.tanh(nn.Conv(3, (3, 3))(jnp.concatenate([x, condition], -1)))


class Discriminator(nn.Module):
    """Logits of patches [B, H/2, W/2] of a picture next to the one that it belongs to."""

    @nn.compact
    def __call__(self, images, condition, *, train):
        x = nn.leaky_relu(nn.Conv(6, (3, 3), (2, 2))(jnp.concatenate([images, condition], -1)), 0.2)
        sow_features(self, x)
        return nn.Conv(1, (3, 3))(x)[..., 0]


def l1(weight: float) -> Regularizer:
    def term(context: Any) -> TermOutput:
        distance = jnp.abs(context.fakes - context.images).mean()
        return TermOutput(weight * distance, {"l1": distance})

    return Regularizer("l1", g_term=term)


def source_image(batch: Any) -> Any:
    return from_uint8(batch["image_A"])


def default_config():
    config = base_config("games.paired", ("g", "d"), l1={"weight": 10.0}, pool={"size": 2})
    config.data.update(
        name="pairs:", test_split="test", image_size=(8, 8), batch_size=8,
        augment=({"op": "jitter", "resize": (10, 10), "size": (8, 8)}, "flip"),
    )  # fmt: skip
    config.training.update(steps=6, save_every=1, log_every=1)
    config.evaluation.update(
        every_steps=0, standing_passes=2, batch_size=8, grid_classes=3, metrics="psnr", num_images=8
    )
    config.ema.update(decay=0.5)
    return config


def get_config(arg=""):
    return default_config()


def build(config):
    method = GAN(
        generator=Generator(),
        discriminator=MultiScaleDiscriminator(Discriminator(), scales=2),
        optimizers={player: player_optimizer(config, player) for player in ("g", "d")},
        loss=adversarial_loss("least_squares"),
        latents=Latents(z_dim=0, from_data=True, fields=("image_A",), condition=source_image),
        target="image_B",
        regularizers=(l1(config.l1.weight), image_pool(**config.pool), diffaugment(policy="translation,cutout")),
        draws_in_sample=True,
    )
    picture = Field((*config.data.image_size, config.data.channels), np.uint8, "image")
    stage = data_stage(
        config,
        method,
        fields={"image_A": picture, "image_B": picture},
        open_dataset=lambda: open_split(config, config.data.split, training=True),
        evaluators=lambda mesh: image_evaluators(
            method, config, lambda split: open_split(config, split), mesh=mesh, ema=True
        ),
    )
    return Experiment(stages=(stage,), rules=partition_rules(config))
