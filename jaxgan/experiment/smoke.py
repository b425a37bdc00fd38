"""Any experiment, shrunk to seconds on a CPU."""

from typing import Any

from ml_collections import ConfigDict

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


def shrink(config: ConfigDict) -> ConfigDict:
    """The same recipe at a tiny width and size, on handwritten digits or on its toy, for two steps.

    What makes the recipe stays: its blocks, conditioning, attention, losses and optimisers; of five D steps two.
    """
    config = config.copy_and_resolve_references()
    if "pyramid" in config:
        _shrink_pyramid(config)
    elif config.data.name.startswith("toy:"):
        _shrink_toy(config)
    elif "resolution" in config.generator and config.networks.startswith("biggan"):
        _shrink_biggan(config)
    else:
        _shrink_images(config)
    config.method.d_steps = min(config.method.d_steps, 2)
    config.update(_SHORT)
    return config


def _digits(config: ConfigDict, image_size: tuple[int, int]) -> None:
    config.data.update(
        dict(name="digits", split="train", test_split="test", data_dir=None, image_size=image_size, batch_size=16)
    )
    for section in (config.generator, config.discriminator):
        if section.num_classes:
            section.num_classes = 10


def _shrink_toy(config: ConfigDict) -> None:
    config.data.batch_size = 64
    for section in (config.generator, config.discriminator):
        section.hidden = tuple(min(units, 32) for units in section.hidden)


def _shrink_pyramid(config: ConfigDict) -> None:
    config.pyramid.update(dict(coarse_z_dim=8, coarse_hidden_g=(32, 32), coarse_hidden_d=(32, 32)))
    if config.data.name.startswith("toy:"):
        _shrink_toy(config)
        return
    config.pyramid.levels = 2
    _digits(config, (16, 16))
    config.generator.hidden, config.discriminator.hidden = (8, 8), (8, 8)


def _shrink_images(config: ConfigDict) -> None:
    """Every block stays; the grid that they start from shrinks."""
    generator, discriminator = config.generator, config.discriminator
    height, blocks = config.data.image_size[0], 2
    if "base" in generator:
        # None stands for a choice by the resolution: 7x7 for 28 pixels.
        base = generator.base or ((7, 7) if height == 28 else (4, 4))
        blocks = (height // base[0]).bit_length() - 1
        generator.base = (2, 2) if blocks < 3 else (1, 1)
    side = 8 if blocks == 2 else 2**blocks
    _digits(config, (side, side))
    for section in (generator, discriminator):
        if "image_shape" in section:
            section.image_shape = (side, side, config.data.channels)
        for key, value in (("ch", 8), ("label_hidden", 8)):
            if section.get(key):
                section[key] = value
        if isinstance(section.get("hidden"), int):
            section.hidden = 32
        elif section.get("hidden"):
            section.hidden = (32,) * len(section.hidden)
        if config.networks == "r3gan":
            section.widths = (16,) * len(section.widths)


def _shrink_biggan(config: ConfigDict) -> None:
    """256 and 512 pixels keep the
    blocks of 128. Seeds of one pixel keep their number and shrink the images: 1 pixel doubled by each. D steps are
    written out on CPU, so the deeper networks, whose programs are long, take one.
    """
    # The table's resolution is 4 doubled by each block.
    blocks = config.generator.resolution.bit_length() - 3
    kept = min(blocks, 5)
    wide = kept <= 3
    side = 2**kept
    if config.generator.get("skip_z", False):
        config.generator.z_dim = config.generator.z_dim // (blocks + 1) * (kept + 1)
    config.generator.resolution = config.discriminator.resolution = 4 * side
    _digits(config, (2 * side, side) if wide else (side, side))
    config.update(
        {
            "generator": {"base": (2, 1) if wide else (1, 1), "ch": 8},
            "discriminator": {"ch": 8},
            "method": {"d_steps": min(config.method.d_steps, 2 if wide else 1)},
        }
    )
    if "depth" in config.generator:
        config.generator.depth = config.discriminator.depth = 1
