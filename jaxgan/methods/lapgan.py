"""LAPGAN: a GAN for each level of a Laplacian pyramid, coarse to fine (Denton et al. 2015, arXiv:1506.05751)."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods.gan import GAN
from jaxgan.methods.inputs import input_of, output_of
from jaxgan.methods.latents import label_of, rows_of
from jaxgan.nn.pyramid import laplacian_pyramid, upsample
from jaxgan.parallel import shard_batch
from jaxgan.training.method import Batch, Method, Option
from jaxgan.training.state import Metrics, TrainState, Variables
from jaxgan.training.update import apply


def _at(level: int, tree: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of one level, under its own names."""
    end = f"_{level}"
    return {name.removesuffix(end): value for name, value in tree.items() if name.endswith(end)}


def _of(level: int, tree: Mapping[str, Any]) -> dict[str, Any]:
    """A level's own, under names that say the level."""
    return {f"{name}_{level}": value for name, value in tree.items()}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LaplacianPyramid(Method):
    """LAPGAN (Denton et al. 2015, arXiv:1506.05751): level 0 draws a small image, each next one the residual that the
    upsampled image lacks.

    Levels are games of their own, with all that a game may have, on the pyramid of real images; G and D of a level are
    told the real image's own low-pass version (section 3). They share nothing, so that training them in one step, as
    here, is training them one after another, as in the paper.

    Attributes:
      levels: games, from coarse to fine, whose latents take their condition from the data; G is called with a mapping
        of conditions: 'class' and, except at level 0, 'coarse'.
      num_classes: that ``sample`` takes labels of.
    """

    levels: tuple[GAN, ...]
    num_classes: int = 0

    def __post_init__(self) -> None:
        wrong = [k for k, level in enumerate(self.levels) if not level.latents.from_data]
        if not self.levels or wrong:
            raise ValueError(f"levels {wrong or 'are none'}: each is a GAN whose latents have from_data=True")

    @property
    def players(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """G and D of each level: 'g_0', 'd_0', 'g_1', ..."""
        return {
            player: tuple(f"{net}_{k}" for net in nets)
            for k, level in enumerate(self.levels)
            for player, nets in _of(k, level.players).items()
        }

    @property
    def optimizers(self) -> Mapping[str, optax.GradientTransformation]:  # type: ignore[override]
        """Those of the levels."""
        return {
            player: optimizer
            for k, level in enumerate(self.levels)
            for player, optimizer in _of(k, level.optimizers).items()
        }

    @property
    def averaged(self) -> tuple[str, ...]:  # type: ignore[override]
        """G of each level."""
        return tuple(f"{net}_{k}" for k, level in enumerate(self.levels) for net in level.averaged)

    @property
    def latent_shapes(self) -> jax.ShapeDtypeStruct:
        """[all levels' latents] float32."""
        return jax.ShapeDtypeStruct((sum(level.latents.z_dim for level in self.levels),), jnp.float32)

    @property
    def options(self) -> Mapping[str, Option]:  # type: ignore[override]
        """Those that every level declares."""
        first, *others = (level.options for level in self.levels)
        return {name: option for name, option in first.items() if all(name in other for other in others)}

    @property
    def conditions(self) -> tuple[str, ...]:  # type: ignore[override]
        """The class, where there are classes."""
        return ("label",) if self.num_classes else ()

    def _batches(self, batch: Batch) -> list[Batch]:
        """Each level's batch: a small image or a residual, and the labels."""
        real = input_of(batch)
        key = "image" if real.ndim == 4 else "point"
        pyramid = laplacian_pyramid(real, len(self.levels) - 1)
        low = pyramid.coarse
        found: list[Batch] = [{key: low, "label": {"class": label_of(batch)}}]  # type: ignore[dict-item]
        for residual in pyramid.residuals:
            coarse = shard_batch(upsample(low))
            labels = {"class": label_of(batch), "coarse": coarse}
            found.append({key: residual, "label": labels})  # type: ignore[dict-item]
            low = coarse + residual
        return found

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """Fresh networks and optimisers of all levels.

        Raises:
          ValueError: where a level draws another shape than the pyramid's.
        """
        nets: dict[str, Variables] = {}
        opt: dict[str, optax.OptState] = {}
        extra: dict[str, Any] = {}
        for k, (level, real) in enumerate(zip(self.levels, self._batches(batch))):
            state = level.init(jax.random.fold_in(rng, k), real)
            nets, opt, extra = nets | _of(k, state.nets), opt | _of(k, state.opt), extra | _of(k, state.extra)
        # A level's optimiser knows its nets by the names that they have there.
        return TrainState(step=jnp.zeros((), jnp.int32), nets=nets, opt=opt, extra=extra)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """A step of every level's game."""
        metrics: Metrics = {}
        for k, (level, real) in enumerate(zip(self.levels, self._batches(batch))):
            own = state.replace(nets=_at(k, state.nets), opt=_at(k, state.opt), extra=_at(k, state.extra))
            own, found = level.step(own, real, jax.random.fold_in(rng, k))
            state = state.replace(
                nets=state.nets | _of(k, own.nets),
                opt=state.opt | _of(k, own.opt),
                extra=state.extra | _of(k, own.extra),
            )
            for name, value in found.items():
                player, _, quantity = name.partition("/")
                metrics[f"{player}_{k}/{quantity}"] = value
        return state, metrics

    def _latents(self, batch: Batch, rng: Array) -> Array:
        """``batch['z']`` where it is there, else drawn of each row's ``batch['key']``, else of ``rng``."""
        if "z" in batch:
            return batch["z"]
        keys = batch["key"] if "key" in batch else jax.random.split(rng, rows_of(batch))
        return jax.vmap(lambda key: jax.random.normal(key, self.latent_shapes.shape, jnp.float32))(keys)

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """Images in [-1, 1], or points, drawn from coarse to fine; as for :meth:`GAN.sample`."""
        labels = shard_batch(label_of(batch))
        z, start = shard_batch(self._latents(batch, rng)), 0
        drawn: Array | None = None
        for k, level in enumerate(self.levels):
            latents = level.latents.prior(z[:, start : start + level.latents.z_dim])
            start += level.latents.z_dim
            own = {"class": labels} if drawn is None else {"class": labels, "coarse": upsample(drawn)}
            new, _ = apply(level.generator, nets[f"g_{k}"], latents, own, train=False)
            drawn = new if drawn is None else own["coarse"] + new
        if drawn is None:
            raise ValueError("a pyramid without levels draws nothing")
        named = output_of(drawn)
        return {"image": jnp.clip(drawn, -1.0, 1.0)} if "image" in named else named
