"""BigGAN's scaling table as a study: nine rows, at the paper's size or scaled down.

Paper: Large Scale GAN Training (arXiv:1809.11096), table 1; the rows are ``biggan:imagenet128,table1=1`` to ``9``.

  scale=imagenet  The rows as published, budgets included; what ``--plan`` is for. The default.
  scale=cifar     ``biggan:cifar10,narrow``: batch / 16, ch / 4. Give --data_dir where CIFAR-10 lies elsewhere.
  scale=digits    ``biggan:digits16`` at the digits' own 8x8 pixels: batch / 32, ch / 16. A minute or so a run on a CPU.

Scaled down, shared embedding, skip-z and orthogonal regularisation (1e-4) are switched as in the rows, and every row is
trained under two budgets (regime=both|images|updates): as many images as each other row, and as many updates as the
largest batch makes of them. Where the two are the same, a row is trained once. Averages have a half-life in images.
The paper halves SA-GAN's learning rates and keeps them for every batch size (section 3; appendix C gives one pair):
lr_rule=constant. lr_rule=sqrt and linear scale both rates from the batch of the config that is scaled down, 32.

  images=N        another budget; a multiple of the largest batch.
  smoke           the digits' rows for a few steps.

Launch: jaxgan study configs/studies/biggan_table1.py --workdir=runs/table1 --scale=digits
Plan:   jaxgan study configs/studies/biggan_table1.py --plan --topology v5e:8x16 --price=1.2
Results: docs/scaling_study.md.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.config_file import load
from jaxgan.recipes import biggan
from jaxgan.tools.studies import Study, read_number, read_words, set_average, set_batch, updates_for, variant
from jaxgan.tools.studies.scaling import LR_RULES
from jaxgan.training.errors import UserError

# Row -> FID, IS, with the spread that the paper gives.
PUBLISHED = {
    1: (18.65, 52.52),
    2: (15.30, (58.77, 1.18)),
    3: (14.88, (63.03, 1.42)),
    4: (12.39, (76.85, 3.83)),
    5: ((9.54, 0.62), (92.98, 4.27)),
    6: ((9.18, 0.13), (94.94, 1.32)),
    7: ((8.73, 0.45), (98.76, 2.84)),
    8: ((8.51, 0.32), (99.31, 2.10)),
    9: ((10.48, 0.10), (86.90, 0.61)),
}

# What a scale divides the paper's batch and ch by, its images, the average's half-life and start in images, and the z
# of rows without skip-z and with it.
SCALES = {
    "cifar": dict(batch=16, ch=4, images=256_000, half_life=16_000, start=8_000, z=(80, 80), shared=128),
    "digits": dict(batch=32, ch=16, images=32_000, half_life=4_000, start=2_000, z=(32, 30), shared=32),
}
LARGEST = 2048
COLUMNS = {
    "batch": "data.batch_size",
    "ch": "generator.ch",
    "shared": "generator.shared_dim",
    "skip-z": "generator.skip_z",
    "ortho": "orthogonal.weight",
}


def paper_row(row: int) -> ConfigDict:
    return load(f"biggan:imagenet128,table1={row}")


def label(row: int) -> str:
    config = paper_row(row)
    marks = [
        f"{config.data.batch_size}/{config.generator.ch}",
        *(["shared"] if config.generator.shared_dim else []),
        *(["skip-z"] if config.generator.skip_z else []),
        *(["ortho"] if config.orthogonal.weight else []),
    ]
    return f"{row}: " + " ".join(marks)


def base(scale: str) -> ConfigDict:
    """Settings that the rows of a scale have in common."""
    if scale == "cifar":
        config = variant("biggan:cifar10,narrow")
        config.evaluation.update(
            dict(metrics="fd,kid", num_images=1_000, reference_images=5_000, tstr_images=5_000, best=None)
        )
    else:
        # The digits are 8x8; two blocks from a seed of 2x2.
        config = variant("biggan:digits16", {"data.image_size": (8, 8), "generator.base": (2, 2)})
        # On a CPU the feature network takes longer over a thousand images than a row takes to train.
        config.evaluation.update(dict(metrics="", tstr_images=2_000, tstr_steps=300))
    config.evaluation.every_steps = 0
    if "microbatches" in config:
        config.microbatches.noise_scale = True
    return config


def scaled(row: int, scale: str, *, updates: int | None, images: int, rule: str, smoke: bool) -> ConfigDict:
    """A row of the table, scaled down, for ``updates``, or where None for ``images``."""
    paper, by = paper_row(row), SCALES[scale]
    config = base(scale)
    if smoke:
        config = biggan.tiny(config)
    set_batch(config, paper.data.batch_size // by["batch"], rule=rule)
    config.generator.ch = config.discriminator.ch = paper.generator.ch // by["ch"]
    skip_z = paper.generator.skip_z
    config.generator.update(
        dict(skip_z=skip_z, z_dim=by["z"][skip_z], shared_dim=by["shared"] if paper.generator.shared_dim else None)
    )
    config.orthogonal.weight = paper.orthogonal.weight
    set_average(config, half_life_images=by["half_life"], start_images=by["start"])
    steps = updates_for(images, config.data.batch_size) if updates is None else updates
    config.training.update(dict(steps=steps, save_every=max(1, steps // 4), log_every=max(1, steps // 100)))
    return config


def get_study(arg: str = "") -> Study:
    words = read_words(
        arg,
        {
            "scale": ("imagenet", "cifar", "digits"),
            "regime": ("both", "images", "updates"),
            "lr_rule": tuple(LR_RULES),
            "images": None,
            "data_dir": None,
            "smoke": ("no", "yes"),
        },
        study="biggan_table1",
    )
    scale, smoke = words["scale"], words["smoke"] == "yes"
    rows = list(PUBLISHED)
    if scale == "imagenet":
        if smoke or words["regime"] != "both" or words["lr_rule"] != "constant" or words["images"]:
            raise UserError("biggan_table1: smoke, regime, lr_rule and images are of the scales 'cifar' and 'digits'")
        variants: dict[str, ConfigDict] = {f"row{row}": paper_row(row) for row in rows}
        groups: dict[str, list[str]] = {}
    else:
        by = SCALES[scale]
        images = int(8 * LARGEST // by["batch"] if smoke else by["images"])
        if words["images"]:
            images = int(read_number(words, "images", study="biggan_table1"))
        updates = updates_for(images, LARGEST // by["batch"])
        variants, groups = {}, {}
        for regime, heading in (("images", "Matched images"), ("updates", "Matched updates")):
            if words["regime"] not in ("both", regime):
                continue
            members = []
            for row in rows:
                given = dict(images=images, rule=words["lr_rule"], smoke=smoke)
                config = scaled(row, scale, updates=None if regime == "images" else updates, **given)
                # A row of the largest batch has one budget, whichever way it is matched.
                name = f"row{row}" if paper_row(row).data.batch_size == LARGEST else f"row{row}-{regime}"
                variants[name] = config
                members.append(name)
            groups[heading] = members
    if words["data_dir"]:
        for config in variants.values():
            config.data.data_dir = words["data_dir"]
    numbers = {name: int(name[3]) for name in variants}
    scores = {
        "imagenet": (),
        "cifar": ("eval/tstr", "eval/trts", "eval/fd_efficientnet_lite0", "eval/kid_efficientnet_lite0"),
        "digits": ("eval/tstr", "eval/trts", "eval/spread_mean", "eval/modes_kl"),
    }
    return Study(
        name="biggan_table1",
        title=f"BigGAN, table 1, at the scale of {scale}",
        variants=variants,
        seeds=(0, 1, 2),
        scores=scores[scale],
        columns=COLUMNS,
        groups=groups,
        labels={name: label(row) for name, row in numbers.items()},
        references={name: dict(zip(("FID", "IS"), PUBLISHED[row])) for name, row in numbers.items()},
        notes=() if scale == "imagenet" else (f"Learning rates: {words['lr_rule']}. Labels are the paper's batch/ch.",),
    )
