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
from jaxgan.methods.sliding_window import draw_by_windows
from jaxgan.training.errors import UserError
from jaxgan.training.method import Batch, Method, Option
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update

PREFIXES = ("begin", "class", "map")
# (keys [B], logits [B, V], temperature=, top_k=, top_p=, first=, end=) -> tokens [B]
Choose = Callable[..., Array]
_TIMES = (1, 2, 3, 4)


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
      origins: of the frozen networks; see :class:`jaxgan.training.method.Method`.
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
    origins: Mapping[str, Callable[[], str]] = dataclasses.field(default_factory=dict)

    players = {"p": ("p",)}  # noqa: RUF012 (a constant)
    averaged = ("p",)
    # A picture whose upper rows are kept.
    optional_conditions = ("image",)

    @property
    def input_multiple(self) -> int:
        """The number that sides must be multiples of; others are padded and cropped back."""
        return self.coder.reductions[0]

    @property
    def options(self) -> Mapping[str, Option]:  # type: ignore[override]
        """Of drawing a token, rows of a picture that stay, and candidates where there is a ranker."""
        ranked = {} if self.ranker is None else {"candidates": Option(1, choices=(1, 2, 4, 8, 16, 32, 64))}
        return {
            "temperature": Option(1.0, low=1e-3),
            "top_k": Option(0, low=0),
            "top_p": Option(1.0, low=0.0, high=1.0),
            "kept_rows": Option(0, low=0),
            # Of the training grid, where no condition says how large the image is.
            "tall": Option(1, choices=_TIMES),
            "wide": Option(1, choices=_TIMES),
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

        A map, or else a picture, that is larger than those of training gives a larger image, and so do the options
        'tall' and 'wide': each code is drawn in a window of the training grid's size, which moves over the image.

        Raises:
          UserError: on a map or a picture that is smaller.
        """
        del rng
        options: dict[str, Any] = batch["options"]  # type: ignore[assignment]
        grid = self._grid(batch, options)
        given = self._given(nets, batch, grid, options["kept_rows"])
        prefix = self.prefix(batch)
        choose = functools.partial(
            self.choose,
            temperature=jnp.asarray(options["temperature"], jnp.float32),
            top_k=jnp.asarray(options["top_k"], jnp.int32),
            top_p=jnp.asarray(options["top_p"], jnp.float32),
            first=0,
            end=self.codes,
        )

        def codes_of(number: Array) -> Array:
            own = batch["key"]
            if candidates > 1:
                own = jax.vmap(lambda key: jax.random.fold_in(key, number))(own)
            if grid != self.grid:
                return self._drawn_by_windows(nets, batch, own, given, choose)
            return self._drawn(nets, own, prefix, given, choose)

        candidates: int = options.get("candidates", 1)
        codes = jax.lax.map(codes_of, jnp.arange(candidates))
        images = self.coder.decode(nets, (codes.reshape(-1, *grid),))
        if candidates == 1 or self.ranker is None:
            return {"image": images}
        scores = self.ranker(nets, images, jnp.tile(prefix, (candidates, 1))).reshape(candidates, -1)
        each = images.reshape(candidates, -1, *images.shape[1:])
        best = scores.argmax(0).reshape(1, -1, 1, 1, 1)
        return {"image": jnp.take_along_axis(each, best, axis=0)[0]}

    def _drawn(self, nets: dict[str, Variables], keys: Array, prefix: Array, given: Array, choose: Choose) -> Array:
        """Codes of the training grid, with keys and values in memory."""

        def draw(keys: Array, logits: Array, place: Array) -> Array:
            del place
            return choose(keys, logits)

        tokens = jnp.concatenate([prefix, given.reshape(given.shape[0], -1)], axis=1)
        drawn, _ = apply(self.network, nets["p"], keys, tokens, draw, train=False, method=_draw)
        found: Array = drawn[:, prefix.shape[1] :].reshape(given.shape)
        return found

    def _drawn_by_windows(
        self, nets: dict[str, Variables], batch: Batch, keys: Array, given: Array, choose: Choose
    ) -> Array:
        """Codes of a larger grid; the prefix of a window is that of its part of the map."""
        reduction = self.coder.reductions[0]
        height, width = (side * reduction for side in self.grid)
        places = self.prefix(self._window(batch, 0, 0, height, width)).shape[1]

        def logits_at(codes: Array, top: Array, left: Array, number: Array) -> Array:
            prefix = self.prefix(self._window(batch, top * reduction, left * reduction, height, width))
            tokens = jnp.concatenate([prefix, codes.reshape(codes.shape[0], -1)], axis=1)
            found, _ = apply(self.network, nets["p"], tokens, places + number, train=False, method="logits_at")
            logits: Array = found
            return logits

        return draw_by_windows(logits_at, choose, keys, given, self.grid, first=places - 1)

    def _window(self, batch: Batch, top: Any, left: Any, height: int, width: int) -> Batch:
        """The batch with the parts of its maps."""

        def part(name: str) -> Array:
            start = (0, top, left, *(0,) * (batch[name].ndim - 3))
            return jax.lax.dynamic_slice(
                batch[name], start, (batch[name].shape[0], height, width, *batch[name].shape[3:])
            )

        return batch | {name: part(name) for name in self._maps(batch)}

    def _maps(self, batch: Batch) -> list[str]:
        """Conditions that have rows and columns."""
        return [name for name in self.conditions if batch[name].ndim > 2]

    def _grid(self, batch: Batch, options: dict[str, Any]) -> tuple[int, int]:
        """(h, w) of the codes that are drawn."""
        reduction = self.coder.reductions[0]
        for name in (*self._maps(batch), *(("image",) if "image" in batch else ())):
            height, width = (side // reduction for side in batch[name].shape[1:3])
            if height < self.grid[0] or width < self.grid[1]:
                least = " x ".join(str(side * reduction) for side in self.grid)
                shown = " x ".join(str(side) for side in batch[name].shape[1:3])
                raise UserError(f"an input of {shown} pixels ({name}): the transformer draws {least} or more")
            return height, width
        return self.grid[0] * options["tall"], self.grid[1] * options["wide"]

    def _given(self, nets: dict[str, Variables], batch: Batch, grid: tuple[int, int], kept_rows: Any) -> Array:
        """Codes that stay, and -1 for the others: int32 [B, h, w]."""
        if "image" not in batch:
            return jnp.full((batch["key"].shape[0], *grid), -1, jnp.int32)
        (codes,) = self.coder.codes(nets, batch["image"])
        kept = jnp.arange(grid[0]) < kept_rows * grid[0] // batch["image"].shape[1]
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
