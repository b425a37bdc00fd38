"""Times drawing from cached features next to the naive form, a whole parallel pass a pixel, or a token.

    python docs/measure/cached_sampling.py pixelcnn --images=16 --rounds=3

Both draw from the same keys, so that their images are equal; the naive one's pass is one compiled program.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.networks.pixelcnn import PixelCNN
from jaxgan.networks.pixelcnn_pp import PixelCNNPlusPlus
from jaxgan.networks.pixelrnn import PixelRNN
from jaxgan.networks.transformer import Transformer
from jaxgan.objectives.logistic_mixture import draw_from_mixture


class Forms(NamedTuple):
    """Two forms of one draw.

    Attributes:
      variables: of the network.
      cached: (variables) -> int [B, ...].
      next_one: (variables, int [B, ...], place []) -> the same with that place drawn.
      begin: before the first.
      places: how many there are.
    """

    variables: Any
    cached: Callable[[Any], Any]
    next_one: Callable[[Any, Any, Any], Any]
    begin: Any
    places: int


def of_pixels(network: Any, side: int, count: int) -> Forms:
    """A network of pixels, of one channel."""
    labels, keys = jnp.zeros(count, jnp.int32), jax.random.split(jax.random.key(0), count)
    values = jax.random.randint(jax.random.key(2), (count, side, side, 1), 0, network.levels)
    variables = jax.jit(lambda key: network.init(key, values, labels, train=False))(jax.random.key(1))
    warm = jnp.float32(1.0)

    def cached(variables: Any) -> Any:
        nothing = jnp.full_like(values, -1)
        return network.apply(variables, keys, labels, (side, side), warm, nothing, method="draw")

    def next_one(variables: Any, values: Any, place: Any) -> Any:
        outputs: Any = network.apply(variables, values, labels, train=False)
        row, column = place // side, place % side
        own, found = jax.vmap(lambda key: jax.random.fold_in(key, place))(keys), outputs[:, row, column]
        if isinstance(network, PixelCNNPlusPlus):
            level = draw_from_mixture(own, found, jnp.full((count, 1), -1), warm, count=network.levels)[:, 0]
        else:
            level = jax.vmap(jax.random.categorical)(own, found[:, 0])
        return values.at[:, row, column, 0].set(level.astype(jnp.int32))

    return Forms(variables, cached, next_one, jnp.zeros_like(values), side * side)


def of_tokens(network: Transformer, count: int) -> Forms:
    """A transformer, after one token of which a sequence begins."""
    keys = jax.random.split(jax.random.key(0), count)
    begin = jnp.zeros((count, network.length), jnp.int32)
    variables = jax.jit(lambda key: network.init(key, begin, train=False))(jax.random.key(1))

    def choose(keys: Any, logits: Any, place: Any = None) -> Any:
        del place
        return jax.vmap(jax.random.categorical)(keys, logits)

    def cached(variables: Any) -> Any:
        return network.apply(variables, keys, begin.at[:, 1:].set(-1), choose, method="draw")

    def next_one(variables: Any, tokens: Any, place: Any) -> Any:
        logits = network.apply(variables, tokens, place + 1, train=False, method="logits_at")
        own = jax.vmap(lambda key: jax.random.fold_in(key, place))(keys)
        return tokens.at[:, place + 1].set(choose(own, logits).astype(jnp.int32))

    return Forms(variables, cached, next_one, begin, network.length - 1)


def main() -> None:
    """Prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=("pixelcnn", "pixelrnn", "pixelcnn_pp", "transformer"))
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--side", type=int, default=28, help="of an image, or of the transformer's grid")
    parser.add_argument("--rounds", type=int, default=3)
    parsed = parser.parse_args()
    side, count = parsed.side, parsed.images
    if parsed.network == "transformer":
        grid = (side, side)
        forms = of_tokens(Transformer(vocabulary=512, prefix=1, grid=grid, layers=6, heads=6, dim=192), count)
    else:
        network: Any = {
            "pixelcnn": PixelCNN(),
            "pixelrnn": PixelRNN(),
            "pixelcnn_pp": PixelCNNPlusPlus(channels=1, ch=32, blocks=2, components=5),
        }[parsed.network]
        forms = of_pixels(network, side, count)
    cached, next_one = jax.jit(forms.cached), jax.jit(forms.next_one)

    def naive(variables: Any) -> Any:
        drawn = forms.begin
        for place in range(forms.places):
            drawn = next_one(variables, drawn, jnp.int32(place))
        return drawn

    def seconds(draw: Callable[[Any], Any]) -> tuple[float, np.ndarray]:
        began = time.perf_counter()
        found = np.asarray(jax.block_until_ready(draw(forms.variables)))
        return time.perf_counter() - began, found

    both: dict[str, Callable[[Any], Any]] = {"cached": cached, "naive": naive}
    images = {name: seconds(draw)[1] for name, draw in both.items()}
    times: dict[str, list[float]] = {name: [] for name in both}
    for _ in range(parsed.rounds):
        for name, draw in both.items():
            times[name].append(seconds(draw)[0])
    ratio = statistics.median(n / c for n, c in zip(times["naive"], times["cached"]))
    found = {f"{name}_s": round(statistics.median(each), 3) for name, each in times.items()}
    equal = float((images["cached"] == images["naive"]).mean())
    shown = {"network": parsed.network, **found, "ratio": round(ratio, 1), "equal": equal}
    print(json.dumps({**shown, "images": count, "side": side}))


if __name__ == "__main__":
    main()
