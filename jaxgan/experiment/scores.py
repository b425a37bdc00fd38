"""Score the samples of a run against its data: what training's evaluators and the command line share."""

import dataclasses
import functools
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Source, select
from jaxgan.data.image_set import ImageSet, describe_source
from jaxgan.evaluation import SampleInputs, label_inputs, source_inputs, standing_statistics
from jaxgan.evaluation.collect import images_of_samples
from jaxgan.evaluation.eval_set import EvalSet, eval_set_of
from jaxgan.evaluation.feature_scores import METRICS, Settings
from jaxgan.evaluation.image_scores import IMAGE_METRICS, PERCEPTUAL, Distance
from jaxgan.evaluation.inputs import even_choice
from jaxgan.evaluation.latent_scores import LATENT_METRICS, check_latents, path_length, separability
from jaxgan.evaluation.likelihood import LIKELIHOOD_METRICS, example_nats, likelihood_scores
from jaxgan.evaluation.options import checked_options, options_stamp
from jaxgan.evaluation.protocol import code_version
from jaxgan.evaluation.score import Advance, score
from jaxgan.evaluation.statistics import Statistics
from jaxgan.evaluation.tstr import fit_classifier
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.interop.open_features import open_features
from jaxgan.interop.perceptual import open_perceptual
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method, Score
from jaxgan.training.state import Variables
from jaxgan.training.workdir import fingerprint

log = logging.getLogger("jaxgan")

# Scores of which more is better, and less; those of features and of networks' names are told by best_is.
HIGHER = ("tstr", "trts", "classes_hit", "modes", "high_quality", "spread_min", "psnr", "ssim", "ms_ssim", "elbo")
LOWER = ("modes_kl", "mode_kl", "emd", "js", "bits_per_dim", "perplexity", "separability", *PERCEPTUAL)

# What only runs have: every name that `jaxgan evaluate --workdir` and evaluation.metrics take next to those of images.
RUN_METRICS = {**LATENT_METRICS, **LIKELIHOOD_METRICS}
# The authors' choice for scores.
ALIASES = {"lpips": "lpips_alex"}

# Networks and latents are prepared from seeds of their own, different from training's.
STANDING_SEED, GRID_SEED, LATENT_SEED = 1, 2, 3


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
        if score in (metric, spec.inception) or (spec.of_inception and score.startswith(f"{metric}_")):
            return "max" if spec.higher else "min"
    known = [*METRICS, *HIGHER, *LOWER, "ppl"]
    raise UserError(f"evaluation.best={name!r}: give a score as metrics.jsonl calls it, eval/... of {', '.join(known)}")


def feature_network(evaluation: Any, names: Sequence[str]) -> FeatureNetwork | None:
    """The network that a config's ``evaluation`` names, where any score needs one."""
    if not any(name in METRICS for name in names):
        return None
    return open_features(evaluation.features, weights=evaluation.weights, resizer=evaluation.resizer)


def open_distances(names: Sequence[str]) -> dict[str, Distance]:
    """The perceptual distances that scores need, by score.

    'ppl' takes LPIPS's VGG where its weights are found on this machine, as published figures do, else the offline
    distance, and its name and stamp say so.

    Raises:
      UserError: where weights are missing.
    """
    found: dict[str, Distance] = {name: open_perceptual(name) for name in names if name in PERCEPTUAL}
    if "ppl" in names:
        try:
            found["ppl"] = open_perceptual("lpips_vgg", download=False)
        except UserError:
            log.info("ppl: no weights of LPIPS's VGG on this machine; by pd_efficientnet_lite0 instead, and so named")
            found["ppl"] = open_perceptual("pd_efficientnet_lite0")
    return found


def settings_of(evaluation: Any) -> Settings:
    """The numbers of a config's scores."""
    return Settings(kid_block_size=evaluation.kid_block_size, is_splits=evaluation.is_splits)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Scoring:
    """Protocol of a run's scores, opened once for all of its checkpoints.

    Attributes:
      names: scores.
      network: the features; None where no score needs any.
      settings: the scores' numbers.
      distances: what :func:`open_distances` gives for ``names``.
      source: split -> the run's data.
      data_dir: where the data lies now, if not where the config says.
    """

    names: Sequence[str]
    network: FeatureNetwork | None
    settings: Settings
    distances: Mapping[str, Distance]
    source: Callable[[str], Source]
    data_dir: str | None = None

    def of(self, names: Iterable[str]) -> list[str]:
        """Those of the scores that are among ``names``."""
        wanted = set(names)
        return [name for name in self.names if name in wanted]

    @functools.cached_property
    def _classifiers(self) -> dict[tuple[str, int, int], Callable[[Array], Array]]:
        return {}

    def classifier(self, split: str, *, steps: int, seed: int) -> tuple[Callable[[Array], Array], int]:
        """Logits of images in [-1, 1] by a classifier trained on a split, and how many classes it has.

        Raises:
          UserError: where the data has no labels.
        """
        source = self.source(split)
        if source.num_classes < 2:
            raise UserError(f"separability distinguishes the classes of the data, and {source.name} has none")
        key = (split, steps, seed)
        if key not in self._classifiers:
            got = source.fetch(np.arange(source.length))
            self._classifiers[key] = fit_classifier(
                got["image"], got["label"], num_classes=source.num_classes, steps=steps, seed=seed
            )
        return self._classifiers[key], source.num_classes


