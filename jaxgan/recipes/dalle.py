"""DALL-E: Zero-Shot Text-to-Image Generation (Ramesh et al. 2021, arXiv:2102.12092), its second stage: one transformer
over a caption's tokens and an image's codes. Of the official code the first stage alone is public.

The checklist:

 1. A second run: ``first.run`` is the folder of a run of ``dvae`` (or ``vqgan``, or ``vqvae`` of one level), whose
    networks are frozen here. Codes are the likeliest ones, and extracted once, of pictures as they are; the paper crops
    anew in every step.
 2. Captions are lower-cased and byte-pair encoded; each place without a token has a padding token of its own, which is
    predicted too. The encoding is trained on the training split's captions (the paper's has 16,384 tokens of its own
    data, 256 places). BPE dropout of 10 % is left out: captions are encoded once.
 3. An example is a caption and its picture; a picture with several captions is several examples.
 4. 64 layers of 62 heads of 64 in the paper. Row attention, column attention in every fourth layer from the second on,
    a window of 11x11 in the last (appendix B.1, ``masks_of``): what a row's layer sees are the last w codes.
 5. The loss is 1/8 of the text's mean nats and 7/8 of the image's.
 6. AdamW (0.9, 0.96), decay 4.5e-2 and clipping at 4 (appendix B.2), a rate of 4.5e-4 that warms up for 5,000 steps;
    the paper halves it where training stalls. Averages of decay 0.99975 are the paper's too.
 7. Samples are drawn code by code, then decoded. ``kept_rows`` keeps the codes of the upper rows of a picture that is
    given. The paper ranks 512 candidates by CLIP; with ``rerank.run``, the folder of a run of ``clip`` on the same
    captions, the option ``candidates`` gives the best of up to 64.
 8. 'perplexity' is of the image's codes given the caption, exact.
"""

import functools
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from jax import Array
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.data import Field, Source
from jaxgan.experiment.captions import SECTION as TEXT
from jaxgan.experiment.captions import open_captions
from jaxgan.experiment.common import base_config, data_stage, is_averaged, partition_rules, player_optimizer
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.first_run import (
    SECTION,
    UNTRAINED,
    Prefix,
    code_source,
    codes_folder,
    one_grid,
    open_first_run,
    with_pictures,
)
from jaxgan.experiment.open_split import open_split
from jaxgan.experiment.presets import DIGIT_CAPTIONS, smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.experiment.translation import use_fields
from jaxgan.methods.coder import Coder
from jaxgan.methods.contrastive import DUAL, Contrastive
from jaxgan.methods.token_transformer import TokenTransformer
from jaxgan.networks.transformer import Transformer, choose_token
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Experiment
from jaxgan.training.state import Variables

PREFIX = "prefix"


