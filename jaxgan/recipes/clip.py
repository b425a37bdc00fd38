"""CLIP at a small scale: Learning Transferable Visual Models From Natural Language Supervision (Radford et al. 2021,
arXiv:2103.00020). Code openai/CLIP, which holds the networks and no training.

The checklist:

 1. Two encoders into one space, directions of length 1, and the cross entropy of a batch's similarities in either
    direction, times a scale that is learnt, begins at 1 / 0.07 and stays below 100 (figure 3, section 2.5).
 2. The paper's image encoders are ResNets and vision transformers; here halvings by convolutions, for pictures of 64
    pixels or so.
 3. The text encoder is a transformer whose last place is the caption's; the paper takes the place of its end token.
 4. Captions are encoded as for ``dalle``, with 16,384 tokens at most and 76 places.
 5. AdamW 1e-3 (0.9, 0.98), decay 0.2, a half cosine, batches of 256; in the paper batches of 32,768.
 6. It ranks what ``dalle`` draws: ``rerank.run`` there.
 7. 'retrieval' is how often an image's own caption is the nearest of 64, on held-out pictures.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Field, Source
from jaxgan.experiment.captions import SECTION, captioned, open_captions
from jaxgan.experiment.common import base_config, data_stage, partition_rules, player_optimizer
from jaxgan.experiment.presets import DIGIT_CAPTIONS, smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.experiment.translation import use_fields
from jaxgan.methods.contrastive import DUAL, Contrastive
from jaxgan.networks.dual_encoder import DualEncoder, ImageEncoder, TextEncoder
from jaxgan.nn import from_uint8
from jaxgan.training.method import Evaluator, Experiment, Result
from jaxgan.training.update import apply

AMONG = 64


def default_config() -> ConfigDict:
    """Every key, at a scale that two cores train: what a config file starts from."""
    config = base_config(
        "clip",
        ("p",),
        text=dict(SECTION) | {"length": 76},
        image_encoder=defaults(ImageEncoder),
        text_encoder=defaults(TextEncoder),
    )
    use_fields(config, image="image", captions={"key": "captions", "length": (4, 192), "truncate": True})
    config.data.update(name="tfds:", test_split="test", image_size=(64, 64), batch_size=256)
    config.optimizer.p.update(kind="adamw", learning_rate=1e-3, b1=0.9, b2=0.98, weight_decay=0.2)
    config.ema.update(decay=0.0)
    config.evaluation.update(every_steps=0, num_images=1_000, batch_size=AMONG)
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 16x16 pixels whose captions are their names, encoders of 8 features."""
    config = use_fields(smoke_data(config, (16, 16)))
    config.data.test_augment = (DIGIT_CAPTIONS,)
    config.text.update(dict(vocabulary=300, length=4))
    config.image_encoder.update(dict(ch=4, halvings=2, dim=8))
    config.text_encoder.update(dict(layers=1, heads=2, width=8, dim=8))
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    captions = open_captions(config)
    method = Contrastive(network=dual_encoder(config), optimizers={"p": player_optimizer(config, "p")})
    shape = (*config.data.image_size, config.data.channels)
    fields = {
        "image": Field(shape, np.uint8, "image"),
        "prefix": Field((captions.length,), np.int32, "value", captions.tokens),
    }

    @functools.cache
    def source(split: str, every: bool) -> Source:
        return captioned(config, split, captions, every=every)

    def evaluators(mesh: Mesh) -> Sequence[Evaluator]:
        del mesh
        source(config.data.test_split, False)  # a split that is not there costs no training

        def run(nets: dict[str, Any], step: int) -> dict[str, Result]:
            del step
            held = source(config.data.test_split, False)
            return {"eval/retrieval": retrieval(method, nets, held, config.evaluation.num_images)}

        return [Evaluator("retrieval", run, config.evaluation.every_steps, ("retrieval",))]

    stage = data_stage(
        config,
        method,
        fields=fields,
        open_dataset=lambda: source(config.data.split, True),
        evaluators=evaluators,
    )
    return Experiment(stages=(stage,), rules=partition_rules(config))


def dual_encoder(config: ConfigDict) -> DualEncoder:
    """The networks that a config says."""
    tokens = config.text.vocabulary + config.text.length
    text = construct(TextEncoder, "text_encoder", config.text_encoder, vocabulary=tokens, length=config.text.length)
    return DualEncoder(construct(ImageEncoder, "image_encoder", config.image_encoder), text)


def retrieval(method: Contrastive, nets: dict[str, Any], source: Source, num_images: int) -> float:
    """How often an image's own caption is the nearest of :data:`AMONG`, of an even choice of so many images."""

    @jax.jit
    def right(nets: dict[str, Any], images: jax.Array, tokens: jax.Array) -> jax.Array:
        found, _ = apply(method.network, nets[DUAL], from_uint8(images), tokens, train=False)
        return ((found[0] @ found[1].T).argmax(1) == jnp.arange(images.shape[0])).mean()

    among = min(AMONG, source.length)
    groups = max(1, min(num_images, source.length) // among)
    order = np.linspace(0, source.length - 1, groups * among).astype(int)
    shares = []
    for group in range(groups):
        # Every so many, so that a group's captions differ as those of the whole set do.
        batch = source.fetch(order[group::groups])
        shares.append(float(right(nets, batch["image"], batch["prefix"])))
    return float(np.mean(shares))