def reference_split(config: ConfigDict, method: Method) -> str:
    """The split that samples are scored against: ``evaluation.reference_split``, else the data's own split for training
    or, where samples are drawn for examples of the data, that for testing.
    """
    own = config.data.split if draws_for_labels(method) else config.data.test_split
    return config.evaluation.reference_split or own


def draws_for_labels(method: Method) -> bool:
    """Whether a class, or nothing, is all that ``method`` draws for."""
    return set(method.conditions) <= {"label"}


def sample_inputs(
    config: ConfigDict,
    method: Method,
    num_images: int,
    source: Callable[[str], Source],
    *,
    data_dir: str | None = None,
) -> tuple[SampleInputs, int | None]:
    """Inputs of ``num_images`` samples of a run: classes in equal shares, or, where the method draws for
    examples of the data, an even choice from :func:`reference_split`, of all where there are no more.

    Returns:
      ``(inputs, chosen_from)``: the examples of the split where these are a choice from them, else None.
    """
    if draws_for_labels(method):
        return label_inputs(num_images, method.num_classes), None
    split = reference_split(config, method)
    opened = source(split)
    count = min(num_images, opened.length)
    described = _describe(config, opened, split, data_dir)
    stamp = {"inputs": described.name, "inputs_version": described.version, "inputs_split": split}
    chosen = even_choice(opened.length, count)
    inputs = source_inputs(opened, method.conditions, chosen, stamp=stamp)
    return inputs, None if chosen is None else opened.length


def sample_targets(
    config: ConfigDict, method: Method, num_images: int, source: Callable[[str], Source]
) -> Callable[[np.ndarray], np.ndarray] | None:
    """The true picture of each of :func:`sample_inputs`, the field :func:`target_of`; None where the data has none."""
    opened, name = source(reference_split(config, method)), target_of(method)
    chosen = even_choice(opened.length, min(num_images, opened.length))
    indices = np.arange(opened.length) if chosen is None else chosen
    if name in method.conditions or name not in opened.fields:
        return None
    return lambda wanted: opened.fetch(indices[wanted])[name]


def prepared_nets(
    method: Method, nets: dict[str, Variables], evaluation: Any, *, seed: int, mesh: Mesh, **options: Any
) -> dict[str, Variables]:
    """``nets`` with the statistics that ``evaluation.batch_norm`` asks for: 'standing' or 'running'.

    Args:
      method, nets: as for sampling.
      evaluation: the config's section.
      seed: of the draws.
      mesh: the devices.
      options: of :func:`jaxgan.evaluation.standing_statistics`.

    Raises:
      UserError: on another word.
    """
    if evaluation.batch_norm == "running":
        return nets
    if evaluation.batch_norm != "standing":
        raise UserError(f"evaluation.batch_norm={evaluation.batch_norm!r}; choose from 'standing', 'running'")
    return standing_statistics(
        method,
        nets,
        rng=jax.random.key(seed),
        mesh=mesh,
        passes=evaluation.standing_passes,
        batch_size=evaluation.batch_size,
        **options,
    )


def _describe(config: ConfigDict, source: Source, split: str, data_dir: str | None) -> ImageSet:
    return describe_source(
        config.data.name,
        source,
        split,
        image_size=tuple(config.data.image_size),
        data_dir=data_dir or config.data.data_dir,
    )


def data_eval_set(
    config: ConfigDict,
    source: Source,
    split: str,
    num_images: int | None = None,
    *,
    field: str = "image",
    data_dir: str | None = None,
) -> EvalSet:
    """A split of a config's data as a reference.

    Args:
      config: of the run.
      source: the split.
      split: its name.
      num_images: an even choice of so many; None for all.
      field: what samples are scored against: :func:`target_of` of the method.
      data_dir: where the data lies now, if not where the config says.
    """
    described = _describe(config, source, split, data_dir)
    if field != "image":
        kept = {"label": "label"} if "label" in source.fields else {}
        described = described._replace(source=select(source, image=field, **kept))
    return eval_set_of(described, num_images)