def default_config() -> ConfigDict:
    """Every key, with the paper's settings, at a size that one machine holds: what a config file starts from."""
    config = base_config(
        "dalle",
        ("p",),
        first=dict(SECTION),
        text=dict(TEXT),
        text_weight=1 / 8,
        rerank={key: value for key, value in SECTION.items() if key != "codes"},
        network=defaults(Transformer, exclude=("masks",)),
    )
    use_fields(config, image="image", captions={"key": "captions", "length": (4, 192), "truncate": True})
    config.network.update(layers=12, heads=16, dim=1024, dropout=0.1)
    config.data.update(name="tfds:", test_split="test", image_size=(256, 256), batch_size=64)
    config.optimizer.p.update(
        kind="adamw", learning_rate=4.5e-4, b1=0.9, b2=0.96, weight_decay=4.5e-2, clip_norm=4.0, warmup_steps=5_000
    )
    config.ema.update(decay=0.999)
    config.evaluation.update(
        every_steps=0, batch_norm="running", metrics="perplexity", num_images=1_000, batch_size=50, grid_classes=8
    )
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 16x16 pixels, of which each caption says which, codes of an untrained dVAE, two layers
    of 8 features.
    """
    config = use_fields(smoke_data(config, (16, 16)))
    config.data.test_augment = (DIGIT_CAPTIONS,)
    config.first.run = f"{UNTRAINED}dvae:smoke"
    config.text.update(dict(vocabulary=300, length=4))
    config.network.update(dict(layers=2, heads=2, dim=8, dropout=0.0))
    config.optimizer.p.warmup_steps = 0
    config.evaluation.metrics = "perplexity"
    return config


def masks_of(layers: int) -> tuple[str, ...]:
    """The mask of each layer: 'column' of the second, the sixth and so on, 'convolution' of the last, or 'row'."""
    kinds = ["column" if number % 4 == 2 else "row" for number in range(1, layers + 1)]
    return (*kinds[:-1], "convolution")


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, or a first run that is not there.
    """
    first = open_first_run(
        config, build=recipes.build, default_config=recipes.default_config_of, recipes=("dvae", "vqgan", "vqvae")
    )
    coder, codes = cast(Coder, first.method), first.config.autoencoder.codes
    grid = one_grid(first, config, hint="DALL-E draws one")
    judge = None
    if config.rerank.run:
        judge = open_first_run(
            config,
            build=recipes.build,
            default_config=recipes.default_config_of,
            recipes=("clip",),
            nets=(DUAL,),
            section="rerank",
        )
        ours, theirs = ({**dict(c.text), "split": c.data.split} for c in (config, judge.config))
        if ours != theirs:
            raise UserError(
                f"config.rerank.run={config.rerank.run!r} was trained on captions of {theirs}, and this config has "
                f"{ours}: they must be the same"
            )
    captions = open_captions(config, lambda: codes_folder(first, config))
    length = captions.length
    # Codes, the text's tokens, and what a sequence begins with.
    vocabulary = codes + captions.tokens + 1
    network: Any = construct(
        Transformer,
        "network",
        config.network,
        vocabulary=vocabulary,
        prefix=1 + length,
        grid=grid,
        masks=masks_of(config.network.layers),
    )
    method = TokenTransformer(
        network=network,
        coder=coder,
        optimizers={"p": player_optimizer(config, "p")},
        grid=grid,
        codes=codes,
        prefix=lambda batch: batch[PREFIX],
        choose=choose_token,
        conditions=(PREFIX,),
        prefix_weight=config.text_weight,
        image_weight=1 - config.text_weight,
        ranker=None if judge is None else functools.partial(ranked, cast(Contrastive, judge.method), codes),
        origins={"first": first.fingerprint} | ({} if judge is None else {"rerank": judge.fingerprint}),
    )

    def begun(tokens: np.ndarray) -> np.ndarray:
        return np.pad(codes + tokens, ((0, 0), (1, 0)), constant_values=vocabulary - 1)

    @functools.cache
    def opened(split: str, every: bool) -> Source:
        kept = Prefix(
            lambda batch: [begun(each) for each in captions.of_batch(batch)],
            vocabulary,
            f"captions {captions.vocabulary} {length}",
            every,
        )
        return code_source(first, config, split, codes=codes, prefix=kept)

    def examples(split: str, data_dir: str | None = None) -> Source:
        return with_pictures(opened(split, False), open_split(config, split, data_dir=data_dir))

    def check_data() -> Source:
        # Of the pictures: their codes take as long to extract as the first run to score.
        return open_split(config, config.data.split)

    def evaluators(mesh: Mesh) -> Sequence[Evaluator]:
        return image_evaluators(method, config, examples, mesh=mesh, ema=is_averaged(config, method))

    fields = {
        "tokens": Field((grid[0] * grid[1],), np.int32, "value", codes),
        PREFIX: Field((1 + length,), np.int32, "value", vocabulary),
    }
    stage = data_stage(
        config, method, fields=fields, open_dataset=lambda: opened(config.data.split, True), evaluators=evaluators
    )
    stage = stage._replace(
        examples=examples, texts=lambda texts: {PREFIX: begun(captions.encode(texts))}, check_data=check_data
    )
    return Experiment(
        stages=(stage,),
        rules=partition_rules(config),
        frozen=lambda: first.open().nets | ({} if judge is None else judge.open().nets),
    )


def ranked(method: Contrastive, codes: int, nets: dict[str, Variables], images: Array, prefix: Array) -> Array:
    """How well images [B, H, W, C] fit the captions of their sequences' prefixes int [B, 1 + length]: [B]."""
    return method.similarity(nets, images, prefix[:, 1:] - codes)
