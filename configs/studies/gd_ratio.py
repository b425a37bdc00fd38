"""How many updates of D go with how many of G: from five of D to one, to one of D to five.

Paper: Generative Adversarial Nets (arXiv:1406.2661, algorithm 1), whose k, the D steps a G step, was 1, "the least
expensive option"; WGAN takes 5. Here either player's number goes up to 5, over the config ``gan:<data>``.

  data=grid25     or ring8, mnist: the set, and with it the config.
  budget=total_updates
                  What all variants have as many of: updates of G and D together; or g_updates, or d_updates. Every
                  update takes a batch of its own, so that updates are batches too. That of d1_g1 is the config's.
  images=N        the budget of either player of d1_g1, in images of its updates.
  data_dir        where TFDS sets lie.
  smoke           for a few steps.

Launch: jaxgan study configs/studies/gd_ratio.py --workdir=runs/gd_ratio --data=grid25 --vmap
"""

from ml_collections import ConfigDict

from jaxgan.tools.studies import Study, read_number, read_words, updates_for, variant
from jaxgan.training.errors import UserError

RATIOS = ((5, 1), (3, 1), (2, 1), (1, 1), (1, 2), (1, 3), (1, 5))
# Every ratio divides a budget of so many updates of each player of d1_g1, whichever way it is counted.
UNIT = 30


def steps_of(updates: int, d_steps: int, g_steps: int, budget: str) -> int:
    """Steps of a ratio that make the budget of ``updates`` steps of one to one."""
    if budget == "g_updates":
        return updates // g_steps
    if budget == "d_updates":
        return updates // d_steps
    return 2 * updates // (d_steps + g_steps)


def at(config: ConfigDict, d_steps: int, g_steps: int, steps: int) -> ConfigDict:
    copy = config.copy_and_resolve_references()
    copy.method.update(dict(d_steps=d_steps, g_steps=g_steps))
    copy.training.update(dict(steps=steps, save_every=steps, log_every=max(1, steps // 50)))
    copy.evaluation.every_steps = 0
    return copy


def get_study(arg: str = "") -> Study:
    words = read_words(
        arg,
        {
            "data": ("grid25", "ring8", "mnist"),
            "budget": ("total_updates", "g_updates", "d_updates"),
            "images": None,
            "data_dir": None,
            "smoke": ("no", "yes"),
        },
        study="gd_ratio",
    )
    data, budget, smoke = words["data"], words["budget"], words["smoke"] == "yes"
    config = variant(f"gan:{data},smoke" if smoke else f"gan:{data}")
    if words["data_dir"]:
        config.data.data_dir = words["data_dir"]
    if words["images"]:
        updates = updates_for(int(read_number(words, "images", study="gd_ratio")), config.data.batch_size)
        if updates % UNIT:
            raise UserError(
                f"gd_ratio: images={words['images']} are {updates} updates, which not every ratio divides; choose a "
                f"multiple of {UNIT * config.data.batch_size}"
            )
    else:
        updates = UNIT if smoke else config.training.steps // UNIT * UNIT
    points = data != "mnist"
    return Study(
        name="gd_ratio",
        title=f"Updates of D and of G on {data}, at equal {budget.replace('_', ' ')}",
        variants={f"d{d}_g{g}": at(config, d, g, steps_of(updates, d, g, budget)) for d, g in RATIOS},
        seeds=(0, 1, 2),
        scores=("eval/modes", "eval/high_quality", "eval/emd") if points else ("eval/modes", "eval/modes_kl"),
        columns={"D updates a step": "method.d_steps", "G updates a step": "method.g_steps"},
        labels={f"d{d}_g{g}": f"{d}:{g}" for d, g in RATIOS},
        notes=(
            f"A step is so many updates of D, then of G; `updates` are steps. Equal: {budget.replace('_', ' ')}, each "
            f"of a batch of {config.data.batch_size}, as in {updates} of either player at 1:1.",
        ),
    )