def target_of(method: Method) -> str:
    """The field of the data that samples are to be like: ``method.target``, 'image' where it names none."""
    return getattr(method, "target", None) or "image"


def sampling_stamp(
    config: ConfigDict,
    *,
    step: int,
    ema: bool,
    seed: int,
    options: Mapping[str, Any] | None = None,
    inputs: SampleInputs | None = None,
) -> dict[str, Any]:
    """Stamp of how samples were drawn.

    Args:
      config: of the run.
      step: of the networks.
      ema: whether averages are among the networks.
      seed: of the latents.
      options: every sampling option, as :func:`jaxgan.evaluation.options.checked_options` gives them.
      inputs: what was drawn for.
    """
    evaluation = config.evaluation
    standing = evaluation.batch_norm == "standing"
    return {
        "ema": ema,
        "batch_norm": evaluation.batch_norm,
        # Statistics of other batches are others, and so are the images.
        **({"standing": f"{evaluation.standing_passes} x {evaluation.batch_size}"} if standing else {}),
        **options_stamp(options or {}),
        **({} if inputs is None else inputs.stamp),
        "seed": seed,
        "step": step,
    }


def sample_stamp(config: ConfigDict, num_images: int) -> dict[str, Any]:
    """Stamp of samples as a set."""
    resolution = [*config.data.image_size, config.data.channels]
    return {
        "data": f"samples of {config.recipe}",
        "version": config_version(config),
        "split": "generated",
        "count": num_images,
        "resolution": resolution,
        "crop": "none",
    }


def config_version(config: ConfigDict) -> str:
    """Sixteen digits of a config's fingerprint."""
    return fingerprint(json.loads(config.to_json()))[:16]


def score_samples(
    scoring: Scoring,
    config: ConfigDict,
    method: Method,
    nets: dict[str, Variables],
    reference: EvalSet | Statistics | None,
    *,
    mesh: Mesh,
    step: int,
    ema: bool,
    num_images: int,
    seed: int,
    options: Mapping[str, Any] | None = None,
    batch_size: int | None = None,
    advance: Callable[[str], Advance] = lambda what: lambda images: None,
    cache: Path | None = None,
) -> dict[str, Score]:
    """Scores of a run's networks: of samples against a reference, of its latents, and of its likelihood.

    Args:
      scoring: which scores, and by what.
      config, method, nets: of the run; averages in place where ``ema``.
      reference: what samples are scored against.
      mesh: the devices.
      step: of the networks.
      ema: whether averages are among ``nets``, for the stamp.
      num_images: samples; of a method that draws for examples of the data, at most as many as there are. Examples of a
        likelihood, paths and classified images are as many.
      seed: of the latents.
      options: sampling options; standing statistics are computed anew for them.
      batch_size: images a dispatch, which no score depends on; ``evaluation.batch_size``, in which standing statistics
        are drawn whatever this is, where None.
      advance, cache: as for :func:`jaxgan.evaluation.score.score`.

    Raises:
      UserError: where a score has no meaning for the method, or an option is not declared.
    """
    every = checked_options(method, options or {})
    size = config.evaluation.batch_size if batch_size is None else batch_size
    drawing: dict[str, Any] = dict(rng=jax.random.key(seed), options=options, step=step)
    own = _stamp_of_samples(config, num_images)
    own |= sampling_stamp(config, step=step, ema=ema, seed=seed, options=every)
    found: dict[str, Score] = {}
    if scoring.of(LIKELIHOOD_METRICS):
        running = {k: v for k, v in own.items() if k != "standing"} | {"batch_norm": "running"}
        shared = dict(mesh=mesh, batch_size=size, **drawing)
        found |= _likelihood(scoring, config, method, nets, running, num_images, shared)
    of_images = scoring.of([*METRICS, *IMAGE_METRICS])
    if not of_images and not scoring.of(LATENT_METRICS):
        return found
    inputs, chosen_from = sample_inputs(config, method, num_images, scoring.source, data_dir=scoring.data_dir)
    ready = prepared_nets(
        method,
        nets,
        config.evaluation,
        seed=config.seed + STANDING_SEED,
        mesh=mesh,
        options=options,
        step=step,
        inputs=None if draws_for_labels(method) else inputs,
    )
    if of_images:
        images = images_of_samples(method, ready, inputs, **drawing)
        found |= score(
            of_images,
            EvalSet(images, sample_stamp(config, inputs.length), chosen_from, _class_names(scoring, config)),
            reference,
            network=scoring.network,
            mesh=mesh,
            settings=scoring.settings,
            batch_size=size,
            stamp=sampling_stamp(config, step=step, ema=ema, seed=seed, options=every, inputs=inputs),
            advance=advance,
            cache=cache,
            distances=scoring.distances,
        )
    if scoring.of(LATENT_METRICS):
        shared = dict(mesh=mesh, num_samples=num_images, batch_size=size, **drawing)
        found |= _latent_scores(scoring, config, method, ready, own, shared)
    return found


