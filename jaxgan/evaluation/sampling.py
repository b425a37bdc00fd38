"""Drawing images from trained networks: jitted, sharded, and the same whatever the batch size and the devices."""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from jaxgan.latent import draw_latents
from jaxgan.nn import fold_spectral_norms, to_uint8
from jaxgan.parallel import shard_batch, to_host
from jaxgan.training.method import Method
from jaxgan.training.state import Variables


class Truncation(NamedTuple):
    """Which truncation, and how much: see :func:`jaxgan.latent.draw_latents`."""

    mode: str = "none"
    value: float = 1.0


def check_truncation(truncation: Truncation) -> None:
    """Raises ValueError on an unknown mode or a value that is not positive; a traced value cannot be checked."""
    draw_latents(jax.random.key(0), (), mode=truncation.mode, truncation=float(truncation.value))


@dataclasses.dataclass(frozen=True)
class SampleImages:
    """Draws images from networks: a value, so that a program compiled with it serves again, at any truncation.

    Attributes:
      method: draws.
      mode: of truncation.
      key: what of the method's samples: 'image', which becomes uint8, or another ('point'), which comes as it is.
    """

    method: Method
    mode: str
    key: str = "image"

    def __call__(self, operand: tuple[Any, Array, Array], rows: dict[str, Array]) -> Array:
        """Images uint8 [B, H, W, C] of (networks, key, truncation) for 'label' [B] or [B, classes] and 'index' [B]: the
        i-th from the key folded with its own index.
        """
        nets, rng, truncation = operand
        batch = {"label": shard_batch(rows["label"])}
        if self.method.latent_shapes is not None:
            shape = self.method.latent_shapes.shape

            def latent(index: Array) -> Array:
                key = jax.random.fold_in(rng, index)
                return draw_latents(key, shape, mode=self.mode, truncation=truncation)

            batch["z"] = shard_batch(jax.vmap(latent)(rows["index"]))
        drawn = self.method.sample(nets, batch, rng)
        return to_uint8(drawn["image"]) if self.key == "image" else drawn[self.key]


_draw = jax.jit(SampleImages.__call__, static_argnums=0)


@jax.jit
def fold_networks(nets: dict[str, Variables]) -> dict[str, Variables]:
    """``nets`` to draw from: their spectral norms are computed once here, rather than in every batch."""
    return {name: fold_spectral_norms(variables) for name, variables in nets.items()}


def sample_batches(
    method: Method,
    nets: dict[str, Variables],
    labels: np.ndarray,
    *,
    rng: Array,
    mesh: Mesh,
    batch_size: int = 64,
    truncation: Truncation = Truncation(),  # noqa: B008 (immutable)
    key: str = "image",
) -> Iterator[np.ndarray]:
    """Draws an image for each label, batch by batch.

    Args:
      method: draws.
      nets: its networks, averages in place.
      labels: [N] int, or [N, num_classes] float weights.
      rng: image i comes from ``fold_in(rng, i)``, so it does not depend on the batch size or the mesh.
      mesh: the devices; every batch is split over them.
      batch_size: rounded up to a multiple of the devices. The last batch is padded, so that one program serves all.
      truncation: of the latents.
      key: what is drawn, as in :class:`SampleImages`.

    Yields:
      uint8 [<= batch_size, H, W, C], N images in all; for another key, arrays [<= batch_size, ...] of its dtype.
    """
    batch_size = -(-batch_size // mesh.size) * mesh.size
    check_truncation(truncation)
    draw = SampleImages(method, truncation.mode, key)
    with jax.set_mesh(mesh):
        nets = fold_networks(nets)
        pending: tuple[Array, int] | None = None
        for start in range(0, len(labels), batch_size):
            rows = labels[start : start + batch_size]
            padded = np.resize(rows, (batch_size, *rows.shape[1:]))
            rows_of = {"label": padded, "index": jnp.arange(start, start + batch_size)}
            drawn = _draw(draw, (nets, rng, jnp.float32(truncation.value)), rows_of)
            # The next batch is dispatched before this one is fetched.
            if pending is not None:
                yield to_host(pending[0])[: pending[1]]
            pending = (drawn, len(rows))
        if pending is not None:
            yield to_host(pending[0])[: pending[1]]


def sample_images(method: Method, nets: dict[str, Variables], labels: np.ndarray, **options: Any) -> np.ndarray:
    """All of :func:`sample_batches` as one array: uint8 [N, H, W, C]."""
    return np.concatenate(list(sample_batches(method, nets, labels, **options)))


def balanced_labels(num_images: int, classes: int | list[int] | np.ndarray) -> np.ndarray:
    """[num_images] int32 that go round the classes (a number of them, or a list) in turn."""
    choices = np.arange(max(classes, 1)) if isinstance(classes, int) else np.asarray(classes)
    return np.resize(choices, num_images).astype(np.int32)
