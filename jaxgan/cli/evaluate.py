"""``jaxgan evaluate``: score a trained run, or images against images."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxgan.cli import arguments as flags
from jaxgan.data.printable import printable
from jaxgan.experiment.key import MOST_IMAGES, MOST_SEED
from jaxgan.training.errors import UserError
from jaxgan.training.strict_json import strict_json

_DESCRIPTION = """Scores a trained run, or any images, and stamps each number with its protocol.

A score that cannot be computed is printed as failed, with the reason; the others stand, and the exit code is 1.

A run (--workdir) is scored by its config's evaluation section, or by --metrics, against its own data or --against;
images (--images) are scored against --against. Both are a folder of images, an .npz (`images`), or a data set:
tfds:cifar10:test, digits:train. --against may also be an .npz of statistics (`mu`, `sigma`)."""

_EXAMPLES = """  jaxgan evaluate --workdir=runs/digits
  jaxgan evaluate --workdir=runs/digits --step=all --metrics=fd,kid --features=efficientnet_lite0 --json
  jaxgan evaluate --workdir=runs/digits --watch
  jaxgan evaluate --workdir=runs/cifar --sweep=truncation --metrics=fd,is --out=curve.png
  jaxgan evaluate --images=samples.npz --against=tfds:cifar10:test --metrics=fd,kid,is,precision,recall --json
  jaxgan evaluate --images=restored/ --against=originals/ --metrics=psnr,ssim,lpips
  jaxgan evaluate --workdir=runs/faces --metrics=fd,ppl_w --set psi=0.7"""


def _parser() -> Any:
    made = flags.parser("evaluate", _DESCRIPTION, _EXAMPLES)
    what = made.add_argument_group("what is scored")
    what.add_argument("--workdir", type=flags.path, metavar="DIR", help="a run's folder")
    what.add_argument("--step", default=None, help="a checkpoint's step, or 'all' (default: the newest)")
    what.add_argument(
        "--watch", action="store_true", help="score every new checkpoint of a run that trains, to its end"
    )
    what.add_argument(
        "--watch_every_seconds", type=flags.number(0, 1e8), default=10.0, help="how often --watch looks (default 10)"
    )
    what.add_argument("--raw", action="store_true", help="the raw networks rather than their moving averages")
    what.add_argument(
        "--images", type=flags.path, metavar="X", help="a folder, an .npz, or a data set such as tfds:cifar10:test"
    )
    what.add_argument(
        "--against", type=flags.path, metavar="Y", help="the reference, in the same forms, or an .npz of statistics"
    )
    flags.add_images(made)
    how = made.add_argument_group("how")
    how.add_argument(
        "--metrics",
        help="fd,sfd,intra_fd,kid,is,precision,recall,density,coverage (features), psnr,ssim,psnr_y,ssim_y,ms_ssim,"
        "swd,lpips,pd_efficientnet_lite0 (pixels); of a run also ppl_z,ppl_w,separability (latents), "
        "bits_per_dim,elbo,perplexity (likelihoods) and what its own evaluators give, such as tstr or modes; of a run "
        "of two domains features are scored in either direction",
    )
    how.add_argument(
        "--border",
        type=flags.whole(0),
        metavar="N",
        help="pixels off each border that PSNR and SSIM leave out (default 4 of psnr_y and ssim_y, 0 of the others)",
    )
    flags.add_features(how, required=False)
    how.add_argument("--num_images", type=flags.whole(1, MOST_IMAGES), help="images to draw, or to take from --images")
    how.add_argument(
        "--reference_images",
        type=flags.whole(1, MOST_IMAGES),
        help="images to take from the reference (default: all)",
    )
    how.add_argument(
        "--kid_block_size", type=flags.whole(2), help="images in a block of kid (default 1000, or as many as there are)"
    )
    how.add_argument("--is_splits", type=flags.whole(1), help="splits of is (default 10)")
    how.add_argument(
        "--seed", type=flags.whole(0, MOST_SEED), help="of the latents (default: the config's own for evaluation)"
    )
    flags.add_options(how)
    how.add_argument("--sweep", metavar="OPTION", help="score at several values of a sampling option, truncation, say")
    how.add_argument("--values", help="of a sweep (default, of truncation: 0.04,0.1,0.2,0.4,0.6,0.8,1.0,1.5,2.0)")
    how.add_argument("--out", type=flags.path, help="the sweep's plot, X.png")
    how.add_argument(
        "--neighbours",
        type=flags.path,
        metavar="X.png",
        help="also draw samples next to their nearest reference images",
    )
    flags.add_processes(made)
    flags.add_compilation_cache(made)
    made.add_argument("--json", action="store_true", help="a JSON object a score, a line each, and nothing else")
    made.add_argument("--no_progress", action="store_true", help="no progress bars")
    return made


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    parsed, overrides = flags.parse(_parser(), arguments)
    if overrides:
        raise UserError(f"--config.{overrides[0][0]}: scores follow the run's own config, which cannot change")
    _check(parsed)

    from jaxgan.cli import scoring, sweep
    from jaxgan.parallel import initialize
    from jaxgan.training.compilation_cache import use_compilation_cache

    use_compilation_cache(parsed.compilation_cache)
    initialize(coordinator=parsed.coordinator, num_processes=parsed.num_processes, process_id=parsed.process_id)

    if parsed.images:
        return int(_print(scoring.score_sets(parsed), parsed.json))
    every = sweep.sweep(parsed) if parsed.sweep else scoring.score_run(parsed)
    failed = [_print(scores, parsed.json) for scores in every]
    return int(any(failed))


def _check(parsed: Any) -> None:
    """Refuses flags that would have no effect: whoever gave them believes that they had."""
    given = {name for name, value in vars(parsed).items() if value is not None and value is not False}

    def refuse(names: Sequence[str], why: str) -> None:
        if found := [name for name in names if name in given]:
            raise UserError(f"--{found[0]} {why}")

    if ("workdir" in given) == ("images" in given):
        raise UserError("give --workdir=DIR, a trained run, or --images=X with --against=Y")
    if "images" in given:
        of_run = ("step", "watch", "raw", "sweep", "truncation", "truncation_mode", "seed")
        refuse(of_run, "is for a run: give --workdir")
        if "options" in given:
            raise UserError("--set is for a run: give --workdir")
    elif "against" not in given:
        refuse(("image_size",), "is for --images and --against: a run has its own size")
    if "against" not in given and "images" in given:
        refuse(("reference_images",), "needs a reference: --against=Y")
    if "sweep" in given:
        refuse(("watch", "truncation", "neighbours"), "does not go with --sweep")
    else:
        refuse(("out", "values"), "is of a sweep: give --sweep=truncation, or another option's name")
    if "watch" in given:
        refuse(("step",), "does not go with --watch, which scores every checkpoint")
    if "watch" in given or parsed.step == "all":
        refuse(("neighbours",), "draws one picture: give --step=N, or none for the newest checkpoint")
    if parsed.truncation_mode == "none":
        refuse(("truncation", "sweep"), "needs a --truncation_mode other than none")
    elif "truncation_mode" in given and "truncation" not in given and parsed.sweep != "truncation":
        raise UserError(f"--truncation_mode={parsed.truncation_mode} needs --truncation=VALUE")


def _print(scores: Mapping[str, Any], as_json: bool) -> bool:
    """Prints scores, on process 0, and failed ones with their reasons; returns whether any failed."""
    from jaxgan.evaluation.protocol import line
    from jaxgan.parallel import is_main
    from jaxgan.training.method import FailedScore

    failed = [name for name, score in scores.items() if isinstance(score, FailedScore)]
    if not is_main():
        return bool(failed)
    steps = [score.stamp["step"] for name, score in scores.items() if name not in failed and "step" in score.stamp]
    for name, score in scores.items():
        if as_json:
            step = {"step": steps[0]} if steps and (name in failed or "step" in score.stamp) else {}
            print(strict_json({**step, "metric": name, **score.fields()}), flush=True)
        elif name in failed:
            print(printable(f"{name:<11}failed: {score.reason}"), flush=True)
        else:
            print(printable(line(name, score.value, score.stderr, score.stamp)), flush=True)
    return bool(failed)