def _class_names(scoring: Scoring, config: ConfigDict) -> tuple[str, ...] | None:
    """The names of the classes that samples are drawn for, where a score pairs classes."""
    if not scoring.of(name for name, metric in METRICS.items() if metric.labels):
        return None
    return scoring.source(config.data.split).class_names or None


def _stamp_of_samples(config: ConfigDict, num_images: int) -> dict[str, Any]:
    drawn = sample_stamp(config, num_images)
    return {
        "images": drawn["data"],
        "images_version": drawn["version"],
        "images_split": drawn["split"],
        "num_images": num_images,
        "resolution": drawn["resolution"],
        "code": code_version(),
    }


def _latent_scores(
    scoring: Scoring,
    config: ConfigDict,
    method: Method,
    nets: dict[str, Variables],
    stamp: Mapping[str, Any],
    shared: Mapping[str, Any],
) -> dict[str, Score]:
    """Scores of the latents; a truncation does not act on them, and is refused."""
    if stamp["truncation_mode"] != "none":
        names = " and ".join(scoring.of(LATENT_METRICS))
        raise UserError(f"{names} go through all of the latents, which are not truncated: leave the truncation out")
    found: dict[str, Score] = {}
    for name in scoring.of(LATENT_METRICS):
        check_latents(name, method)
        if name == "ppl":
            found |= path_length(method, nets, scoring.distances[name], stamp=stamp, **shared)
            continue
        steps = config.evaluation.tstr_steps
        classify, _ = scoring.classifier(config.data.split, steps=steps, seed=config.seed)
        full = {**stamp, "reference": config.data.name, "reference_split": config.data.split}
        settings = {"classifier_steps": steps}
        found |= separability(method, nets, classify, stamp=full, settings=settings, **shared)
    return found


def _likelihood(
    scoring: Scoring,
    config: ConfigDict,
    method: Method,
    nets: dict[str, Variables],
    stamp: Mapping[str, Any],
    num_images: int,
    shared: Mapping[str, Any],
) -> dict[str, Score]:
    """Scores of the likelihood of held-out examples: all of the test split, or an even choice of ``num_images``."""
    names = scoring.of(LIKELIHOOD_METRICS)
    if not hasattr(method, "nats"):
        raise UserError(f"{names[0]} needs a likelihood, and {config.recipe} has none: its method gives no nats")
    split = config.evaluation.reference_split or config.data.test_split
    source = scoring.source(split)
    count = min(num_images, source.length)
    examples = source_inputs(source, tuple(source.fields), even_choice(source.length, count))
    nats, counts, field = example_nats(method, nets, examples, **shared)
    described = _describe(config, source, split, scoring.data_dir)
    full = {
        **stamp,
        "num_images": count,
        "reference": described.name,
        "reference_version": described.version,
        "reference_split": split,
        "reference_count": count,
    }
    return likelihood_scores(names, nats, counts, field, stamp=full)


def stamped(values: Mapping[str, float], stamp: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Score]:
    """Scores of this library's own making (TSTR and its kin), with the stamp that they share."""
    full = {**stamp, "settings": dict(settings), "code": code_version()}
    return {name: Score(float(np.asarray(value)), None, full) for name, value in values.items()}


def as_scores(results: Mapping[str, Any], stamp: Mapping[str, Any]) -> dict[str, Score]:
    """The scores and floats that an evaluator gives, without 'eval/' and pictures; floats are given ``stamp``.

    Args:
      results: name -> score, float or picture.
      stamp: the protocol of floats; of scores, only whether averages were scored is taken from it.
    """
    found = {}
    for name, value in results.items():
        if isinstance(value, Score):
            found[name.removeprefix("eval/")] = value._replace(stamp={**value.stamp, "ema": stamp["ema"]})
        elif np.ndim(value) == 0:
            found[name.removeprefix("eval/")] = Score(float(value), None, dict(stamp))
    return found
