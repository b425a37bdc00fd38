"""VQ-VAE-2's priors: Generating Diverse High-Fidelity Images with VQ-VAE-2 (Razavi et al. 2019, arXiv:1906.00446),
section 3.2, over the codes of a run of ``vqvae``. Code rosinality/vq-vae-2-pytorch, a port.

The checklist:

 1. A second run: ``first.run`` is the folder of the first, whose networks are frozen here. Its codes are extracted
    once, of pictures as they are, without flips; ``first.fingerprint`` pins it.
 2. A prior a level, each given the class and all levels above: all are trained in one step, on the same pictures. The
    paper trains them one by one, on batches of 1024 (top) and 512 (bottom).
 3. Top: gated convolutions with attention over all earlier codes; below: gated convolutions alone, told of the codes
    above by residual blocks (section 3.2: attention is for the top, the bottom's grid is too large for it).
 4. 20 layers, windows of 5x5, 4 attention layers of 8 heads, 20 residual blocks for what is above, as the paper's
    appendix; its hidden and residual units (512; 2048 and 1024) differ, here a layer has ``ch`` in and 2 ``ch`` gated.
 5. Codes come in as learnt vectors; the port has one-hots.
 6. Dropout of 0.1 before each layer's last product.
 7. Adam 3e-4 (the port), batches of 256; averages of decay 0.9999.
 8. 'perplexity' is of all levels' codes together, exact; bits of pixels are not defined.
 9. Samples are drawn code by code, top level first, then decoded. No classifier rejects any (section 3.3 of the paper).
"""

import functools
from collections.abc import Sequence
from typing import cast

import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.data import Field, Source
from jaxgan.experiment.common import base_config, data_stage, is_averaged, partition_rules, player_optimizer
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.first_run import SECTION, UNTRAINED, code_source, open_first_run, with_pictures
from jaxgan.experiment.open_split import open_split
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.methods.code_priors import CodePriors, Coder
from jaxgan.networks.code_prior import CodePrior, CodesAbove
from jaxgan.networks.pixelcnn import PixelCNN
from jaxgan.training.method import Evaluator, Experiment

_PIXELS = ("levels", "channels", "num_classes", "context")


def default_config() -> ConfigDict:
    """Every key, with the paper's sizes: what a config file starts from."""
    config = base_config(
        "vqvae_prior",
        ("p",),
        first=dict(SECTION),
        num_classes=0,
        top=defaults(PixelCNN, exclude=_PIXELS),
        below=defaults(PixelCNN, exclude=_PIXELS),
        above=defaults(CodesAbove, exclude=("codes",)),
    )
    for section in (config.top, config.below):
        section.update(ch=512, layers=20, kernel=5, first_kernel=5, hidden=512, embed=128, heads=8, dropout=0.1)
    config.top.attention_every = 5
    config.optimizer.p.update(learning_rate=3e-4, b1=0.9)
    config.data.update(name="folder:", test_split="test", test_share=0.1, image_size=(256, 256), batch_size=256)
    config.evaluation.update(
        every_steps=0, batch_norm="running", metrics="fd,perplexity", num_images=10_000, batch_size=100
    )
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: codes of an untrained autoencoder of digits of 16x16 pixels, one layer of 8 channels."""
    config = smoke_data(config, (16, 16))
    config.first.run = f"{UNTRAINED}vqvae:smoke"
    for section in (config.top, config.below):
        section.update(dict(ch=8, layers=1, kernel=3, first_kernel=3, hidden=8, embed=4, heads=2))
    config.top.attention_every = 1
    config.above.update(dict(ch=8, blocks=1, hidden=4))
    if config.num_classes:
        config.num_classes = 10
    config.evaluation.metrics = "perplexity"
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, or a first run that is not there.
    """
    first = open_first_run(config, build=recipes.build, default_config=recipes.default_config_of, recipes=("vqvae",))
    coder = cast(Coder, first.method)
    book, (height, width) = first.config.autoencoder, config.data.image_size
    levels, vocabulary, classes = book.levels, book.codes, config.num_classes
    grids = tuple((height // n, width // n) for n in coder.reductions)

    def prior(level: int) -> CodePrior:
        name = "top" if level == levels - 1 else "below"
        told = construct(CodesAbove, "above", config.above, codes=vocabulary) if level < levels - 1 else None
        pixels = construct(
            PixelCNN,
            name,
            config[name],
            levels=vocabulary,
            channels=1,
            num_classes=classes,
            context=0 if told is None else told.ch,
        )
        return CodePrior(pixels, told)

    method = CodePriors(
        priors=tuple(prior(level) for level in range(levels)),
        coder=coder,
        optimizers={f"p{level}": player_optimizer(config, "p") for level in range(levels)},
        grids=grids,
        num_classes=classes,
        origins={"first": first.fingerprint},
    )
    codes = functools.cache(functools.partial(code_source, first, config, codes=vocabulary))

    def examples(split: str, data_dir: str | None = None) -> Source:
        return with_pictures(codes(split), open_split(config, split, data_dir=data_dir))

    def check_data() -> Source:
        # Of the pictures: their codes take as long to extract as the first run to score.
        return open_split(config, config.data.split)

    def evaluators(mesh: Mesh) -> Sequence[Evaluator]:
        return image_evaluators(method, config, examples, mesh=mesh, ema=is_averaged(config, method))

    tokens = sum(h * w for h, w in grids)
    fields = {"tokens": Field((tokens,), np.int32, "value", vocabulary)}
    if classes:
        fields["label"] = Field((), np.int32, "value")
    stage = data_stage(
        config,
        method,
        fields=fields,
        open_dataset=lambda: codes(config.data.split),
        evaluators=evaluators,
    )
    stage = stage._replace(examples=examples, check_data=check_data)
    return Experiment(stages=(stage,), rules=partition_rules(config), frozen=lambda: first.open().nets)
