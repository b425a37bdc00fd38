"""Rings and grids of Gaussians: distributions in the plane whose density is known, and endless batches of them.

Centres and spreads are those of Gulrajani et al. 2017 (arXiv:1704.00028, figure 1), from the file gan_toy.py of their
improved_wgan_training.
"""

import dataclasses
import itertools
import math
import re
from collections.abc import Iterator

import numpy as np

from jaxgan.data.loader import check_stream
from jaxgan.data.source import Batch

TOY_FORMS = "'ringN' (such as 'ring8') or 'gridN' with N a square (such as 'grid25')"


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Equally likely Gaussians in the plane, all of one spread.

    Attributes:
      name: how it is called.
      means: [K, 2] float64.
      std: standard deviation of each, along both axes.
    """

    name: str
    means: np.ndarray
    std: float

    def sample(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws ``(points float32 [n, 2], labels int32 [n])``; a label is the mode that its point comes from."""
        labels = rng.integers(len(self.means), size=n, dtype=np.int32)
        points = self.means[labels] + self.std * rng.standard_normal((n, 2))
        return points.astype(np.float32), labels

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """log p, exact: points [N, 2] -> float64 [N]."""
        x, y = (points[:, axis, None].astype(np.float64) - self.means[:, axis] for axis in (0, 1))
        exponents = -(x * x + y * y) / (2 * self.std**2)
        largest = exponents.max(1)
        total = np.log(np.exp(exponents - largest[:, None]).sum(1)) + largest
        return total - math.log(2 * math.pi * self.std**2 * len(self.means))


def toy_mixture(name: str) -> Mixture:
    """The mixture of a name, shifted and scaled so that each coordinate has mean 0 and a standard deviation of about 1.

    'ringN' has N modes at equal angles, the first at angle 0, on a circle of radius 2, with a spread of 0.02; 'gridN'
    has modes 2 apart with a spread of 0.05. Both are then divided by the centres' standard deviation to three decimals:
    of ring8 by 1.414 and of grid25 by 2.828, as in the reference. It draws 25 modes from one shuffled set of 100,000
    points, here every point is new.

    Raises:
      ValueError: on another name.
    """
    form = re.fullmatch(r"(ring|grid)([1-9]\d*)", name)
    kind, count = (form[1], int(form[2])) if form else ("", 0)
    side = math.isqrt(count)
    if count < 2 or (kind == "grid" and side**2 != count):
        raise ValueError(f"unknown mixture {name!r}; write {TOY_FORMS}, with at least 2 modes")
    if kind == "ring":
        angles = 2 * np.pi * np.arange(count) / count
        means, std, scale = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.02, math.sqrt(2)
    else:
        line = 2 * np.arange(side) - (side - 1.0)
        means, std = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2), 0.05
        scale = math.sqrt((count - 1) / 3)
    scale = round(scale, 3)
    return Mixture(name, means / scale, std / scale)


def toy_batches(
    mixture: Mixture,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """This process's rows of the steps ``start_step``, ``start_step + 1``, ... without end; no point comes twice.

    A step's whole batch is drawn from a counter keyed by (seed, step), and processes take rows as those of
    :func:`jaxgan.data.batches` do: side by side they are the same batch for any number, and resuming takes one integer.

    Args:
      mixture: what is drawn.
      batch_size: rows of one step over all processes.
      seed: with the step, decides everything.
      start_step: the first step to produce.
      process_index, process_count: which of how many processes this one is.

    Returns:
      An iterator of {'point': float32 [b, 2], 'label': int32 [b]} with b = batch_size / process_count.

    Raises:
      ValueError: where the processes don't divide the batch, or a number is out of range.
    """
    check_stream(batch_size, seed, start_step, process_index, process_count)
    rows = batch_size // process_count
    mine = slice(process_index * rows, (process_index + 1) * rows)
    return (_draw(mixture, batch_size, seed, step, mine) for step in itertools.count(start_step))


def _draw(mixture: Mixture, batch_size: int, seed: int, step: int, rows: slice) -> Batch:
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, step], np.uint64)))
    points, labels = mixture.sample(rng, batch_size)
    return {"point": points[rows], "label": labels[rows]}
