"""Likelihood of an image's codes, token by token, after a prefix: the second stage of VQGAN (Esser et al. 2021,
arXiv:2012.09841, section 3.2).
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.coder import Coder
from jaxgan.training.method import Batch, Method, Option
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update

PREFIXES = ("begin", "class", "map")
# (keys [B], logits [B, V], temperature=, top_k=, top_p=, first=, end=) -> tokens [B]
Choose = Callable[..., Array]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TokenTransformer(Method):
    """Moves 'p' by the negative log-likelihood of tokens.

    A sequence is a prefix and the image's codes, row by row. Codes are the tokens from 0 to ``codes`` - 1, those of the
    prefix come after them.

    Attributes:
      network: (tokens int [B, P + L], train=) -> logits [B, P + L - 1, V]; ``draw`` draws. See
        :class:`jaxgan.networks.transformer.Transformer`.
      coder: what the codes are of, of one grid; its networks are frozen ones.
      optimizers: of 'p'.
      grid: (h, w) of the codes.
      codes: the number of codes.
      prefix: (batch) -> int32 [B, P], from ``codes`` on; batches that are trained on may hold it as 'prefix'.
      choose: draws a token of its logits; see :func:`jaxgan.networks.transformer.choose_token`.
      conditions: fields that the prefix is made of.
      prefix_weight: of the prefix's own tokens after the first, in the loss; DALL-E's text has 1/8.
      image_weight: of the image's; DALL-E's 7/8.
      keep: share of the tokens that are read as they are; the others are random ones.
      num_classes: of the condition 'label'.
      ranker: (nets, images [B, H, W, C] in [-1, 1], prefix) -> [B], the larger the better: of so many as the option
        'candidates' says, sampling gives the best; None for no such option.
    """

    network: Module
    coder: Coder
    optimizers: Mapping[str, optax.GradientTransformation]
    grid: tuple[int, int]
    codes: int
    prefix: Callable[[dict[str, Any]], Array]
    choose: Choose
    conditions: tuple[str, ...] = ()
    prefix_weight: float = 0.0
    image_weight: float = 1.0
    keep: float = 1.0
    num_classes: int = 0
    ranker: Callable[[dict[str, Variables], Array, Array], Array] | None = None

    players = {"p": ("p",)}  # noqa: RUF012 (a constant)
    averaged = ("p",)
    # A picture whose upper rows are kept.
    optional_conditions = ("image",)

    @property
    def options(self) -> Mapping[str, Option]:  # type: ignore[override]
        """Of drawing a token, rows of a picture that stay, and candidates where there is a ranker."""
        ranked = {} if self.ranker is None else {"candidates": Option(1, choices=(1, 2, 4, 8, 16, 32, 64))}
        return {
            "temperature": Option(1.0, low=1e-3),
            "top_k": Option(0, low=0),
            "top_p": Option(1.0, low=0.0, high=1.0),
            "kept_rows": Option(0, low=0),
            **ranked,
        }

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """A fresh network and its optimizer; of ``batch`` only the shapes matter."""
        two = {name: value[:2] for name, value in batch.items()}
        found = self.network.init(forward.initial_keys(rng), self._sequence(two), train=True)
        return create_state({"p": {**found}}, self.players, self.optimizers)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update by the weighted mean nats a token."""
        tokens = self._sequence(batch)
        read, streams = tokens, forward.streams(rng)
        if self.keep < 1:
            one, other = jax.random.split(streams["noise"])
            kept = jax.random.bernoulli(one, self.keep, tokens.shape)
            read = jnp.where(kept, tokens, jax.random.randint(other, tokens.shape, 0, self.codes))

        def loss_fn(nets: dict[str, Variables]) -> tuple[Array, Aux]:
            nats, before = self._nats(nets, tokens, read, train=True, rngs=streams)
            image = nats[:, before:].mean()
            loss, metrics = self.image_weight * image, {"nats_per_code": image}
            if self.prefix_weight:
                metrics["nats_per_prefix_token"] = nats[:, :before].mean()
                loss += self.prefix_weight * metrics["nats_per_prefix_token"]
            return loss, Aux(metrics=metrics)

        state, metrics, _ = player_update(self, state, "p", loss_fn)
        return state, metrics

    def nats(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> Array:
        """-log p of each example's codes given its prefix, [B] float32; exact."""
        del rng
        tokens = self._sequence(batch)
        nats, before = self._nats(nets, tokens, tokens, train=False)
        return nats[:, before:].sum(1)

    def _sequence(self, batch: dict[str, Any]) -> Array:
        prefix = batch["prefix"] if "prefix" in batch else self.prefix(batch)
        return jnp.concatenate([prefix, batch["tokens"]], axis=1)

    def _nats(self, nets: dict[str, Variables], tokens: Array, read: Array, **more: Any) -> tuple[Array, int]:
        """-log p of each token after the first [B, P + L - 1], and how many of these are the prefix's."""
        logits, _ = apply(self.network, nets["p"], read, **more)
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:])
        return nats, tokens.shape[1] - 1 - self.grid[0] * self.grid[1]

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """'image' [B, H, W, C] in [-1, 1] of codes that are drawn one by one, at the options 'temperature', 'top_k' and
        'top_p'; where there is a ``batch['image']``, the codes of its upper 'kept_rows' stay, in whole rows. Of so many
        as 'candidates' says, it is the one that the ranker likes best.
        """
        del rng
        options: dict[str, Any] = batch["options"]  # type: ignore[assignment]
        given = self._given(nets, batch, options["kept_rows"])
        prefix = self.prefix(batch)
        given = jnp.concatenate([prefix, given.reshape(given.shape[0], -1)], axis=1)
        choose = functools.partial(
            self.choose,
            temperature=jnp.asarray(options["temperature"], jnp.float32),
            top_k=jnp.asarray(options["top_k"], jnp.int32),
            top_p=jnp.asarray(options["top_p"], jnp.float32),
            first=0,
            end=self.codes,
        )

        def draw(keys: Array, logits: Array, place: Array) -> Array:
            del place
            return choose(keys, logits)

        def codes_of(number: Array) -> Array:
            own = (
                batch["key"] if candidates == 1 else jax.vmap(lambda key: jax.random.fold_in(key, number))(batch["key"])
            )
            drawn, _ = apply(self.network, nets["p"], own, given, draw, train=False, method=_draw)
            return drawn[:, -self.grid[0] * self.grid[1] :].reshape(-1, *self.grid)

        candidates: int = options.get("candidates", 1)
        codes = jax.lax.map(codes_of, jnp.arange(candidates))
        images = self.coder.decode(nets, (codes.reshape(-1, *self.grid),))
        if candidates == 1 or self.ranker is None:
            return {"image": images}
        scores = self.ranker(nets, images, jnp.tile(prefix, (candidates, 1))).reshape(candidates, -1)
        each = images.reshape(candidates, -1, *images.shape[1:])
        best = scores.argmax(0).reshape(1, -1, 1, 1, 1)
        return {"image": jnp.take_along_axis(each, best, axis=0)[0]}

    def _given(self, nets: dict[str, Variables], batch: Batch, kept_rows: Any) -> Array:
        """Codes that stay, and -1 for the others: int32 [B, h, w]."""
        if "image" not in batch:
            return jnp.full((batch["key"].shape[0], *self.grid), -1, jnp.int32)
        (codes,) = self.coder.codes(nets, batch["image"])
        kept = jnp.arange(self.grid[0]) < kept_rows * self.grid[0] // batch["image"].shape[1]
        return jnp.where(kept[None, :, None], codes, -1)


