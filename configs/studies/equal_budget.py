"""All noise-to-image recipes on one set of data, at one budget of images or of time.

  data=ring8      or grid25, mnist, cifar10: variants are the configs ``<recipe>:<data>``.
  images=N        the budget; the configs' own steps by default. A multiple of every batch (with d_images, times 5).
  budget=images   The images of one D update, times steps: what tables count, and what G is updated by; or d_images, all
                  that D is shown: recipes of five D steps then have a fifth of the steps; or seconds, of training on
                  one CPU core, by what a step of each was reckoned to take (MILLISECONDS).
  seconds=N       the budget of budget=seconds; of mnist and cifar10.
  data_dir        where TFDS sets lie.
  smoke           for a few steps.

Networks, losses, optimisers and penalties are each recipe's own; averages and scores are the same.

Launch: jaxgan study configs/studies/equal_budget.py --workdir=runs/equal_budget --data=ring8 --vmap
        jaxgan study configs/studies/equal_budget.py --workdir=runs/equal_mnist --data=mnist --images=128000
        jaxgan study configs/studies/equal_budget.py --workdir=runs/wall --data=mnist --budget=seconds --seconds=120
"""

from ml_collections import ConfigDict

from jaxgan.tools.studies import Study, read_number, read_words, updates_for, variant
from jaxgan.training.errors import UserError

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
# What a step of 64 images was reckoned to take on one core of an Intel Xeon, from a few steps next to other work. Whole
# runs took 0.4 to 1.5 of it: docs/families.md has each one's seconds.
MILLISECONDS = {
    "mnist": {
        "gan": 75,
        "dcgan": 75,
        "lapgan": 125,
        "cgan": 75,
        "acgan": 105,
        "lsgan": 75,
        "wgan": 200,
        "wgan_gp": 770,
        "fgan": 75,
        "sngan": 525,
        "sagan": 230,
        "infogan": 85,
        "msgan": 90,
        "r3gan": 435,
    },
    "cifar10": {
        "gan": 150,
        "dcgan": 115,
        "lapgan": 300,
        "cgan": 130,
        "acgan": 150,
        "lsgan": 115,
        "wgan": 430,
        "wgan_gp": 1450,
        "fgan": 115,
        "sngan": 800,
        "sagan": 400,
        "infogan": 175,
        "msgan": 130,
        "r3gan": 750,
    },
}
IMAGE_SCORES = ("eval/fd_efficientnet_lite0", "eval/modes", "eval/modes_kl")


def steps_for(config: ConfigDict, images: int, budget: str) -> int:
    shown = config.method.d_steps if budget == "d_images" else 1
    return updates_for(images, config.data.batch_size * shown)


def with_steps(config: ConfigDict, steps: int) -> ConfigDict:
    config.training.update(dict(steps=steps, save_every=steps, log_every=max(1, steps // 50)))
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
            "budget": ("images", "d_images", "seconds"),
            "images": None,
            "seconds": None,
            "data_dir": None,
            "smoke": ("no", "yes"),
        },
        study="equal_budget",
    )
    data, smoke = words["data"], words["smoke"] == "yes"
    variants = {recipe: variant(f"{recipe}:{data}{',smoke' if smoke else ''}") for recipe in RECIPES}
    first = variants["gan"]
    # Five D steps, the most that a recipe takes, divide the smoke run's budget.
    images = first.data.batch_size * (5 if smoke else first.training.steps)
    if words["images"]:
        images = int(read_number(words, "images", study="equal_budget"))
    by_time = words["budget"] == "seconds"
    if by_time != bool(words["seconds"]) or (by_time and (data not in MILLISECONDS or words["images"] or smoke)):
        raise UserError(
            "equal_budget: budget=seconds goes with seconds=N, such as 120, and with data=mnist or cifar10; images and "
            "smoke are budgets of their own"
        )
    for recipe, config in variants.items():
        if by_time:
            steps = max(
                1, round(1_000 * read_number(words, "seconds", study="equal_budget") / MILLISECONDS[data][recipe])
            )
        else:
            steps = steps_for(config, images, words["budget"])
        with_steps(config, steps)
        if words["data_dir"] and not config.data.name.startswith("toy:"):
            config.data.data_dir = words["data_dir"]
    points = data in ("ring8", "grid25")
    # Smoke runs have no feature network at hand.
    image_scores = IMAGE_SCORES[1:] if smoke else IMAGE_SCORES
    equal = {
        "images": f"{images:,} images of a D update, times steps",
        "d_images": f"{images:,} images that D is shown",
        "seconds": f"about {words['seconds']} seconds of training on one core",
    }[words["budget"]]
    return Study(
        name="equal_budget",
        title=f"Recipes on {data} at equal budgets",
        variants=variants,
        seeds=(0, 1, 2),
        scores=POINT_SCORES if points else image_scores,
        some_scores=() if points else ("eval/tstr",),
        columns={"loss": "method.loss", "D updates a step": "method.d_steps", "classes": "generator.num_classes"},
        notes=(f"Equal: {equal}. Networks, losses and optimisers are each recipe's own.",),
    )
