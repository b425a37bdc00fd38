"""Draws of two-player games: images from latents or from styles, styles from latents, and what norms see in a draw."""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.inputs import output_of
from jaxgan.training.method import Batch
from jaxgan.training.state import Variables
from jaxgan.training.update import apply

if TYPE_CHECKING:
    from jaxgan.methods.gan import GAN


class Styles(NamedTuple):
    """The space of styles of a generator that has, next to ``__call__``, the methods ``styles`` (latents, condition ->
    styles [B, L, W]) and ``synthesize`` (styles -> images).

    Attributes:
      shape: (L, W).
      options: keywords of sampling that act in ``styles``, such as a truncation; the others act in ``synthesize``.
    """

    shape: tuple[int, int]
    options: tuple[str, ...] = ()


def sample(game: "GAN", nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
    """Images or points for the conditions in ``batch``, or of the styles in ``batch['w']``, with fixed statistics.

    Raises:
      ValueError: where the networks take keywords that depend on the step and ``batch['step']`` is missing.
    """
    inputs = _inputs(game, batch)
    if "w" in batch:
        assert game.styles is not None
        given: tuple[Any, ...] = (batch["w"],)
        inputs = {"method": "synthesize"} | {k: v for k, v in inputs.items() if k not in game.styles.options}
    else:
        given = game.latents.given(batch, rng)

    def draw(rows: tuple[Any, ...], **rngs: Any) -> Array:
        drawn: Array = apply(game.generator, nets["g"], *rows, train=False, **rngs, **inputs)[0]
        return drawn

    if not game.draws_in_sample:
        return output_of(draw(given))

    def row(one: tuple[Any, ...], key: Array) -> Array:
        return draw(jax.tree.map(lambda x: x[None], one), rngs=forward.streams(key))[0]

    keys = batch["key"] if "key" in batch else jax.random.split(rng, len(given[0]))
    return output_of(jax.vmap(row)(given, keys))


def map_latents(game: "GAN", nets: dict[str, Variables], batch: Batch, rng: Array) -> Array:
    """Styles [B, L, W] of the latents in ``batch``, for its conditions and options; ``sample`` takes them as
    ``batch['w']``.
    """
    assert game.styles is not None
    inputs = {name: value for name, value in _inputs(game, batch).items() if name in game.styles.options}
    z, condition = game.latents.given(batch, rng)
    ws: Array = apply(game.generator, nets["g"], z, condition, train=False, method="styles", **inputs)[0]
    return ws


def batch_moments(game: "GAN", nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
    """The statistics that G's norms see in one train-mode draw."""
    z, condition = game.latents.given(batch, rng)
    _, found = forward.generate(
        game.generator, nets["g"], z, condition, rng, collect=("batch_moments",), inputs=_inputs(game, batch)
    )
    return {"g": found["batch_moments"]} if "batch_moments" in found else {}


def _inputs(game: "GAN", batch: Batch) -> dict[str, Any]:
    """Keywords of G: those of the options, and those of the step."""
    options: dict[str, Any] = batch.get("options", {})  # type: ignore[assignment]
    chosen = {} if game.inputs_of_options is None else game.inputs_of_options(options)
    if game.network_inputs is None:
        return chosen
    if "step" not in batch:
        raise ValueError("these networks take keywords that depend on the step: give batch['step'], [] int32")
    return game.network_inputs(batch["step"], {}) | chosen
