"""Standing statistics (BigGAN, arXiv:1809.11096, section 3 and appendix C.1; BigGAN-PyTorch ``utils.py``)."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import Mesh

from jaxgan.evaluation.sampling import Truncation, check_truncation
from jaxgan.latent import draw_latents
from jaxgan.parallel import shard_batch
from jaxgan.training.method import Method
from jaxgan.training.state import Variables


@functools.partial(jax.jit, static_argnames=("method", "mode", "batch_size"))
def _moments(method: Method, mode: str, batch_size: int, nets: Any, rng: Array, truncation: Array) -> Any:
    label_rng, latent_rng, rng = jax.random.split(rng, 3)
    labels = jax.random.randint(label_rng, (batch_size,), 0, max(method.num_classes, 1), jnp.int32)
    batch = {"label": shard_batch(labels)}
    if method.latent_shapes is not None:
        shape = (batch_size, *method.latent_shapes.shape)
        z = draw_latents(latent_rng, shape, mode=mode, truncation=truncation)
        batch["z"] = shard_batch(z)
    return method.batch_moments(nets, batch, rng)


def standing_statistics(
    method: Method,
    nets: dict[str, Variables],
    *,
    rng: Array,
    mesh: Mesh,
    passes: int = 16,
    batch_size: int = 64,
    truncation: Truncation = Truncation(),  # noqa: B008 (immutable)
) -> dict[str, Variables]:
    """``nets`` with running statistics replaced by the mean over train-mode draws, of uniform labels and truncated
    latents.

    Running statistics follow weights that have moved on, and the weights of an average were never run at all; these
    belong to the networks given. They must be computed again for each truncation.

    Args:
      method, nets: as for sampling.
      rng: of labels and latents.
      mesh: the devices.
      passes: draws (BigGAN-PyTorch: 16; compare_gan: 204,800 images in all).
      batch_size: images a draw, rounded up to a multiple of the devices.
      truncation: of the latents.
    """
    check_truncation(truncation)
    batch_size = -(-batch_size // mesh.size) * mesh.size
    with jax.set_mesh(mesh):
        total = None
        for key in jax.random.split(rng, passes):
            moments = _moments(method, truncation.mode, batch_size, nets, key, jnp.float32(truncation.value))
            total = moments if total is None else jax.tree.map(jnp.add, total, moments)
    mean = jax.tree.map(lambda x: x / passes, total or {})
    return nets | {name: {**nets[name], "batch_stats": statistics} for name, statistics in mean.items()}
