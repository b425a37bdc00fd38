"""A grid of neighbours: a copy comes first, then what is nearest, in the reference's own pixels."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import in_memory
from jaxgan.data.image_set import ImageSet
from jaxgan.evaluation.collect import FeatureRequest
from jaxgan.evaluation.eval_set import eval_set_of
from jaxgan.evaluation.neighbours import neighbour_grid
from jaxgan.evaluation.score import statistics
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError


@dataclasses.dataclass(frozen=True)
class Brightness:
    """Features are each channel's mean."""

    def __call__(self, variables, images):
        return {"pool": images.astype(jnp.float32).mean((1, 2)) * variables}


NETWORK = FeatureNetwork("brightness", "0" * 64, "none", jnp.float32(1), Brightness())


def set_of(images, num_images=None):
    source = in_memory(images, np.zeros(len(images), int))
    return eval_set_of(ImageSet("arrays", "0", "all", "none", source, False), num_images)


def flat(levels, channels=1):
    """An image of one level for each."""
    return np.repeat(np.asarray(levels, np.uint8), 3 * 4 * channels).reshape(-1, 3, 4, channels)


def cells(grid, columns):
    """The tiles of a grid [rows, columns, 3, 4, C], frames left out."""
    framed = np.pad(grid, ((0, 1), (0, 1), (0, 0)))
    rows = len(framed) // 4
    return framed.reshape(rows, 4, columns, 5, -1).swapaxes(1, 2)[:, :, :3, :4]


@pytest.mark.parametrize("channels", [1, 3])
def test_each_row_is_an_image_and_its_nearest(channels):
    bank = np.random.default_rng(0).permutation(np.arange(0, 250, 10))
    queries = [40, 103, 7, 249, 131]
    reference = set_of(flat(bank, channels))
    held = statistics(reference, NETWORK, FeatureRequest(features=True), mesh=make_mesh(), batch_size=8)
    grid = neighbour_grid(set_of(flat(queries, channels)), reference, held, network=NETWORK, mesh=make_mesh(), k=3)
    assert grid.dtype == np.uint8 and grid.shape == (5 * 4 - 1, 4 * 5 - 1, channels)
    found = cells(grid, 4)
    assert (found == found[:, :, :1, :1, :1]).all()
    levels = found[:, :, 0, 0, 0]
    np.testing.assert_array_equal(levels[:, 0], queries)
    nearest = [
        sorted(bank, key=lambda level, q=query: (abs(level - q), list(bank).index(level)))[:3] for query in queries
    ]
    np.testing.assert_array_equal(levels[:, 1:], nearest)
    # A copy is its own nearest.
    assert levels[0, 1] == 40


def test_neighbours_of_a_choice_are_looked_for_in_that_choice():
    bank = flat(np.arange(0, 200, 5))
    reference = set_of(bank, 12)
    held = statistics(reference, NETWORK, FeatureRequest(features=True), mesh=make_mesh(), batch_size=8)
    chosen = reference.images.rows(np.arange(12))["image"]
    found = cells(neighbour_grid(set_of(chosen), reference, held, network=NETWORK, mesh=make_mesh(), k=1), 2)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    np.testing.assert_array_equal(found[:, 1], chosen)


def test_what_does_not_fit_is_named():
    reference = set_of(flat(np.arange(4), 3))
    held = statistics(reference, NETWORK, FeatureRequest(features=True), mesh=make_mesh(), batch_size=8)
    with pytest.raises(UserError, match=r"both sets need one shape: \[3, 4, 1\] and \[3, 4, 3\]"):
        neighbour_grid(set_of(flat([1, 2])), reference, held, network=NETWORK, mesh=make_mesh())
    with pytest.raises(ValueError, match="k=5 nearest of 4 rows"):
        neighbour_grid(set_of(flat([1, 2], 3)), reference, held, network=NETWORK, mesh=make_mesh())
