"""Inputs that a run's samples are drawn for, what they are scored against, and networks made ready to draw."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Source, select
from jaxgan.data.image_set import ImageSet, describe_source
from jaxgan.evaluation import SampleInputs, label_inputs, source_inputs, standing_statistics
from jaxgan.evaluation.eval_set import EvalSet, eval_set_of
from jaxgan.evaluation.inputs import even_choice
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method
from jaxgan.training.state import Variables

# Networks and latents are prepared from seeds of their own, different from training's.
STANDING_SEED, GRID_SEED, LATENT_SEED = 1, 2, 3


def reference_split(config: ConfigDict, method: Method) -> str:
    """The split that samples are scored against: ``evaluation.reference_split``, else the data's own split for training
    or, where samples are drawn for examples of the data, that for testing.
    """
    own = config.data.split if draws_for_labels(method) else config.data.test_split
    return config.evaluation.reference_split or own


def likelihood_split(config: ConfigDict) -> str:
    """The split whose examples likelihoods are of: ``evaluation.reference_split``, else that for testing."""
    return config.evaluation.reference_split or config.data.test_split


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
    described = described_split(config, opened, split, data_dir)
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


def target_of(method: Method) -> str:
    """The field of the data that samples are to be like: ``method.target``, 'image' where it names none."""
    return getattr(method, "target", None) or "image"


def described_split(config: ConfigDict, source: Source, split: str, data_dir: str | None) -> ImageSet:
    """A split of a config's data with what identifies it; ``data_dir`` is where the data lies now."""
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
    described = described_split(config, source, split, data_dir)
    if field != "image":
        kept = {"label": "label"} if "label" in source.fields else {}
        described = described._replace(source=select(source, image=field, **kept))
    return eval_set_of(described, num_images)
