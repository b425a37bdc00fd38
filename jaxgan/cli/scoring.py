"""Scoring for ``jaxgan evaluate``, once its flags are read."""

import functools
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh
from PIL import Image

from jaxgan import recipes
from jaxgan.cli.arguments import image_size, sampling_options
from jaxgan.cli.run import Run, checkpoint_steps, last_step, open_run
from jaxgan.data.image_set import open_images
from jaxgan.evaluation.collect import FeatureRequest, images_of_samples
from jaxgan.evaluation.eval_set import EvalSet, eval_set_of
from jaxgan.evaluation.feature_scores import METRICS, Settings
from jaxgan.evaluation.image_scores import IMAGE_METRICS, PIXELS
from jaxgan.evaluation.neighbours import neighbour_grid
from jaxgan.evaluation.protocol import code_version
from jaxgan.evaluation.score import Advance, attempted, reference_statistics, score
from jaxgan.evaluation.statistics import Statistics, is_statistics, load_statistics
from jaxgan.experiment.drawn_for import (
    LATENT_SEED,
    STANDING_SEED,
    data_eval_set,
    draws_for_labels,
    prepared_nets,
    reference_split,
    sample_inputs,
    target_of,
)
from jaxgan.experiment.open_split import open_split
from jaxgan.experiment.score_names import RUN_METRICS, metric_names
from jaxgan.experiment.score_stamps import as_scores, config_version, sample_stamp
from jaxgan.experiment.scores import check_classes, score_samples
from jaxgan.experiment.scoring import Scoring, open_distances
from jaxgan.experiment.unpaired import feature_metric, plain_name
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.interop.open_features import open_features
from jaxgan.parallel import is_main, make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.logging import images_bar
from jaxgan.training.method import Evaluator, FailedScore, Score

log = logging.getLogger("jaxgan")

Scores = dict[str, Score | FailedScore]
DEFAULT_METRICS = "fd,kid,precision,recall"
NEIGHBOUR_ROWS = 10


def _network(parsed: Any, names: list[str], *, features: str, weights: Any, resizer: Any) -> FeatureNetwork | None:
    if not any(name in METRICS for name in names) and not parsed.neighbours:
        return None
    # Weights and resizer belong to the network: another one named on the command line does not inherit the config's.
    same = parsed.features in (None, features)
    return open_features(
        parsed.features or features,
        weights=parsed.weights or (weights if same else None),
        resizer=parsed.resizer or (resizer if same else None),
    )


def _settings(parsed: Any, names: Sequence[str], kid_block_size: int, is_splits: int) -> Settings:
    if parsed.border is not None and not any(name in PIXELS for name in names):
        raise UserError(f"--border={parsed.border} is cut off pairs of images: name one of {', '.join(PIXELS)}")
    return Settings(
        border=parsed.border,
        kid_block_size=kid_block_size if parsed.kid_block_size is None else parsed.kid_block_size,
        is_splits=is_splits if parsed.is_splits is None else parsed.is_splits,
    )


def _batch_size(parsed: Any) -> int:
    return 64 if parsed.batch_size is None else parsed.batch_size


def _bars(parsed: Any, totals: dict[str, int]) -> Callable[[str], Advance]:
    shown = is_main() and not parsed.no_progress

    def advance(what: str) -> Advance:
        return images_bar(what, totals.get(what, 0), enabled=shown)

    return advance


def _against(parsed: Any, size: tuple[int, int] | None, data_dir: Any) -> EvalSet | Statistics:
    if is_statistics(parsed.against):
        if parsed.reference_images is not None or parsed.image_size is not None:
            raise UserError(
                f"--reference_images and --image_size choose and change images, and {parsed.against} holds their "
                "statistics: make them again with `jaxgan features`"
            )
        return load_statistics(parsed.against)
    return eval_set_of(open_images(parsed.against, image_size=size, data_dir=data_dir), parsed.reference_images)


def _totals(*sets: EvalSet | Statistics | None) -> dict[str, int]:
    totals: dict[str, int] = {}
    for eval_set in sets:
        if isinstance(eval_set, EvalSet):
            count = eval_set.stamp["count"]
            totals |= {eval_set.stamp["data"]: count, f"{eval_set.stamp['data']} {eval_set.stamp['split']}": count}
    return totals


