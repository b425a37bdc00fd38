"""VQGAN's transformer: Taming Transformers for High-Resolution Image Synthesis (Esser et al. 2021, arXiv:2012.09841),
section 3.2, over the codes of a run of ``vqgan``, or of ``vqvae`` with one level. Code CompVis/taming-transformers.

The checklist:

 1. A second run: ``first.run`` is the folder of the first, whose networks are frozen here. Codes are extracted once, of
    pictures as they are; the code encodes random crops anew in every step.
 2. GPT-2's layers: 24 of 16 heads and 1,024 features over 512 places, 304,932,864 parameters with 1,024 codes (faces);
    48 of 24 heads and 1,536 for ImageNet.
 3. Before the codes come: nothing but a token that says so (``prefix.kind='begin'``), the class ('class'), or a label
    map's ids, one in the middle of each code's patch ('map'). The code takes the codes of a second VQGAN of label maps
    instead; and classes and beginnings share the codes' table, where here they have rows of their own.
 4. The loss is of the image's codes alone.
 5. AdamW (0.9, 0.95), 0.01 on the kernels of dense layers; 4.5e-6 times the images of a step, 16 here.
 6. ``keep``: the share of tokens that are read as they are; 1, as the code's published configs.
 7. Sampling: temperature 1, all tokens; the published samples have top-k of 100 to 600 and top-p of 0.8 to 1 (options
    ``top_k``, ``top_p``). Keys and values of earlier tokens are kept.
 8. A larger map, a larger picture whose rows are kept, or the options ``tall`` and ``wide`` give a larger image: each
    code is drawn in a window of the training grid's size (the code's ``sample_conditional.py``), by a whole pass.
 9. 'perplexity' is of the image's codes given what comes before them, exact.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from jax import Array
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.data import Field, Source
from jaxgan.experiment.common import base_config, data_stage, is_averaged, partition_rules, player_optimizer
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.first_run import SECTION, UNTRAINED, Prefix, code_source, one_grid, open_first_run, with_pictures
from jaxgan.experiment.open_split import open_split
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.experiment.segmentation import segmentation_evaluator
from jaxgan.experiment.translation import use_fields
from jaxgan.methods.coder import Coder
from jaxgan.methods.token_transformer import PREFIXES, TokenTransformer, begin_prefix, class_prefix, map_prefix
from jaxgan.networks.transformer import Transformer, choose_token
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Experiment

RATE_AN_IMAGE = 4.5e-6
# Of the kernels of dense layers.
DECAYED = ".*(query_key_value|project|wide|narrow|to_logits)/kernel"


def default_config() -> ConfigDict:
    """Every key, with the code's settings for faces: what a config file starts from."""
    config = base_config(
        "vqgan_transformer",
        ("p",),
        first=dict(SECTION),
        prefix={"kind": "begin", "classes": 0, "field": "label_map"},
        network=defaults(Transformer, exclude=("masks",)),
        keep=1.0,
        segmentation={"steps": 0, "batch_size": 8, "ch": 16, "learning_rate": 2e-3, "ignore": None},
    )
    use_fields(config)
    config.data.update(name="folder:", test_split="test", test_share=0.1, image_size=(256, 256), batch_size=16)
    config.optimizer.p.update(
        kind="adamw", learning_rate=RATE_AN_IMAGE * config.data.batch_size, b1=0.9, b2=0.95, weight_decay=0.01,
        decay_params=DECAYED,
    )  # fmt: skip
    config.ema.update(decay=0.0)
    config.evaluation.update(
        every_steps=0, batch_norm="running", metrics="fd,perplexity", num_images=10_000, batch_size=50
    )
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: codes of an untrained autoencoder of digits of 16x16 pixels, two layers of 8 features."""
    config = smoke_data(config, (16, 16))
    config.first.run = f"{UNTRAINED}vqgan:smoke"
    config.network.update(dict(layers=2, heads=2, dim=8))
    config.evaluation.metrics = "perplexity"
    config.segmentation.update(dict(steps=min(2, config.segmentation.steps), batch_size=2, ch=8, ignore=None))
    if config.prefix.kind == "class":
        config.prefix.classes = 10
    if config.prefix.kind == "map":
        config.prefix.update(dict(classes=4, field="levels"))
        use_fields(config)
        config.data.test_augment = ({"op": "levels", "classes": 4},)
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, or a first run that is not there.
    """
    first = open_first_run(
        config, build=recipes.build, default_config=recipes.default_config_of, recipes=("vqgan", "vqvae", "dvae")
    )
    coder, codes = cast(Coder, first.method), first.config.autoencoder.codes
    hint = (
        "a transformer draws one: give a run of vqgan, or of vqvae with autoencoder.levels=1; vqvae_prior draws several"
    )
    grid = one_grid(first, config, hint=hint)
    prefix, places, conditions = prefix_of(config, grid, codes)
    vocabulary = codes + max(config.prefix.classes, 1)
    made: Any = construct(Transformer, "network", config.network, vocabulary=vocabulary, prefix=places, grid=grid)
    method = TokenTransformer(
        network=made,
        coder=coder,
        optimizers={"p": player_optimizer(config, "p")},
        grid=grid,
        codes=codes,
        prefix=prefix,
        choose=choose_token,
        conditions=conditions,
        keep=config.keep,
        origins={"first": first.fingerprint},
        num_classes=config.prefix.classes if config.prefix.kind == "class" else 0,
    )
    kept = None
    if config.prefix.kind == "map":
        kept = Prefix(
            lambda batch: list(np.asarray(prefix(batch))[:, None]), vocabulary, f"map {config.prefix.field} {grid}"
        )
    opened = functools.cache(functools.partial(code_source, first, config, codes=codes, prefix=kept))

    def examples(split: str, data_dir: str | None = None) -> Source:
        return with_pictures(opened(split), open_split(config, split, data_dir=data_dir), fields=conditions)

    def check_data() -> Source:
        # Of the pictures: their codes take as long to extract as the first run to score.
        return open_split(config, config.data.split)

    def evaluators(mesh: Mesh) -> Sequence[Evaluator]:
        ema = is_averaged(config, method)
        found = [*image_evaluators(method, config, examples, mesh=mesh, ema=ema)]
        if config.segmentation.steps:
            given = {"source": config.prefix.field, "target": "image", "classes": config.prefix.classes}
            found.append(segmentation_evaluator(method, config, examples, given, mesh=mesh, ema=ema))
        return found

    fields = {"tokens": Field((grid[0] * grid[1],), np.int32, "value", codes)}
    if kept:
        fields["prefix"] = Field((places,), np.int32, "value", vocabulary)
    if "label" in conditions:
        fields["label"] = Field((), np.int32, "value")
    stage = data_stage(
        config, method, fields=fields, open_dataset=lambda: opened(config.data.split), evaluators=evaluators
    )
    return Experiment(
        stages=(stage._replace(examples=examples, check_data=check_data),),
        rules=partition_rules(config),
        frozen=lambda: first.open().nets,
    )


def prefix_of(
    config: ConfigDict, grid: tuple[int, int], codes: int
) -> tuple[Callable[[dict[str, Any]], Array], int, tuple[str, ...]]:
    """``(prefix of a batch, its places, the conditions that it is made of)``.

    Raises:
      UserError: on another kind, or one whose classes are not said.
    """
    given = config.prefix
    if given.kind not in PREFIXES:
        raise UserError(f"config.prefix.kind={given.kind!r}; choose from {', '.join(PREFIXES)}")
    if given.kind != "begin" and not given.classes:
        raise UserError(f"config.prefix.kind={given.kind!r} needs config.prefix.classes, the number of them")
    if given.kind == "begin":
        return functools.partial(begin_prefix, codes=codes), 1, ()
    if given.kind == "class":
        return functools.partial(class_prefix, codes=codes), 1, ("label",)
    made = functools.partial(map_prefix, field=given.field, grid=grid, codes=codes)
    return made, grid[0] * grid[1], (given.field,)
