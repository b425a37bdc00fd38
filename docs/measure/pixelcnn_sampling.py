"""Times PixelCNN's cached drawing next to the naive one, a whole parallel pass a pixel, at the size of MNIST.

    python docs/measure/pixelcnn_sampling.py --images=16 --rounds=3

Both draw from the same keys, so that their images are equal; the naive one's pass is one compiled program.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.networks.pixelcnn import PixelCNN


def main() -> None:
    """Prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--rounds", type=int, default=3)
    parsed = parser.parse_args()
    network, side, count = PixelCNN(), parsed.side, parsed.images
    labels, keys = jnp.zeros(count, jnp.int32), jax.random.split(jax.random.key(0), count)
    values = jnp.zeros((count, side, side, 1), jnp.int32)
    variables = network.init(jax.random.key(1), values, labels, train=False)
    nothing, warm = jnp.full_like(values, -1), jnp.float32(1.0)

    @jax.jit
    def cached(variables: Any) -> Any:
        return network.apply(variables, keys, labels, (side, side), warm, nothing, method="draw")

    @jax.jit
    def next_pixel(variables: Any, values: Any, place: Any) -> Any:
        logits: Any = network.apply(variables, values, labels, train=False)
        row, column = place // side, place % side
        own = jax.vmap(lambda key: jax.random.fold_in(key, place))(keys)
        level = jax.vmap(jax.random.categorical)(own, logits[:, row, column, 0])
        return values.at[:, row, column, 0].set(level.astype(jnp.int32))

    def naive(variables: Any) -> Any:
        drawn = values
        for place in range(side * side):
            drawn = next_pixel(variables, drawn, jnp.int32(place))
        return drawn

    def seconds(draw: Callable[[Any], Any]) -> tuple[float, np.ndarray]:
        began = time.perf_counter()
        found = np.asarray(jax.block_until_ready(draw(variables)))
        return time.perf_counter() - began, found

    forms: dict[str, Callable[[Any], Any]] = {"cached": cached, "naive": naive}
    images = {name: seconds(draw)[1] for name, draw in forms.items()}
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(parsed.rounds):
        for name, draw in forms.items():
            times[name].append(seconds(draw)[0])
    ratio = statistics.median(n / c for n, c in zip(times["naive"], times["cached"]))
    found = {f"{name}_s": round(statistics.median(each), 3) for name, each in times.items()}
    equal = float((images["cached"] == images["naive"]).mean())
    print(json.dumps({**found, "ratio": round(ratio, 1), "equal_pixels": equal, "images": count, "side": side}))


if __name__ == "__main__":
    main()