def score_sets(parsed: Any) -> Scores:
    """``--images`` against ``--against``."""
    names = metric_names(parsed.metrics or DEFAULT_METRICS, run=False)
    needs = [n for n in names if n not in METRICS or METRICS[n].reference]
    if needs and not parsed.against:
        raise UserError(f"{needs[0]} needs a reference: --against=Y")
    size = image_size(parsed.image_size)
    eval_set = eval_set_of(open_images(parsed.images, image_size=size, data_dir=parsed.data_dir), parsed.num_images)
    reference = _against(parsed, size, parsed.data_dir) if parsed.against else None
    network = _network(parsed, names, features="inception", weights=None, resizer=None)
    mesh = make_mesh()
    found = score(
        names,
        eval_set,
        reference,
        network=network,
        mesh=mesh,
        settings=_settings(parsed, names, Settings.kid_block_size, Settings.is_splits),
        batch_size=_batch_size(parsed),
        advance=_bars(parsed, _totals(eval_set, reference)),
        distances=open_distances(names),
        record_failures=True,
    )
    if parsed.neighbours:
        few = eval_set_of(
            open_images(parsed.images, image_size=size, data_dir=parsed.data_dir),
            min(NEIGHBOUR_ROWS, eval_set.images.length),
        )
        _neighbours(parsed, few, reference, network, mesh)
    return found


def _data_dir(parsed: Any, run: Run) -> Any:
    return parsed.data_dir or run.config.data.data_dir


def scoring_of(parsed: Any, run: Run, own: Sequence[str] = ()) -> tuple[Scoring, list[str]]:
    """Protocol that a run is scored by: its own, except what the command line says otherwise.

    Args:
      parsed: the flags.
      run: what is scored.
      own: scores of the run's own evaluators, which ``--metrics`` may name too.

    Returns:
      ``(scoring, asked)``: without the run's own scores, and those of them that ``--metrics`` names.
    """
    evaluation = run.config.evaluation
    text = parsed.metrics if parsed.metrics is not None else evaluation.metrics
    both_ways = "domains" in run.config and bool(own)
    plain = {name: plain_name(name) for name in own} if both_ways else {}
    wanted = metric_names(text, [*own, *plain.values()])
    names = [name for name in wanted if name in METRICS or name in IMAGE_METRICS or name in RUN_METRICS]
    asked = [name for name in wanted if name not in names]
    if both_ways:
        # A score of features is one of either direction, which the run's own evaluators give.
        asked = [name for name in own if {name, plain[name], feature_metric(name)} & set(wanted)]
        names = [name for name in names if name not in METRICS]
    elif (parsed.sweep or parsed.features) and not wanted:
        names = metric_names(DEFAULT_METRICS)
    if "domains" in run.config and names:
        raise UserError(
            f"{names[0]} compares samples with the data that they are drawn for, and this run translates one domain to "
            f"another: leave --metrics out, or choose from {', '.join(own)}"
        )
    network = _network(
        parsed, names, features=evaluation.features, weights=evaluation.weights, resizer=evaluation.resizer
    )
    settings = _settings(parsed, names, evaluation.kid_block_size, evaluation.is_splits)
    scoring = Scoring(
        names=names,
        network=network,
        settings=settings,
        distances=open_distances(names),
        source=functools.cache(
            functools.partial(run.stage.examples or functools.partial(open_split, run.config), data_dir=parsed.data_dir)
        ),
        data_dir=_data_dir(parsed, run),
        class_names=run.class_names,
    )
    return scoring, asked


def reference_of_run(parsed: Any, run: Run, scoring: Scoring) -> EvalSet | Statistics:
    """``--against``, or the run's own data."""
    if parsed.against:
        return _against(parsed, image_size(parsed.image_size), _data_dir(parsed, run))
    split = reference_split(run.config, run.method)
    count = run.config.evaluation.reference_images if parsed.reference_images is None else parsed.reference_images
    return data_eval_set(
        run.config, scoring.source(split), split, count, field=target_of(run.method), data_dir=_data_dir(parsed, run)
    )


def _latent_seed(parsed: Any, run: Run) -> int:
    return run.config.seed + LATENT_SEED if parsed.seed is None else parsed.seed


