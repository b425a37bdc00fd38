"""Config presets: data, budget and scores of toys, MNIST and CIFAR-10 that two CPU cores train in minutes, and of
smoke runs that take seconds.

Data, budgets, averages and scores are the same for all recipes, so that they can be compared; losses, optimisers,
penalties and networks are each recipe's own, at widths that two cores can train.
"""

from typing import Any

from ml_collections import ConfigDict

from jaxgan.data import toy_mixture

TOY_HIDDEN = (128, 128, 128)
# Enlarge, crop at random: what pix2pix, CycleGAN and SPADE do to pictures of 256 pixels.
JITTER = {"op": "jitter", "factor": 286 / 256}

# Captions of scikit-learn's digits, which have none.
DIGIT_CAPTIONS: dict[str, Any] = {
    "op": "class_captions",
    "names": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
}

# Steps and scores of a smoke run, whatever it draws.
_SHORT: dict[str, Any] = {
    "ema": {"start_step": 1},
    "training": {"steps": 2, "save_every": 1, "log_every": 1},
    "evaluation": {
        "every_steps": 0,
        "standing_passes": 2,
        "batch_size": 16,
        "grid_columns": 2,
        "metrics": "",
        "features": "efficientnet_lite0",
        "weights": None,
        "num_images": 40,
        "reference_split": None,
        "reference_images": None,
        "kid_block_size": 20,
        "is_splits": 2,
        "best": None,
        "tstr_images": 40,
        "tstr_steps": 2,
        "num_points": 40,
    },
}


def classes(config: ConfigDict, number: int, *, generator: str, discriminator: str) -> ConfigDict:
    """``config`` with so many classes, and how either network takes them in."""
    config.generator.update(dict(num_classes=number, conditioning=generator))
    config.discriminator.update(dict(num_classes=number, conditioning=discriminator))
    return config


def both_optimizers(config: ConfigDict, **settings: Any) -> ConfigDict:
    """``config`` with these settings of G's optimiser and of D's."""
    for player in ("g", "d"):
        config.optimizer[player].update(settings)
    return config


def in_two_halves(config: ConfigDict, steps: int, **training: Any) -> ConfigDict:
    """``config`` of ``steps`` steps, all rates held for the first half and falling to 0 over the second; ``training``
    are further keys of its section.
    """
    hold = steps // 2
    for section in config.optimizer.values():
        section.update(schedule="linear", hold_steps=hold, decay_steps=steps - hold)
    config.training.update(dict(steps=steps, **training))
    if "epochs" in config:
        config.epochs.update(dict(constant=0, decay=0))
    return config


def dcgan_blocks(config: ConfigDict, *, ch: int = 32) -> ConfigDict:
    """DCGAN's networks for the images of ``config.data``: two blocks from 7x7 for 28 pixels, three from 4x4 for 32."""
    widths, side = {28: ((2, 1), 7), 32: ((4, 2, 1), 4)}[config.data.image_size[0]]
    config.generator.update(dict(ch=ch, widths=widths, base=(side, side), image_channels=config.data.channels))
    config.discriminator.update(dict(ch=ch, widths=widths[::-1]))
    return config


def toy_modes(name: str) -> int:
    """The modes of a mixture, which are its classes: 8 of 'ring8', 25 of 'grid25'."""
    return len(toy_mixture(name).means)


def is_toy(config: ConfigDict) -> bool:
    """Whether the data are points of a known mixture rather than images."""
    return config.data.name.startswith("toy:")


def on_toy(config: ConfigDict, name: str, **networks: Any) -> ConfigDict:
    """A recipe of multi-layer perceptrons on 'ring8', 'grid25' or another of :func:`jaxgan.data.toy_mixture`.

    Both networks have three hidden layers of 128 ReLU and a batch of 256, and G has latents of 4 numbers next to its
    codes (LAPGAN: as many as its own config says). Measured on grid25: a leaky ReLU in D takes over twice as many steps
    to tell modes from what lies between, latents of 16 numbers leave more samples between modes, and rates that fall to
    0 sharpen nothing in so few steps.

    Args:
      config: with the networks 'mlp'.
      name: of the mixture.
      **networks: further fields of both networks.
    """
    toy_mixture(name)
    codes = sum(config.prior.categorical) + config.prior.continuous
    config.data.update(dict(name=f"toy:{name}", split="train", image_size=(), channels=2, batch_size=256))
    for section in (config.generator, config.discriminator):
        section.update(dict(hidden=TOY_HIDDEN, weight_init="orthogonal", **networks))
    # Points are no bytes: noise of 1/128 would shift grid25's by 0.22 of a mode's deviation, ring8's by 0.28.
    config.preprocess.dequantize = False
    config.discriminator.dropout = 0.0
    if "pyramid" not in config:
        config.generator.update(dict(image_shape=(2,), z_dim=4 + codes, batch_norm=False, dropout=0.0, label_hidden=0))
        config.discriminator.update(dict(activation="relu", input_dropout=0.0, pieces=5, label_hidden=0))
    both_optimizers(config, schedule="linear", decay_steps=0, decay_rate=0.1, end_factor=0.0, weight_decay=0.0)
    # Modes are narrow: a long average blurs them.
    config.ema.update(dict(decay=0.99, start_step=0))
    config.training.update(dict(steps=5_000, save_every=5_000, log_every=100))
    config.evaluation.update(dict(every_steps=1_000, batch_size=2_500, num_points=2_500))
    return config


