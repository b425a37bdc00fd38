"""What can be added to a two-player game: terms of either loss, what D is shown, what is remembered between steps."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.training.state import Metrics, TrainState, Variables
from jaxgan.training.update import Module

# Classes int [B], or whatever tree of [B, ...] the networks are conditioned on.
Labels = Any


class DiscriminatorOutput(NamedTuple):
    """What D says of images.

    Attributes:
      logits: [B] or [B, scales].
      features: [B, F] before its last layer; None where it shows none (see :func:`jaxgan.nn.sow_features`).
    """

    logits: Array
    features: Array | None

    def shown(self, what: str) -> Array:
        """The features.

        Raises:
          ValueError: where D shows none, naming ``what`` needs them.
        """
        if self.features is None:
            raise ValueError(
                f"{what} reads D's features, but this discriminator shows none: call jaxgan.nn.sow_features in it"
            )
        return self.features


class Play(NamedTuple):
    """A play as its terms see it.

    Attributes:
      nets: all networks, with the parameters that the play moves as the variables of its gradient.
      extra: the state's own.
      step: [] int32, completed steps.
      rng: a key for each term's own use.
      critic: (images, labels) -> :class:`DiscriminatorOutput`, with the augmentations and the random numbers that real
        and fake images have, the same at every call. Moves nothing.
      generate: (latents, labels) -> images, G in train mode. Moves nothing.
      images, labels: real ones, float in [-1, 1].
      real: D on them; in a G play None, but where the loss or a term asked for it.
      z: [B, z_dim], mapped by the prior.
      fakes, fake_labels: generated ones.
      fake: D on them; None where micro-batches judge them.
    """

    nets: dict[str, Variables]
    extra: dict[str, Any]
    step: Array
    rng: Array
    critic: Callable[[Array, Labels], DiscriminatorOutput]
    generate: Callable[[Array, Labels], Array]
    images: Array
    labels: Labels
    real: DiscriminatorOutput | None
    z: Array
    fakes: Array
    fake_labels: Labels
    fake: DiscriminatorOutput | None


class TermOutput(NamedTuple):
    """What a term adds.

    Attributes:
      loss: [], weighted.
      metrics: name -> [] for the log.
      moved: collections to keep, by net: what the term's own heads moved.
    """

    loss: Array
    metrics: Metrics = {}  # noqa: RUF012 (a tuple's default, never written to)
    moved: dict[str, Variables] = {}  # noqa: RUF012


Term = Callable[[Play], TermOutput]


class Regularizer(NamedTuple):
    """One addition to the game; what is None is left as it is.

    Attributes:
      name: its key in the state's ``extra``.
      d_term, g_term: added to D's and to G's loss.
      every: apply ``d_term`` on every n-th step alone, in a D play of its own, n times as strong (lazy regularisation,
        arXiv:1912.04958, appendix B).
      see: (images, rng, extra, step) -> images: what D is shown in their place, real or generated.
      mix: (real [B, ...], fake [B, ...], rng=, extra=) -> what D is told is real; called alike for images and labels.
      init: networks -> ``extra[name]`` at step 0.
      update: (extra[name], the step's metrics, state) -> extra[name] after a step.
      heads: (net, module) of networks that read D's features and are moved with D.
      by_rows: whether its terms are means over examples, so that a batch can be taken in parts.
      needs_real: whether ``g_term`` reads ``Play.real``.
    """

    name: str
    d_term: Term | None = None
    g_term: Term | None = None
    every: int = 1
    see: Callable[[Array, Array, dict[str, Any], Array], Array] | None = None
    mix: Callable[..., Array] | None = None
    init: Callable[[dict[str, Variables]], Any] | None = None
    update: Callable[[Any, Metrics, TrainState], Any] | None = None
    heads: tuple[tuple[str, Module], ...] = ()
    by_rows: bool = True
    needs_real: bool = False


def add_terms(terms: Iterable[Term | None], play: Play) -> TermOutput:
    """The sum of what terms add, each under a key of its own."""
    loss: Array = jnp.zeros((), jnp.float32)
    metrics: Metrics = {}
    moved: dict[str, Variables] = {}
    for index, term in enumerate(terms):
        if term is not None:
            added = term(play._replace(rng=jax.random.fold_in(play.rng, index)))
            loss, metrics, moved = loss + added.loss, metrics | added.metrics, moved | added.moved
    return TermOutput(loss, metrics, moved)


def show(regularizers: Iterable[Regularizer], images: Array, rng: Array, extra: dict[str, Any], step: Array) -> Array:
    """What D is shown of ``images``."""
    for index, regularizer in enumerate(regularizers):
        if regularizer.see is not None:
            images = regularizer.see(images, jax.random.fold_in(rng, index), extra, step)
    return images


def off(weight: Any) -> bool:
    """Whether a weight is 0; one that is traced is not."""
    return isinstance(weight, int | float) and weight == 0
