"""One pass over images: drawn or read, resized, turned into features and summed, in one jitted program over the
mesh.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.data import Source, prefetch
from jaxgan.evaluation.inputs import SampleInputs
from jaxgan.evaluation.options import checked_options, split_options
from jaxgan.evaluation.sampling import Operand, SampleImages, as_step, check_networks, fold_networks
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.metrics.feature_moments import FeatureMoments, add_rows, zero_moments
from jaxgan.metrics.inception_score import ScoreSums, add_logits, split_of, zero_score_sums
from jaxgan.parallel import gather, host_to_global, shard_batch, to_host
from jaxgan.training.method import Method
from jaxgan.training.state import Variables


class Images(NamedTuple):
    """Images to be scored, wherever they come from.

    Attributes:
      length: how many.
      image_shape: (H, W, C).
      labels: int [length], or None where they mean nothing.
      rows: indices [B] -> what the host hands over for them, a tree of arrays [B, ...].
      draw: traced: (operand, rows) -> uint8 images [B, H, W, C]; hashable.
      operand: arrays that ``draw`` closes over: networks and a key, say.
    """

    length: int
    image_shape: tuple[int, int, int]
    labels: np.ndarray | None
    rows: Callable[[np.ndarray], dict[str, Any]]
    draw: Callable[[Any, dict[str, Any]], Array]
    operand: Any = None


def _as_read(operand: Any, rows: dict[str, Any]) -> Array:
    del operand
    return rows["image"]


def images_of_source(source: Source, indices: np.ndarray | None = None, *, labels: np.ndarray | None = None) -> Images:
    """A source's images, all of them or those of ``indices`` [N], in order."""
    chosen = np.arange(source.length) if indices is None else np.asarray(indices)

    def rows(wanted: np.ndarray) -> dict[str, np.ndarray]:
        return {"image": source.fetch(chosen[wanted])["image"]}

    return Images(len(chosen), source.image_shape, labels, rows, _as_read)


def images_of_samples(
    method: Method,
    nets: dict[str, Variables],
    inputs: SampleInputs,
    *,
    rng: Array,
    options: Mapping[str, Any] | None = None,
    step: int | None = None,
) -> Images:
    """An image drawn for each input, the i-th from ``fold_in(rng, i)``, as ``sample_images`` draws them.

    Raises:
      UserError: on options that the method does not declare, or out of their bounds; on networks that are not finite.
    """
    check_networks(nets)
    fixed, numbers = split_options(method, checked_options(method, options or {}))
    draw = SampleImages(method, fixed)

    def rows(wanted: np.ndarray) -> dict[str, Any]:
        return {"index": wanted.astype(np.uint32), "conditions": inputs.rows(wanted)}

    operand = Operand(fold_networks(nets), rng, numbers, as_step(step))
    _, height, width, channels = jax.eval_shape(draw, operand, rows(np.zeros(1, np.int64))).shape
    return Images(inputs.length, (height, width, channels), inputs.labels, rows, draw, operand)


class FeatureRequest(NamedTuple):
    """Request of a pass over images: moments of pooled and of spatial features, score sums over ``splits`` that
    ``split_seed`` shuffles the images into, the pooled features themselves.
    """

    pool: bool = False
    spatial: bool = False
    scores: bool = False
    features: bool = False
    splits: int = 10
    split_seed: int = 2020


class Collected(NamedTuple):
    """Result of a pass; None where it was not requested.

    Attributes:
      count: images.
      pool, spatial: moments of features, numpy float64.
      scores: sums of the Inception Score, numpy float64.
      features: pooled features [count, D] float32, in the order of the images.
    """

    count: int  # type: ignore[assignment]  # tuple has a method of that name
    pool: FeatureMoments | None = None
    spatial: FeatureMoments | None = None
    scores: ScoreSums | None = None
    features: np.ndarray | None = None


@functools.partial(jax.jit, static_argnames=("draw", "apply", "request"), donate_argnames=("sums",))
def _pass(
    draw: Callable[..., Array],
    apply: Callable[..., dict[str, Array]],
    request: FeatureRequest,
    sums: dict[str, Any],
    operand: Any,
    variables: Any,
    rows: dict[str, Any],
    split: Array,
    weight: Array,
) -> tuple[dict[str, Any], Array | None, Array]:
    """Adds a batch; gives its pooled features too where wanted, and bool [B]: which images' features are no numbers."""
    features = {name: shard_batch(x) for name, x in apply(variables, draw(operand, rows)).items()}
    added: dict[str, Any] = {}
    for name in ("pool", "spatial"):
        if name in sums:
            added[name] = add_rows(sums[name], features[name], weight)
    if "scores" in sums:
        added["scores"] = add_logits(sums["scores"], features["logits"], split, weight)
    bad = jnp.zeros(weight.shape, bool)
    for name, wanted in (("pool", request.pool or request.features), ("spatial", request.spatial)):
        if wanted:
            bad |= ~jnp.isfinite(features[name]).all(1)
    if request.scores:
        # A class may be impossible (-inf), and the score's sums allow for it.
        bad |= jnp.isnan(features["logits"]).any(1)
    return added, features["pool"] if request.features else None, gather(bad & (weight > 0))