def _images(config: ConfigDict) -> ConfigDict:
    both_optimizers(config, schedule="linear", decay_steps=0, decay_rate=0.1, end_factor=0.0)
    config.data.update(dict(split="train", test_split="test", batch_size=64))
    config.ema.update(dict(decay=0.999, start_step=200))
    config.training.update(dict(steps=2_000, save_every=1_000, log_every=50))
    config.evaluation.update(
        dict(
            every_steps=0,
            batch_size=200,
            standing_passes=8,
            metrics="fd",
            features="efficientnet_lite0",
            num_images=1_000,
            reference_images=2_000,
            reference_split="test",
            tstr=True,
            tstr_images=5_000,
            tstr_steps=500,
        )
    )
    return config


def on_mnist(config: ConfigDict) -> ConfigDict:
    """A recipe on MNIST's 28x28 digits, 2,000 steps of 64."""
    config.data.update(dict(name="tfds:mnist", image_size=(28, 28), channels=1))
    return _images(config)


def on_cifar10(config: ConfigDict) -> ConfigDict:
    """A recipe on CIFAR-10, 2,000 steps of 64, with flips."""
    config.data.update(dict(name="tfds:cifar10", image_size=(32, 32), channels=3, flip=True))
    return _images(config)


def shortened(config: ConfigDict) -> ConfigDict:
    """A copy for a smoke run: two steps, two updates of D a step at most, and the cheapest scores; what every recipe's
    ``tiny`` starts from.
    """
    config = config.copy_and_resolve_references()
    config.method.d_steps = min(config.method.d_steps, 2)
    config.update(_SHORT)
    return config


def on_digits(config: ConfigDict, image_size: tuple[int, int]) -> ConfigDict:
    """A recipe on scikit-learn's handwritten digits, which need no download, in batches of 16; classes are its ten."""
    config.data.update(
        dict(name="digits", split="train", test_split="test", data_dir=None, image_size=image_size, batch_size=16)
    )
    for section in (config.generator, config.discriminator):
        if section.num_classes:
            section.num_classes = 10
    return config


def smoke(config: ConfigDict, **sizes: int) -> ConfigDict:
    """The smoke form that most recipes have: a copy of two steps on its toy, or on digits of 8x8 pixels or little more.

    The blocks of a generator that starts from a grid of pixels stay; the grid shrinks to one or two pixels a side.

    Args:
      config: of toy points or images.
      **sizes: field of either network -> its size; fields that a network lacks, or that are off, stay, and each entry
        of a tuple becomes the size.
    """
    config = shortened(config)
    if is_toy(config):
        config.data.batch_size = 64
    else:
        side = _smallest_grid(config)
        on_digits(config, (side, side))
        if "image_shape" in config.generator:
            config.generator.image_shape = (side, side, config.data.channels)
    for section in (config.generator, config.discriminator):
        for key, size in sizes.items():
            if section.get(key):
                section[key] = (size,) * len(section[key]) if isinstance(section[key], tuple) else size
    return config


def smoke_data(config: ConfigDict, image_size: tuple[int, int]) -> ConfigDict:
    """A copy for a smoke run of a recipe that is no game: two steps of 8 digits, grey, and the cheapest scores."""
    config = config.copy_and_resolve_references()
    config.update(_SHORT)
    config.data.update(
        dict(name="digits", split="train", test_split="test", data_dir=None, image_size=image_size, channels=1)
    )
    config.data.update(dict(batch_size=8, test_share=0.0, flip=False))
    config.evaluation.update(batch_norm="running", batch_size=8, grid_classes=2)
    return config


def translated_digits(config: ConfigDict, *, side: int = 16, levels: int = 0) -> ConfigDict:
    """The smoke form that recipes of translation have: a copy of two steps on digits of ``side`` pixels, drawn from
    their edges, or from maps of ``levels`` of their brightness; no perceptual loss, which needs weights.
    """
    config = smoke_data(config, (side, side))
    if "fields" in config.data:
        with config.unlocked():
            config.data.fields = ConfigDict({})
    made = {"op": "levels", "classes": levels} if levels else {"op": "edges"}
    config.data.augment = ("flip", made)
    config.data.test_augment = (made,)
    if "translation" in config:
        given = dict(source=made["op"], target="image", channels=1, classes=levels, instances=None)
        config.translation.update(given)
        config.perceptual.weight = 0.0
        steps = min(2, config.segmentation.steps) if levels else 0
        config.segmentation.update(dict(steps=steps, batch_size=2, ch=8, ignore=None))
    if "unpaired" in config:
        config.unpaired.metrics = ""
    if "epochs" in config:
        config.epochs.update(dict(constant=0, decay=0))
    return config


def _smallest_grid(config: ConfigDict) -> int:
    """Shrinks the grid that G starts from; returns the side of the images that its blocks make of it."""
    generator, height = config.generator, config.data.image_size[0]
    if "base" not in generator:
        return 8
    # None stands for a choice by the resolution: 7x7 for 28 pixels.
    base = generator.base or ((7, 7) if height == 28 else (4, 4))
    blocks = (height // base[0]).bit_length() - 1
    generator.base = (2, 2) if blocks < 3 else (1, 1)
    return generator.base[0] * 2**blocks
