"""Regularizers: extra loss terms for G or D, augmentations of D's input, state kept across steps."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.training.state import Metrics, TrainState, Variables
from jaxgan.training.update import Aux, Module

# Images or points [B, ...] and the condition that goes with them, any tree of arrays [B, ...].
Conditioned = tuple[Array, Any]


class DiscriminatorOutput(NamedTuple):
    """A discriminator's output for B images.

    Attributes:
      logits: an array a scale (or a critic): [B], [B, S] or [B, h, w].
      features: the tapped layers, in order, the one before the last layer at the end; empty where the network sows
        none (see :func:`jaxgan.nn.sow_features`).
    """

    logits: tuple[Array, ...]
    features: tuple[Array, ...] = ()

    def last_features(self, user: str) -> Array:
        """The features before D's last layer.

        Raises:
          ValueError: where D sows none, naming ``user``, which needs them.
        """
        if not self.features:
            raise ValueError(
                f"{user} reads D's features, but this discriminator has none to read: call jaxgan.nn.sow_features in it"
            )
        return self.features[-1]

    def score(self) -> Array:
        """[B] float: the mean over scales of the mean logit of each image."""
        return mean_over_scales(lambda logits: logits.reshape(logits.shape[0], -1).mean(1), self.logits)


def mean_over_scales(fn: Callable[..., Array], *logits: tuple[Array, ...]) -> Array:
    """The mean over scales of ``fn`` of each scale's logits, so that no scale weighs more for having more of them.

    Args:
      fn: (array, ...) -> an array of one shape for all scales, such as a loss [].
      *logits: tuples of one length, an array a scale.

    Raises:
      ValueError: where the tuples' lengths differ.
    """
    if len({len(each) for each in logits}) != 1:
        raise ValueError(f"needs one number of scales, got {[len(each) for each in logits]}")
    values = [fn(*scale) for scale in zip(*logits)]
    return values[0] if len(values) == 1 else sum(values[1:], values[0]) / len(values)


class Context(NamedTuple):
    """A player's update as its terms see it.

    Attributes:
      nets: all networks; those that the player moves hold the parameters that gradients are taken of.
      frozen: networks that nobody moves, by name.
      extra: the state's own.
      step: [] int32, completed steps.
      rng: a key for each term's own use.
      critic: (images, condition) -> :class:`DiscriminatorOutput`, with the augmentations and random numbers that real
        and fake images have, the same at every call. Moves nothing.
      generate: (latents, condition) -> images, by G in train mode. Moves nothing.
      batch: the batch's fields for these rows.
      images: real ones, float in [-1, 1].
      real_condition: what goes with them.
      real: D on them; in G's update None, unless the loss or a term asks for it.
      z: [B, z_dim], mapped by the prior.
      fakes: generated images.
      fake_condition: what goes with them.
      fake: D on them; None in a lazy term's update, and for a term of G's weights.
      generator: G's module, for terms that read more of it than its images; its variables are ``nets['g']``.
    """

    nets: dict[str, Variables]
    frozen: dict[str, Variables]
    extra: dict[str, Any]
    step: Array
    rng: Array
    critic: Callable[[Array, Any], DiscriminatorOutput]
    generate: Callable[[Array, Any], Array]
    batch: Any
    images: Array
    real_condition: Any
    real: DiscriminatorOutput | None
    z: Array
    fakes: Array
    fake_condition: Any
    fake: DiscriminatorOutput | None
    generator: Module | None = None


class TermOutput(NamedTuple):
    """Result of a term: its loss, metrics, moved collections and next state.

    Attributes:
      loss: [], weighted.
      metrics: name -> [] for the log.
      mutated: net -> collections to keep, such as what the term's own head moved.
      extra: the regularizer's next ``extra[name]``; None to leave it.
    """

    loss: Array
    metrics: Metrics = {}  # noqa: RUF012 (a tuple's default, never written to)
    mutated: dict[str, Variables] = {}  # noqa: RUF012
    extra: Any = None


Term = Callable[[Context], TermOutput]


class Regularizer(NamedTuple):
    """One addition to the game; each part may be None.

    Attributes:
      name: its key in the state's ``extra``.
      d_term, g_term: added to D's and to G's loss.
      every: take the terms on every n-th step only, in updates of their own, n times as strong (lazy regularization,
        arXiv:1912.04958, appendix B). Their newest values are logged at every step.
      augment: ((images, condition), rng, extra, step) -> the same, moved together: D's input, real or generated.
      replace_real: (real [B, ...], fake [B, ...], rng=, extra=) -> shown to D as real; called with one key for images
        and for each leaf of the condition.
      recall: ((fakes, condition), extra[name], rng) -> ((fakes, condition), extra[name]): the fakes that D is shown,
        such as those of a pool of earlier ones.
      init: (nets, shapes of D's (fakes, condition)) -> ``extra[name]`` at step 0.
      update: (extra[name], the step's metrics, state) -> extra[name] after a step.
      heads: (net, module) of networks that read D's features and are moved with D.
      per_example: whether its terms are means over examples, so that a batch can be taken in parts.
      needs_real: whether ``g_term`` reads ``Context.real``.
    """

    name: str
    d_term: Term | None = None
    g_term: Term | None = None
    every: int = 1
    augment: Callable[[Conditioned, Array, dict[str, Any], Array], Conditioned] | None = None
    replace_real: Callable[..., Array] | None = None
    recall: Callable[[Conditioned, Any, Array], tuple[Conditioned, Any]] | None = None
    init: Callable[[dict[str, Variables], Any], Any] | None = None
    update: Callable[[Any, Metrics, TrainState], Any] | None = None
    heads: tuple[tuple[str, Module], ...] = ()
    per_example: bool = True
    needs_real: bool = False


def add_terms(terms: Iterable[tuple[str, Term | None]], context: Context) -> tuple[Array, Aux]:
    """The sum of the losses of (name, term) pairs, each called under a key of its own, and all that they hand out."""
    loss: Array = jnp.zeros((), jnp.float32)
    metrics: Metrics = {}
    mutated: dict[str, Variables] = {}
    extra: dict[str, Any] = {}
    for index, (name, term) in enumerate(terms):
        if term is not None:
            output = term(context._replace(rng=jax.random.fold_in(context.rng, index)))
            loss, metrics, mutated = loss + output.loss, metrics | output.metrics, mutated | output.mutated
            if output.extra is not None:
                extra[name] = output.extra
    return loss, Aux(mutated, metrics, extra)


def augment_all(
    regularizers: Iterable[Regularizer], pair: Conditioned, rng: Array, extra: dict[str, Any], step: Array
) -> Conditioned:
    """Images and condition after every augmentation, in order."""
    for index, regularizer in enumerate(regularizers):
        if regularizer.augment is not None:
            pair = regularizer.augment(pair, jax.random.fold_in(rng, index), extra, step)
    return pair


def is_zero(weight: Any) -> bool:
    """Whether a weight is the number 0; a traced one is not."""
    return isinstance(weight, int | float) and weight == 0