def collect(
    network: FeatureNetwork,
    images: Images,
    request: FeatureRequest,
    *,
    mesh: Mesh,
    batch_size: int = 64,
    advance: Callable[[int], None] = lambda images: None,
) -> Collected:
    """Passes over ``images`` once.

    Sums are float64, so what comes out does not depend on the batch size or the devices, except in the last bits of the
    features themselves; only they, and the features where wanted, stay in memory. Every process holds the whole result.

    Args:
      network: the features.
      images: what to pass over.
      request: what to keep.
      mesh: the devices; every batch is split over them.
      batch_size: rounded up to a multiple of the devices; the last batch is padded, so that one program serves all.
      advance: told the number of images of each batch that is done.

    Raises:
      ValueError: where the network lacks an output that is wanted, or an image's features are not finite.
    """
    dims = network.dims(images.image_shape)
    for output, wanted in (("spatial", request.spatial), ("logits", request.scores)):
        if wanted and output not in dims:
            raise ValueError(f"the feature network {network.name} gives {sorted(dims)}, and no {output!r}")
    batch_size = _whole_batch(batch_size, images.length, mesh)
    whole = NamedSharding(mesh, P())
    sums: dict[str, Any] = {}
    if request.pool:
        sums["pool"] = zero_moments(dims["pool"])
    if request.spatial:
        sums["spatial"] = zero_moments(dims["spatial"])
    if request.scores:
        sums["scores"] = zero_score_sums(request.splits, dims["logits"])
    with jax.enable_x64(True):
        sums = jax.device_put(sums, whole)
    operand, variables = _on_mesh(images.operand, whole), _on_mesh(network.variables, whole)
    split_of_image = np.zeros(images.length, np.int32)
    if request.scores:
        split_of_image = split_of(images.length, request.splits, seed=request.split_seed)

    kept: list[np.ndarray] = []
    waiting: tuple[Array | None, Array, int, int] | None = None

    def finish(features: Array | None, bad: Array, first: int, rows: int) -> None:
        found = np.flatnonzero(to_host(bad))
        if len(found):
            others = "" if len(found) == 1 else f", nor are those of {len(found) - 1} more of its batch of {rows}"
            raise ValueError(
                f"the features that {network.name} gives of image {first + found[0]} are not finite{others}: the "
                "weights are damaged, or the image is none"
            )
        if features is not None:
            kept.append(to_host(features)[:rows])
        advance(rows)

    first = 0
    with jax.set_mesh(mesh), prefetch(_rows(images, split_of_image, batch_size), lambda b: _place(b, mesh)) as batches:
        for rows, split, weight, count in batches:
            sums, *result = _pass(images.draw, network.apply, request, sums, operand, variables, rows, split, weight)
            # The next batch is dispatched before this one is waited for, and no more than that.
            if waiting is not None:
                finish(*waiting)
            waiting = (result[0], result[1], first, count)
            first += count
        if waiting is not None:
            finish(*waiting)
    return Collected(images.length, features=np.concatenate(kept) if request.features else None, **to_host(sums))


def _whole_batch(batch_size: int, length: int, mesh: Mesh) -> int:
    """The batch size, no larger than the set needs, rounded up to a multiple of the devices."""
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    return -(-min(batch_size, length) // mesh.size) * mesh.size


def _on_mesh(tree: Any, sharding: NamedSharding) -> Any:
    """Arrays that live on the mesh already stay as they are sharded."""

    def one(x: Any) -> Any:
        if isinstance(x, jax.Array) and x.sharding.device_set == sharding.device_set:
            return x
        if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            # Over several processes device_put takes numbers, but no keys.
            data = jax.device_put(jax.random.key_data(x), sharding)
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
        return jax.device_put(x, sharding)

    return jax.tree.map(one, tree)


def _rows(images: Images, split: np.ndarray, batch_size: int) -> Iterator[tuple[Any, np.ndarray, np.ndarray, int]]:
    """This process's share of every batch; of the last one, what is left over is padding of weight 0."""
    share = batch_size // jax.process_count()
    first = share * jax.process_index()
    for start in range(0, images.length, batch_size):
        index = start + first + np.arange(share)
        weight = (index < images.length).astype(np.float32)
        index = np.minimum(index, images.length - 1)
        yield images.rows(index), split[index], weight, min(batch_size, images.length - start)


def _place(batch: tuple[Any, np.ndarray, np.ndarray, int], mesh: Mesh) -> tuple[Any, Array, Array, int]:
    rows, split, weight, count = batch
    return *host_to_global((rows, split, weight), mesh), count


def all_images(images: Images, *, mesh: Mesh, batch_size: int = 64) -> np.ndarray:
    """Every image at once, uint8 [N, H, W, C], on every process: for scores of pixels and for pictures."""
    batch_size = _whole_batch(batch_size, images.length, mesh)
    operand = _on_mesh(images.operand, NamedSharding(mesh, P()))
    draw = jax.jit(images.draw)
    parts = []
    with jax.set_mesh(mesh):
        for rows, _, _, count in _rows(images, np.zeros(images.length, np.int32), batch_size):
            parts.append(to_host(draw(operand, host_to_global(rows, mesh)))[:count])
    return np.concatenate(parts)
