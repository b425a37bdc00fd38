"""A config's training step and sampler, compiled and ready to be timed."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan import recipes
from jaxgan.convolutions import Choose, Chosen, Convolution
from jaxgan.evaluation.options import checked_options, split_options
from jaxgan.evaluation.sampling import Operand, SampleImages, as_step, fold_networks
from jaxgan.experiment.mesh import experiment_mesh
from jaxgan.parallel import BATCH, host_to_global, make_mesh, shardings
from jaxgan.training.conv_choices import conv_choices
from jaxgan.training.method import Experiment, Stage
from jaxgan.training.state import TrainState
from jaxgan.training.step import CompiledStep, compile_step, init_state, make_stage_step


class Training(NamedTuple):
    """A compiled step and what it is called with.

    Attributes:
      experiment, stage, mesh: what is trained, and where.
      run: (state, batch, key) -> (state, metrics), compiled; donates the state unless asked not to. Its ``function`` is
        the compiled program.
      state, batch, key: its arguments; the batch is random.
      compile_seconds: of lowering and compiling.
      images_per_step: as the trainer counts them: of one D update.
      forms: those of its convolutions that are not XLA's, by the convolutions' texts.
    """

    experiment: Experiment
    stage: Stage
    mesh: Mesh
    run: CompiledStep
    state: TrainState
    batch: dict[str, Array]
    key: Array
    compile_seconds: float
    images_per_step: int
    forms: Mapping[str, str]


def quick_weights(config: Any) -> Any:
    """``config`` with weights drawn from N(0, 0.02): orthogonal ones take minutes to make at ImageNet's widths, and run
    no slower or faster.
    """
    config = config.copy_and_resolve_references()
    for section in (config.get("generator", {}), config.get("discriminator", {})):
        if "weight_init" in section:
            section.weight_init = "normal_02"
    return config


def _noted(forms: Choose | None, taken: dict[str, str]) -> Choose | None:
    """``forms``, which notes in ``taken`` what it chose other than XLA's."""
    if forms is None:
        return None

    def choose(found: Mapping[Convolution, int]) -> Chosen:
        chosen = forms(found)
        taken.update({asked.text(): form for asked, form in chosen.items() if form != "xla"})
        return chosen

    return choose


def random_batch(stage: Stage) -> dict[str, np.ndarray]:
    """A batch of a stage's shapes: bytes for images, normal numbers for points and other floats, uniform labels."""
    rng = np.random.default_rng(0)

    def draw(like: Any) -> np.ndarray:
        if np.issubdtype(like.dtype, np.floating):
            return rng.standard_normal(like.shape).astype(like.dtype)
        high = 256 if like.dtype == np.uint8 else max(1, stage.method.num_classes)
        return rng.integers(0, high, like.shape, like.dtype)

    return {name: draw(like) for name, like in stage.batch.items()}


def compile_training(
    config: Any, *, stage: str | None = None, devices: Sequence[Any] | None = None, donate: bool = True
) -> Training:
    """Builds a config's stage (None for the only one) with fresh weights, and compiles its step over ``devices``
    (default: all).
    """
    config = quick_weights(config)
    experiment = recipes.build(config)
    chosen = experiment.stage_named(stage)
    mesh = experiment_mesh(config, devices, experiment=experiment)
    state, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    batch, key = host_to_global(random_batch(chosen), mesh), jax.random.key(0)
    training = config.training
    forms = conv_choices(training.convolutions, mesh=mesh, seconds=training.convolution_seconds)
    taken: dict[str, str] = {}
    with jax.set_mesh(mesh):
        step = compile_step(make_stage_step(chosen), mesh, where, donate=donate, forms=_noted(forms, taken))
        began = time.perf_counter()
        run = step.compile(state, batch, key)
        seconds = time.perf_counter() - began
    return Training(experiment, chosen, mesh, run, state, batch, key, seconds, chosen.images_per_step, taken)


def compile_shapes(config: Any, *, stage: str | None = None, devices: Sequence[Any] | None = None) -> Any:
    """The step of a config's stage compiled from shapes alone: no array is built, and nothing can be run."""
    experiment = recipes.build(config)
    chosen, shapes = experiment.stage_named(stage), experiment.shapes()
    mesh = experiment_mesh(config, devices, experiment=experiment)
    step = compile_step(make_stage_step(chosen), mesh, shardings(shapes, experiment.rules, mesh))
    with jax.set_mesh(mesh):
        return step.lower(shapes, chosen.batch, jax.eval_shape(lambda: jax.random.key(0))).compile()


class Sampling(NamedTuple):
    """A compiled sampler.

    Attributes:
      draw: (first) -> samples of the numbers first, first + 1, ..., latents drawn inside: images uint8 [B, H, W, C], or
        points.
      run: what ``draw`` calls, compiled.
      trace: () -> the jaxpr of what is compiled.
      compile_seconds: of lowering and compiling.
      forms: as of :class:`Training`.
    """

    draw: Callable[[int], dict[str, Array]]
    run: Any
    trace: Callable[[], Any]
    compile_seconds: float
    forms: Mapping[str, str]


def fresh_nets(experiment: Experiment) -> dict[str, Any]:
    """Networks alone, with fresh weights: no optimiser is built."""
    return jax.jit(lambda key: {"g": experiment.fresh_state(key).nets["g"]})(jax.random.key(0))


def compile_sampling(
    method: Any,
    nets: dict[str, Any],
    *,
    batch_size: int,
    mesh: Mesh | None = None,
    convolutions: str = "auto",
    seconds: float = 5.0,
) -> Sampling:
    """Compiles what ``jaxgan sample`` draws a batch with, with convolutions as
    :func:`jaxgan.training.conv_choices.conv_choices` has them.
    """
    mesh = make_mesh() if mesh is None else mesh
    whole, split = NamedSharding(mesh, P()), NamedSharding(mesh, BATCH)
    labels = jax.device_put(np.arange(batch_size, dtype=np.int32) % max(method.num_classes, 1), split)
    fixed, numbers = split_options(method, checked_options(method, {}))
    operand = jax.device_put(Operand(fold_networks(nets), jax.random.key(0), numbers, as_step(0)), whole)
    conditions = {"label": labels} if method.num_classes else {}

    def rows(first: int) -> dict[str, Any]:
        index = np.arange(first, first + batch_size, dtype=np.uint32)
        return {"conditions": conditions, "index": jax.device_put(index, split)}

    taken: dict[str, str] = {}
    with jax.set_mesh(mesh):
        forms = _noted(conv_choices(convolutions, mesh=mesh, seconds=seconds), taken)
        function = jax.jit(SampleImages(method, fixed, key=None, forms=forms).__call__)
        began = time.perf_counter()
        compiled = function.lower(operand, rows(0)).compile()
        seconds = time.perf_counter() - began

    def draw(first: int) -> dict[str, Array]:
        return compiled(operand, rows(first))

    def trace() -> Any:
        with jax.set_mesh(mesh):
            return function.trace(operand, rows(0)).jaxpr

    return Sampling(draw, compiled, trace, seconds, taken)