def score_checkpoint(
    parsed: Any, run: Run, scoring: Scoring, reference: EvalSet | Statistics | None, options: Mapping[str, Any]
) -> Scores:
    """Scores of one checkpoint's samples."""
    count = run.config.evaluation.num_images if parsed.num_images is None else parsed.num_images
    if count < 1:
        raise UserError(f"--num_images={count}: draw one image at least")
    return score_samples(
        scoring,
        run.config,
        run.method,
        run.nets,
        reference,
        mesh=run.mesh,
        step=run.step,
        ema=run.ema,
        num_images=count,
        seed=_latent_seed(parsed, run),
        options=options,
        batch_size=parsed.batch_size,
        advance=_bars(parsed, {f"samples of {run.config.recipe}": count, **_totals(reference)}),
        record_failures=True,
    )


class _Opened(NamedTuple):
    """Shared by the scores of every checkpoint of a run; its own evaluators are those of a stage."""

    run: Run
    scoring: Scoring
    reference: EvalSet | Statistics | None
    own: Sequence[Evaluator]
    asked: Sequence[str] | None


def _open(parsed: Any, run: Run) -> _Opened:
    own = _own(run, parsed)
    scoring, asked = scoring_of(parsed, run, [name for evaluator in own for name in evaluator.scores or ()])
    options = sampling_options(run.method, parsed)
    if options and asked:
        raise UserError(f"{asked[0]} is the run's own, which samples without options: leave {next(iter(options))} out")
    if parsed.metrics is not None:
        own = [evaluator for evaluator in own if set(evaluator.scores or ()) & set(asked)]
    elif options:
        own = []
    if any("tstr" in (evaluator.scores or ()) for evaluator in own):
        check_classes(run.class_names, scoring.source(run.config.data.split))
    images = scoring.of([*METRICS, *IMAGE_METRICS])
    reference = reference_of_run(parsed, run, scoring) if images or parsed.neighbours else None
    return _Opened(run, scoring, reference, own, None if parsed.metrics is None else asked)


def _one(parsed: Any, step: int | None, opened: _Opened | None) -> tuple[Scores, _Opened]:
    """The scores of one checkpoint; the protocol and the reference are opened once."""
    # The same experiment throughout, so that what is compiled for one checkpoint serves the next.
    run = open_run(parsed.workdir, step=step, raw=parsed.raw, like=None if opened is None else opened.run)
    if opened is None or opened.run.stage.name != run.stage.name:
        opened = _open(parsed, run)
    options = sampling_options(run.method, parsed)
    found: Scores = {}
    if opened.scoring.names:
        found |= score_checkpoint(parsed, run, opened.scoring, opened.reference, options)
    for evaluator in opened.own:
        given = attempted([evaluator.name], functools.partial(_own_scores, run, evaluator), record=True)
        # A whole evaluator that failed bears its own name.
        whole = isinstance(given.get(evaluator.name), FailedScore)
        found |= {name: value for name, value in given.items() if opened.asked is None or whole or name in opened.asked}
    if parsed.neighbours:
        _neighbours_of_run(parsed, run, opened, options)
    if not found and not parsed.neighbours:
        raise UserError(
            "the run's config asks for no score (evaluation.metrics, evaluation.tstr): pass --metrics=fd,kid "
            "--features=efficientnet_lite0"
        )
    return found, opened


def _own_scores(run: Run, evaluator: Evaluator) -> Scores:
    return as_scores(evaluator.run(run.nets, run.step), _float_stamp(run, evaluator))


def _float_stamp(run: Run, evaluator: Evaluator) -> dict[str, Any]:
    """The protocol of the numbers that an evaluator gives without one."""
    return {
        "images": f"samples of {run.config.recipe}",
        "images_version": config_version(run.config),
        "evaluator": evaluator.name,
        "ema": run.ema,
        "step": run.step,
        "code": code_version(),
    }


def _neighbours_of_run(parsed: Any, run: Run, opened: _Opened, options: Mapping[str, Any]) -> None:
    inputs, _ = sample_inputs(
        run.config, run.method, NEIGHBOUR_ROWS, opened.scoring.source, data_dir=opened.scoring.data_dir
    )
    nets = prepared_nets(
        run.method,
        run.nets,
        run.config.evaluation,
        seed=run.config.seed + STANDING_SEED,
        mesh=run.mesh,
        options=options,
        step=run.step,
        inputs=None if draws_for_labels(run.method) else inputs,
    )
    rng = jax.random.key(_latent_seed(parsed, run))
    images = images_of_samples(run.method, nets, inputs, rng=rng, options=options, step=run.step)
    few = EvalSet(images, sample_stamp(run.config, inputs.length))
    _neighbours(parsed, few, opened.reference, opened.scoring.network, run.mesh)