def _draw(network: Any, keys: Array, given: Array, choose: Any, *, train: bool) -> Array:
    del train
    found: Array = network.draw(keys, given, choose)
    return found


def begin_prefix(batch: dict[str, Any], *, codes: int) -> Array:
    """The token ``codes`` alone, which says that a sequence begins: int32 [B, 1]."""
    rows = next(x.shape[0] for x in jax.tree.leaves(batch) if getattr(x, "ndim", 0))
    return jnp.full((rows, 1), codes, jnp.int32)


def class_prefix(batch: dict[str, Any], *, codes: int) -> Array:
    """The class of ``batch['label']``: int32 [B, 1], from ``codes`` on."""
    label: Array = batch["label"]
    return (codes + label.astype(jnp.int32))[:, None]


def map_prefix(batch: dict[str, Any], *, field: str, grid: tuple[int, int], codes: int) -> Array:
    """The ids of a label map [B, H, W] or [B, H, W, 1], at the middle of each code's patch, row by row: int32
    [B, h * w], from ``codes`` on.
    """
    ids: Array = batch[field]
    ids = ids[..., 0] if ids.ndim == 4 else ids
    places = [(jnp.arange(n) * size + size // 2) // n for n, size in zip(grid, ids.shape[1:3])]
    found = ids[:, places[0]][:, :, places[1]].astype(jnp.int32)
    return codes + found.reshape(found.shape[0], -1)
