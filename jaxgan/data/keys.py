"""Keys of random draws on the host: a function of the seed and the example's position, without a state to save."""

from typing import NamedTuple

import numpy as np

from jaxgan.data.transforms import flip_mask


class Key(NamedTuple):
    """Key of an operation's random draw.

    Attributes:
      seed: of the stream, in [0, 2**64).
      position: of the example in the stream's endless order.
      place: of the operation in its chain.
    """

    seed: int
    position: int
    place: int = 0

    def uniform(self, count: int) -> np.ndarray:
        """float64 [count] in [0, 1), from a counter-based generator (Philox) that has no state to save."""
        # The position is the counter's second word, so that no two positions share a block of numbers.
        philox = np.random.Philox(key=np.array([self.seed, self.place], np.uint64), counter=[0, self.position, 0, 0])
        return np.random.Generator(philox).random(count)

    def coin(self) -> bool:
        """A fair coin of (seed, position), the same for each place: that of :func:`jaxgan.data.flip_mask`."""
        return bool(flip_mask(self.seed, np.array([self.position]))[0])
