"""IMLE: Implicit Maximum Likelihood Estimation (Li and Malik 2018, arXiv:1809.09087), and with classes Conditional IMLE
(Li et al. 2018, arXiv:1811.12373). Code: the authors', as forks hold it.

The checklist:

 1. Every ``imle.every_steps`` samples are drawn anew, ``imle.samples_per_example`` times as many as there are examples,
    in train mode; each example is assigned the nearest sample, not each sample the nearest example (algorithm 1). The
    code draws 10 times as many every 5 epochs.
 2. The nearest by the squared distance of pixels, exactly, by a matrix product a block; the code searches by
    Prioritised DCI, which is approximate.
 3. 0.01 times normal noise is added to an assigned latent, once.
 4. Between two assignments G is moved by the mean squared distance of each example from its sample.
 5. Networks of the code on MNIST: 64 numbers, dense 1,024, dense 7x7x128, two transposed convolutions, batch norms:
    ``networks`` infogan. Its images end in a sigmoid, here in a tanh.
 6. Adam 1e-3 (0.5, 0.999), decay 1e-5 added to the gradient in the code, decoupled here (AdamW); the code makes a new
    optimiser at each of its decays of the rate, here there is none.
 7. With classes (``generator.num_classes``) a sample is drawn for a class and assigned within it.
 8. What is assigned to each example is in every checkpoint.
 9. What the paper claims, that every example has a near sample, is 'assigned' in the log, and recall.
"""

import functools
from typing import Any

import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import INDEX, Field, Source, load
from jaxgan.experiment.common import base_config, data_stage, is_averaged, partition_rules, player_optimizer
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.open_split import held_out, open_split
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.methods.imle import DATA, IMLE, NEAREST, padded_rows
from jaxgan.methods.latents import Latents
from jaxgan.networks import dcgan, infogan
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment

GENERATORS: dict[str, Any] = {"infogan": infogan.Generator, "dcgan": dcgan.Generator}


def default_config(networks: str = "infogan") -> ConfigDict:
    """Every key, with the code's settings for MNIST: what a config file starts from."""
    if networks not in GENERATORS:
        raise UserError(f"config.networks={networks!r}: imle has generators of {', '.join(GENERATORS)}")
    config = base_config(
        "imle",
        ("g",),
        networks=networks,
        generator=defaults(GENERATORS[networks]),
        imle={"examples": 60_000, "samples_per_example": 10.0, "block": 1_000, "every_steps": 4_690, "noise": 0.01},
    )
    config.generator.z_dim = 64
    config.optimizer.g.update(kind="adamw", learning_rate=1e-3, b1=0.5, b2=0.999, weight_decay=1e-5)
    config.data.update(name="tfds:mnist", test_split="test", image_size=(28, 28), channels=1, batch_size=64)
    config.ema.update(decay=0.0)
    config.evaluation.update(every_steps=0, metrics="fd,precision,recall", num_images=10_000)
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: scikit-learn's digits of 8x8 pixels, as many samples as examples, a dense layer of 24."""
    config = smoke_data(config, (8, 8))
    config.data.batch_size = 32
    config.generator.update(dict(base=(2, 2), image_channels=1))
    config.generator.update(
        dict(hidden=24, widths=(8, 4)) if config.networks == "infogan" else dict(ch=4, widths=(2, 1))
    )
    if config.generator.num_classes:
        config.generator.num_classes = 10
    config.imle.update(dict(examples=1_438, samples_per_example=1.0, block=500, every_steps=1))
    # Of networks that nobody trained few samples are the nearest to all: without noise a batch's latents are equal, and
    # norms blow up their rounding.
    config.imle.noise = 0.5
    config.evaluation.update(dict(batch_norm="standing", metrics=""))
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit; when the data is opened, where it has other examples than
        ``imle.examples``.
    """
    given, classes = config.imle, config.generator.num_classes
    method = IMLE(
        generator=construct(GENERATORS[config.networks], "generator", config.generator),
        optimizers={"g": player_optimizer(config, "g")},
        latents=Latents(z_dim=config.generator.z_dim, num_classes=classes),
        examples=given.examples,
        samples=max(1, round(given.examples * given.samples_per_example)),
        block=given.block,
        every=given.every_steps,
        noise=given.noise,
    )

    @functools.cache
    def source(split: str) -> Source:
        return open_split(config, split, training=True)

    @functools.cache
    def frozen() -> dict[str, Any]:
        opened = load(source(config.data.split))
        if opened.length != given.examples:
            raise UserError(
                f"imle.examples={given.examples:,}, and {opened.name} has {opened.length:,}: set "
                f"--config.imle.examples={opened.length}"
            )
        found = opened.fetch(np.arange(opened.length))
        rows = padded_rows(opened.length)
        image = np.zeros((rows, *found["image"].shape[1:]), np.uint8)
        label = np.full((rows,), -1, np.int32)
        image[: opened.length], label[: opened.length] = found["image"], found.get("label", 0)
        return {DATA: {NEAREST: {"image": image, "label": label}}}

    def evaluators(mesh: Mesh) -> Any:
        scored = functools.cache(lambda split: held_out(config, source(split)))
        return image_evaluators(method, config, scored, mesh=mesh, ema=is_averaged(config, method))

    fields = {
        "image": Field((*config.data.image_size, config.data.channels), np.uint8, "image"),
        INDEX: Field((), np.int32, "value"),
    }
    if classes:
        fields["label"] = Field((), np.int32, "value")
    stage = data_stage(
        config, method, fields=fields, open_dataset=lambda: source(config.data.split), evaluators=evaluators
    )
    return Experiment(stages=(stage,), rules=partition_rules(config), frozen=frozen)
