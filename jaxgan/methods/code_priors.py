"""Priors over an autoencoder's codes, one a level, each given the levels above (VQ-VAE-2: Razavi et al. 2019,
arXiv:1906.00446, algorithm 2).
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.coder import Coder, Grids, from_tokens, to_tokens
from jaxgan.methods.latents import label_of
from jaxgan.training.method import Batch, Method, Option
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CodePriors(Method):
    """Moves a player a level, 'p0' at the bottom, by the negative log-likelihood of its codes.

    Attributes:
      priors: of each level, from the bottom up: (codes, labels, codes of the levels above, train=) -> logits; ``draw``
        draws. See :class:`jaxgan.networks.code_prior.CodePrior`.
      coder: what the codes are of; its networks are frozen ones.
      optimizers: of each player.
      grids: (h, w) of each level's codes, from the bottom up.
      num_classes: of the condition; 0 for none.
      origins: of the coder's networks; see :class:`jaxgan.training.method.Method`.
    """

    priors: tuple[Module, ...]
    coder: Coder
    optimizers: Mapping[str, optax.GradientTransformation]
    grids: Grids
    num_classes: int = 0
    origins: Mapping[str, Callable[[], str]] = dataclasses.field(default_factory=dict)

    # A picture whose upper rows are kept.
    optional_conditions = ("image",)
    options = {"temperature": Option(1.0, low=1e-3), "kept_rows": Option(0, low=0)}  # noqa: RUF012

    @property
    def players(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """A level each."""
        return {f"p{level}": (f"prior_{level}",) for level in range(len(self.priors))}

    @property
    def averaged(self) -> tuple[str, ...]:  # type: ignore[override]
        """All priors."""
        return tuple(f"prior_{level}" for level in range(len(self.priors)))

    @property
    def conditions(self) -> tuple[str, ...]:  # type: ignore[override]
        """The class, where there are classes."""
        return ("label",) if self.num_classes else ()

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """Fresh networks and their optimizers; of ``batch`` only the shapes matter."""
        codes, labels, nets = from_tokens(batch["tokens"][:2], self.grids), label_of(batch)[:2], {}
        for level, prior in enumerate(self.priors):
            keys = forward.initial_keys(jax.random.fold_in(rng, level))
            nets[f"prior_{level}"] = {**prior.init(keys, codes[level], labels, codes[level + 1 :], train=True)}
        return create_state(nets, self.players, self.optimizers)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update of each level by the mean nats of its codes."""
        codes, labels = from_tokens(batch["tokens"], self.grids), label_of(batch)
        metrics: Metrics = {}
        for level in range(len(self.priors)):

            def loss_fn(nets: dict[str, Variables], level: int = level) -> tuple[Array, Aux]:
                streams = forward.streams(jax.random.fold_in(rng, level))
                nats = self._nats_of(nets, level, codes, labels, train=True, rngs=streams)
                return nats.mean(), Aux(metrics={"nats_per_code": nats.mean()})

            state, found, _ = player_update(self, state, f"p{level}", loss_fn)
            metrics |= found
        return state, metrics

    def _nats_of(
        self, nets: dict[str, Variables], level: int, codes: tuple[Array, ...], labels: Array, **more: Any
    ) -> Array:
        """-log p of each code of a level: [B, h, w] float32."""
        variables = nets[f"prior_{level}"]
        logits, _ = apply(self.priors[level], variables, codes[level], labels, codes[level + 1 :], **more)
        return optax.softmax_cross_entropy_with_integer_labels(logits, codes[level])

    def nats(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> Array:
        """-log p of each example's codes, all levels of them, [B] float32; exact."""
        del rng
        codes, labels = from_tokens(batch["tokens"], self.grids), label_of(batch)
        each = [self._nats_of(nets, level, codes, labels, train=False) for level in range(len(self.priors))]
        return to_tokens(each).sum(1)

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """'image' [B, H, W, C] in [-1, 1] of codes that are drawn from the top level down at the option 'temperature';
        where there is a ``batch['image']``, the codes of its upper 'kept_rows' stay, in whole rows of each level.
        """
        del rng
        options: dict[str, Any] = batch["options"]  # type: ignore[assignment]
        keys = batch["key"]
        labels = label_of(batch) if self.num_classes else jnp.zeros((keys.shape[0],), jnp.int32)
        temperature = jnp.asarray(options["temperature"], jnp.float32)
        given = self._given(nets, batch, options["kept_rows"])
        above: tuple[Array, ...] = ()
        for level in reversed(range(len(self.priors))):
            own = jax.vmap(lambda key, n=level: jax.random.fold_in(key, n))(keys)
            args = (own, labels, self.grids[level], temperature, given[level], above)
            codes: Any = self.priors[level].apply(nets[f"prior_{level}"], *args, method="draw")
            above = (codes, *above)
        return {"image": self.coder.decode(nets, above)}

    def _given(self, nets: dict[str, Variables], batch: Batch, kept_rows: Any) -> list[Array]:
        """The codes of each level that stay, and -1 for the others: int32 [B, h, w]."""
        rows = batch["key"].shape[0]
        if "image" not in batch:
            return [jnp.full((rows, *grid), -1, jnp.int32) for grid in self.grids]
        height = batch["image"].shape[1]
        found = []
        for codes, grid in zip(self.coder.codes(nets, batch["image"]), self.grids, strict=True):
            kept = jnp.arange(grid[0]) < kept_rows * grid[0] // height
            found.append(jnp.where(kept[None, :, None], codes, -1))
        return found
