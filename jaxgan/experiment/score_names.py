"""Names of scores: those that there are, and whether more of one is better."""

from collections.abc import Sequence

from jaxgan.evaluation.feature_scores import METRICS
from jaxgan.evaluation.image_scores import IMAGE_METRICS, PERCEPTUAL
from jaxgan.evaluation.latent_scores import LATENT_METRICS, PATHS
from jaxgan.evaluation.likelihood import LIKELIHOOD_METRICS
from jaxgan.training.errors import UserError

# Scores of which more is better, and less; those of features and of networks' names are told by best_is.
HIGHER = (
    *("tstr", "trts", "classes_hit", "modes", "high_quality", "spread_min", "psnr", "ssim", "ms_ssim", "elbo"),
    *("psnr_y", "ssim_y", "cycle_A", "cycle_B", "pixel_accuracy", "class_accuracy", "mean_iou"),
)
LOWER = (
    "modes_kl",
    "mode_kl",
    "emd",
    "js",
    "bits_per_dim",
    "perplexity",
    "separability",
    "separability_w",
    *PERCEPTUAL,
)

# What only runs have: every name that `jaxgan evaluate --workdir` and evaluation.metrics take next to those of images.
RUN_METRICS = {**LATENT_METRICS, **LIKELIHOOD_METRICS}
# The authors' choice for scores, and the space that every method has.
ALIASES = {"lpips": "lpips_alex", "ppl": "ppl_z"}


def metric_names(text: str, own: Sequence[str] = (), *, run: bool = True) -> list[str]:
    """The scores in 'fd,kid,...'.

    Args:
      text: names with commas between.
      own: further names, of the run's own evaluators.
      run: whether what is scored is a run, which has latents and perhaps a likelihood.

    Raises:
      UserError: on an unknown one, with those there are.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    names = [ALIASES.get(word, word) for word in words]
    if not run and (only := [name for name in names if name in RUN_METRICS]):
        raise UserError(f"{only[0]} is a score of a run: give --workdir")
    known = [*METRICS, *IMAGE_METRICS, *(RUN_METRICS if run else ()), *own]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UserError(f"no metric {unknown[0]!r}; choose from {', '.join(dict.fromkeys(known))}")
    return list(dict.fromkeys(names))


def best_is(name: str) -> str:
    """Whether more of a score of metrics.jsonl ('eval/fid', 'eval/tstr', ...) is better, 'max', or less, 'min'.

    Raises:
      UserError: where there is no such score, or neither is better.
    """
    score = name.removeprefix("eval/")
    if score in HIGHER:
        return "max"
    if score in LOWER or score.startswith(("swd_", "ppl")):
        return "min"
    for metric, spec in METRICS.items():
        named = (metric, spec.inception, f"{metric}_AtoB", f"{metric}_BtoA")
        if score in named or (spec.of_inception and score.startswith(f"{metric}_")):
            return "max" if spec.higher else "min"
    known = [*METRICS, *HIGHER, *LOWER, *PATHS]
    raise UserError(f"evaluation.best={name!r}: give a score as metrics.jsonl calls it, eval/... of {', '.join(known)}")
