"""MobileStyleGAN: A Lightweight Convolutional Neural Network for High-Fidelity Image Synthesis (Belousov 2021,
arXiv:2104.04743); code bes-dev/MobileStyleGAN.pytorch.

The checklist:

 1. A second run: ``first.run`` is the folder of a run of stylegan2, whose generator is frozen here, average and mapping
    network included; ``first.fingerprint`` pins it. "Real" images are its own: a data set is read for scores alone.
 2. The student: see :mod:`jaxgan.networks.mobile_stylegan`; 8,852,079 parameters for config F at 1,024 pixels (the
    paper: 8.01 million). Channels are the teacher's at each side but the last.
 3. Constant demodulation: styles drawn once, N(0, 1), are saved with the weights, as the code's buffers.
 4. L1 and L2 of the bands and of the image of each side, summed, against the teacher's image, resized bilinearly with
    its corners kept, and its Haar bands.
 5. The perceptual loss is L1 of four layers of VGG16 (``perceptual.network='vgg16_43'``) at 256 pixels, images not
    brought to ImageNet's mean and deviation. 'efficientnet_lite0' needs no download, and takes sides of 32 on.
 6. Non-saturating loss, 0.5 in G's (the code since July 2021). D sees images under DiffAugment's translation and cutout
    (``augment.policy``); the code has flips, affine moves and erased rectangles. On every 16th step D's loss is 16
    times R1 with gamma 10 in place of the adversarial one, of images as they are.
 7. Adam 5e-4 (0.9, 0.999), batches of 2, a million steps; no average of the student.
 8. Noise is drawn anew in either update, for teacher and student the same. Styles of two latents are off in the code,
    and not offered.
 9. G moves first, then D, of the same latents.
10. Samples: ``psi``, ``cutoff`` (of the student's layers), ``noise``, whose 'const' is the teacher's.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.experiment.common import average_of, base_config, is_averaged, partition_rules, player_optimizer
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.first_run import SECTION, UNTRAINED, open_first_run
from jaxgan.experiment.open_split import open_split
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import call, construct, defaults
from jaxgan.experiment.styled import OPTIONS
from jaxgan.interop.perceptual_layers import open_perceptual_layers
from jaxgan.methods.distillation import TEACHER, Distillation
from jaxgan.methods.terms.diffaugment import diffaugment
from jaxgan.methods.terms.perceptual import PERCEPTUAL
from jaxgan.networks import stylegan2
from jaxgan.networks.mobile_stylegan import Synthesis
from jaxgan.objectives import adversarial_loss
from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Experiment, Stage

_OF_THE_TEACHER = ("num_classes", "resolution", "base")


def default_config() -> ConfigDict:
    """Every key, with the code's settings for FFHQ: what a config file starts from."""
    config = base_config(
        "mobile_stylegan",
        ("g", "d"),
        first={key: value for key, value in SECTION.items() if key != "codes"},
        student=defaults(Synthesis, exclude=("widths", "base", "image_channels")),
        discriminator=defaults(stylegan2.Discriminator, exclude=_OF_THE_TEACHER),
        method={"loss": "non_saturating", "adversarial_weight": 0.5, "r1": 10.0, "r1_every": 16},
        errors={"absolute": 1.0, "squared": 1.0},
        perceptual={"weight": 1.0, "network": "vgg16_43", "side": 256, "weights": None},
        augment={"policy": "translation,cutout"},
    )
    for player in ("g", "d"):
        config.optimizer[player].update(learning_rate=5e-4, b1=0.9, b2=0.999)
    config.ema.update(decay=0.0)
    config.data.update(name="folder:", test_split="test", image_size=(1024, 1024), batch_size=2)
    config.discriminator.stddev_rows = None
    config.training.steps = 1_000_000
    config.evaluation.update(every_steps=0, batch_norm="running", metrics="fd", num_images=50_000, batch_size=16)
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: the student of an untrained generator of 8x8 pixels."""
    config = smoke_data(config, (8, 8))
    config.data.channels = 3
    config.first.run = f"{UNTRAINED}stylegan2:smoke"
    config.discriminator.update(dict(channel_base=128, channel_max=16, stddev_rows=4, low_sides=0))
    config.perceptual.weight = 0.0
    config.method.r1_every = 2
    config.evaluation.metrics = ""
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, a first run that is not there, or weights that are not there.
    """
    first = open_first_run(
        config,
        build=recipes.build,
        default_config=recipes.default_config_of,
        recipes=("stylegan2",),
        nets=("g",),
    )
    teacher: Any = first.method.generator  # type: ignore[attr-defined]
    widths = stylegan2.widths_of(teacher.sides, channel_base=teacher.channel_base, channel_max=teacher.channel_max)
    if any(width % 4 for width in widths[:-1]) or len(widths) < 2:
        raise UserError(
            f"config.first.run={config.first.run!r} has {widths} channels at its sides: a student takes two sides or "
            "more, and multiples of 4 channels at each but the last"
        )
    student: Any = construct(
        Synthesis,
        "student",
        config.student,
        widths=tuple(widths[:-1]),
        base=teacher.base,
        image_channels=teacher.image_channels,
    )
    discriminator = construct(
        stylegan2.Discriminator,
        "discriminator",
        config.discriminator,
        **{name: getattr(teacher, name) for name in _OF_THE_TEACHER},
    )
    seen = None
    if config.perceptual.weight:
        given = config.perceptual
        seen = open_perceptual_layers(given.network, normalized=False, weights=given.weights)
    settings = dict(config.method)
    method = Distillation(
        teacher=teacher,
        student=student,
        discriminator=discriminator,
        optimizers={player: player_optimizer(config, player) for player in ("g", "d")},
        loss=adversarial_loss(settings.pop("loss")),
        augmentation=call(diffaugment, "augment", config.augment),
        **settings,
        **config.errors,
        perceptual_weight=config.perceptual.weight,
        perceptual_side=config.perceptual.side,
        layers=None if seen is None else seen.apply,
        options=OPTIONS,
        origins={"first": first.fingerprint},
    )

    def evaluators(mesh: Mesh) -> Sequence[Evaluator]:
        ema = is_averaged(config, method)
        return image_evaluators(method, config, lambda split: open_split(config, split), mesh=mesh, ema=ema)

    def frozen() -> dict[str, Any]:
        found = {TEACHER: first.open().nets["g"]}
        return found if seen is None else found | {PERCEPTUAL: seen.variables}

    rows = config.data.batch_size
    stage = Stage(
        name="mobile_stylegan",
        method=method,
        data=lambda start_step: _rows(rows),
        batch={"row": jax.ShapeDtypeStruct((rows,), np.int32)},
        images_per_step=rows,
        steps=config.training.steps,
        ema=average_of(config, method, rows),
        evaluators=evaluators,
    )
    return Experiment(stages=(stage,), rules=partition_rules(config), frozen=frozen)


def _rows(count: int) -> Iterator[dict[str, np.ndarray]]:
    """Batches of nothing but their rows' numbers, this process's part of them."""
    own = np.arange(count, dtype=np.int32).reshape(jax.process_count(), -1)[jax.process_index()]
    while True:
        yield {"row": own}
