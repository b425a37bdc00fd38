"""All noise-to-image recipes on one set of data, at one budget of images.

  data=ring8      or grid25, mnist, cifar10: variants are the configs ``<recipe>_<data>``.
  images=N        the budget; the configs' own steps by default. A multiple of every batch (with d_images, times 5).
  budget=images   The images of one D play, times steps: what tables count, and what G is updated by; or d_images, all
                  that D is shown: recipes of five D steps then have a fifth of the steps.
  data_dir        where TFDS sets lie.
  smoke           for a few steps.

Networks, losses, optimisers and penalties are each recipe's own; averages and scores are alike.

Launch: jaxgan study configs/studies/equal_budget.py --workdir=runs/equal_budget --data=ring8 --vmap
        jaxgan study configs/studies/equal_budget.py --workdir=runs/equal_mnist --data=mnist --images=128000
"""

from ml_collections import ConfigDict

from jaxgan.studies import Study, read_words, updates_for, variant

RECIPES = (
    "gan",
    "dcgan",
    "lapgan",
    "cgan",
    "acgan",
    "lsgan",
    "wgan",
    "wgan_gp",
    "fgan",
    "sngan",
    "sagan",
    "infogan",
    "msgan",
    "r3gan",
)
POINT_SCORES = ("eval/modes", "eval/high_quality", "eval/emd")
IMAGE_SCORES = ("eval/fd_efficientnet_lite0", "eval/modes", "eval/modes_kl")


def on_budget(config: ConfigDict, images: int, budget: str) -> ConfigDict:
    shown = config.method.d_steps if budget == "d_images" else 1
    steps = updates_for(images, config.data.batch_size * shown)
    config.training.update(dict(steps=steps, save_every=steps, log_every=max(1, steps // 50), keep=1))
    config.evaluation.every_steps = 0
    if not config.data.name.startswith("toy:"):
        # Budgets are of hundreds of updates: a long average would still hold the first ones.
        config.ema.update(dict(decay=0.99, start_step=0))
        config.evaluation.update(dict(num_images=500, tstr_images=2_000, tstr_steps=200))
    return config


def get_study(arg: str = "") -> Study:
    words = read_words(
        arg,
        {
            "data": ("ring8", "grid25", "mnist", "cifar10"),
            "budget": ("images", "d_images"),
            "images": None,
            "data_dir": None,
            "smoke": ("no", "yes"),
        },
        study="equal_budget",
    )
    data, smoke = words["data"], words["smoke"] == "yes"
    variants = {recipe: variant(f"{recipe}_{data}:smoke" if smoke else f"{recipe}_{data}") for recipe in RECIPES}
    first = variants["gan"]
    # Five D steps, the most that a recipe takes, divide the smoke run's budget.
    images = int(words["images"] or first.data.batch_size * (5 if smoke else first.training.steps))
    for config in variants.values():
        on_budget(config, images, words["budget"])
        if words["data_dir"] and not config.data.name.startswith("toy:"):
            config.data.data_dir = words["data_dir"]
    points = data in ("ring8", "grid25")
    # Smoke runs have no feature network at hand.
    image_scores = IMAGE_SCORES[1:] if smoke else IMAGE_SCORES
    what = "images of a D play, times steps" if words["budget"] == "images" else "images that D is shown"
    return Study(
        name="equal_budget",
        title=f"Recipes on {data} at equal budgets",
        variants=variants,
        seeds=(0, 1, 2),
        scores=POINT_SCORES if points else image_scores,
        some_scores=() if points else ("eval/tstr",),
        columns={"loss": "method.loss", "D updates a step": "method.d_steps", "classes": "generator.num_classes"},
        notes=(f"Equal: {images:,} {what}. Networks, losses and optimisers are each recipe's own.",),
    )