def _own(run: Run, parsed: Any) -> Sequence[Evaluator]:
    """The config's own evaluators that are not of features: TSTR and its kin, and the scores of either direction."""
    config = run.config.copy_and_resolve_references()
    config.evaluation.metrics = ""
    if "domains" in config:
        _of_domains(config, parsed)
    return recipes.build(config).stage_of_checkpoint(run.step).evaluators(run.mesh)


def _of_domains(config: Any, parsed: Any) -> None:
    """Changes the config of a run of two domains to the scores and the numbers that the flags give."""
    if parsed.against:
        raise UserError(
            f"--against={parsed.against}: this run translates one domain to another, and either direction is scored "
            "against the domain that it goes to; leave it out, or score a folder of samples by --images and --against"
        )
    evaluation = config.evaluation
    if parsed.metrics is not None:
        named = [feature_metric(word.strip()) for word in parsed.metrics.split(",")]
        config.unpaired.metrics = ",".join(dict.fromkeys(name for name in named if name))
    elif parsed.features and not config.unpaired.metrics:
        config.unpaired.metrics = DEFAULT_METRICS
    if parsed.features not in (None, evaluation.features):
        evaluation.update(features=parsed.features, weights=None, resizer=None)
    given = ("weights", "resizer", "num_images", "batch_size", "kid_block_size", "is_splits")
    evaluation.update({name: getattr(parsed, name) for name in given if getattr(parsed, name) is not None})
    if parsed.data_dir:
        config.data.data_dir = str(parsed.data_dir)


def score_run(parsed: Any) -> Iterator[Scores]:
    """A run's newest checkpoint, that of ``--step``, all of them, or each new one."""
    opened = None
    if parsed.watch:
        yield from _watch(parsed)
        return
    steps: list[int | None] = [None]
    if parsed.step == "all":
        steps = list(checkpoint_steps(parsed.workdir))
        if not steps:
            raise UserError(f"{parsed.workdir} has no checkpoint yet; train it further")
    elif parsed.step is not None:
        if not (parsed.step.isascii() and parsed.step.isdecimal()):
            raise UserError(f"--step={parsed.step}: give a step, or 'all'")
        steps = [int(parsed.step)]
    for step in steps:
        found, opened = _one(parsed, step, opened)
        yield found


def _watch(parsed: Any) -> Iterator[Scores]:
    """Each checkpoint once, in order, until the run's last step is scored."""
    opened: _Opened | None = None
    done = -1
    while True:
        steps = [s for s in checkpoint_steps(parsed.workdir) if s > done]
        if steps:
            try:
                found, opened = _one(parsed, steps[0], opened)
            except Exception:
                if steps[0] in checkpoint_steps(parsed.workdir):
                    raise
                # The training run removed it between the look and the reading, which fails in many ways; the next one
                # is there.
                log.info("step %d was removed before it could be scored", steps[0])
            else:
                yield found
            done = steps[0]
        if done >= last_step(parsed.workdir):
            return
        if not steps:
            time.sleep(parsed.watch_every_seconds)


def _neighbours(parsed: Any, eval_set: EvalSet, reference: Any, network: FeatureNetwork | None, mesh: Mesh) -> None:
    """Each image of ``eval_set``, followed by its nearest of the reference."""
    if not isinstance(reference, EvalSet) or network is None:
        raise UserError("--neighbours needs reference images: --against=Y with a folder, an .npz or a data set")
    held = reference_statistics(
        reference,
        network,
        FeatureRequest(features=True),
        mesh=mesh,
        batch_size=_batch_size(parsed),
        advance=_bars(parsed, _totals(reference)),
    )
    grid = neighbour_grid(eval_set, reference, held, network=network, mesh=mesh)
    if is_main():
        Path(parsed.neighbours).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid).save(parsed.neighbours)
    log.info("%s: an image, then its nearest of the reference, by %s", parsed.neighbours, network.name)
