"""Any experiment, shrunk to seconds on a CPU."""

from ml_collections import ConfigDict


def shrink(config: ConfigDict) -> ConfigDict:
    """The same recipe at a tiny width and size, on handwritten digits, for two steps.

    What makes the recipe stays: its blocks, conditioning, attention, losses and optimisers; 256 and 512 pixels keep the
    blocks of 128. Seeds of one pixel keep their number and shrink the images: 1 pixel doubled by each. D steps are
    written out on CPU, so the deeper networks, whose programs are long, take one.
    """
    config = config.copy_and_resolve_references()
    # The table's resolution is 4 doubled by each block.
    blocks = config.generator.resolution.bit_length() - 3
    kept = min(blocks, 5)
    wide = kept <= 3
    side = 2**kept
    if config.generator.get("skip_z", False):
        config.generator.z_dim = config.generator.z_dim // (blocks + 1) * (kept + 1)
    config.generator.resolution = config.discriminator.resolution = 4 * side
    config.update(
        {
            "data": {
                "name": "digits",
                "split": "train",
                "test_split": "test",
                "data_dir": None,
                "image_size": (2 * side, side) if wide else (side, side),
                "batch_size": 16,
            },
            "generator": {"num_classes": 10, "bottom": (2, 1) if wide else (1, 1), "ch": 8},
            "discriminator": {"num_classes": 10, "ch": 8},
            "method": {"d_steps": min(config.method.d_steps, 2 if wide else 1)},
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
            },
        }
    )
    if "depth" in config.generator:
        config.generator.depth = config.discriminator.depth = 1
    return config
