"""Toy mixtures: the reference's centres, an exact density, and batches that are a function of the step."""

import itertools

import numpy as np
import pytest
import scipy.stats

from jaxgan import data


def take(count, **options):
    options = {"batch_size": 8, "seed": 3, **options}
    steps = list(itertools.islice(data.toy_batches(data.toy_mixture("grid25"), **options), count))
    return {key: np.stack([step[key] for step in steps]) for key in steps[0]}


def test_the_references_centres_and_spreads():
    ring, grid = data.toy_mixture("ring8"), data.toy_mixture("grid25")
    half = 2 / np.sqrt(2)
    expected = [(2, 0), (half, half), (0, 2), (-half, half), (-2, 0), (-half, -half), (0, -2), (half, -half)]
    np.testing.assert_allclose(ring.means, np.array(expected) / 1.414, atol=1e-12)
    expected = [(2 * x, 2 * y) for x in range(-2, 3) for y in range(-2, 3)]
    np.testing.assert_allclose(grid.means, np.array(expected) / 2.828)
    assert (ring.std, grid.std) == (0.02 / 1.414, 0.05 / 2.828)


@pytest.mark.parametrize("name", ["ring8", "ring3", "grid25", "grid9"])
def test_coordinates_are_about_standard(name):
    mixture = data.toy_mixture(name)
    points, labels = mixture.sample(np.random.default_rng(0), 100_000)
    assert (points.dtype, labels.dtype) == (np.float32, np.int32)
    np.testing.assert_allclose(points.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(points.std(0), 1, atol=0.01)
    np.testing.assert_allclose((points - mixture.means[labels]).std(0), mixture.std, rtol=0.01)
    shares = np.bincount(labels, minlength=len(mixture.means)) / len(labels)
    np.testing.assert_allclose(shares, 1 / len(mixture.means), atol=0.01)


def test_the_density_is_the_mean_of_scipys():
    mixture = data.toy_mixture("ring8")
    points = np.concatenate([mixture.sample(np.random.default_rng(0), 20)[0], [[0, 0], [1.3, 0.1]]])
    parts = [scipy.stats.multivariate_normal(m, mixture.std**2).logpdf(points) for m in mixture.means]
    np.testing.assert_allclose(mixture.log_density(points), np.logaddexp.reduce(parts) - np.log(8), rtol=1e-12)
    # Far away it is finite: nothing underflows.
    assert np.isfinite(mixture.log_density(np.array([[1e3, 1e3]]))).all()


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_side_by_side_make_the_same_batch(processes):
    parts = [take(5, process_index=p, process_count=processes) for p in range(processes)]
    whole = take(5)
    for key in whole:
        np.testing.assert_array_equal(np.concatenate([part[key] for part in parts], axis=1), whole[key])


def test_a_restart_continues_and_no_point_comes_twice():
    whole, resumed = take(6), take(2, start_step=4)
    for key in whole:
        np.testing.assert_array_equal(resumed[key], whole[key][4:])
    points = np.concatenate([whole["point"], take(6, seed=4)["point"]]).reshape(-1, 2)
    assert len(np.unique(points, axis=0)) == 2 * 6 * 8


@pytest.mark.parametrize("name", ["ring", "ring1", "grid24", "ring08", "swissroll", "xring8"])
def test_unknown_names_say_what_there_is(name):
    with pytest.raises(ValueError, match=r"unknown mixture .* write 'ringN'"):
        data.toy_mixture(name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"process_count": 3}, "no positive multiple of the 3 processes"),
        ({"process_index": 2, "process_count": 2}, "got 2 of 2"),
        ({"start_step": -1}, "start_step must not be negative, got -1"),
        ({"seed": 2**32}, "seed must lie in .* got 4294967296"),
    ],
)
def test_errors_come_before_the_first_batch(wrong, message):
    with pytest.raises(ValueError, match=message):
        data.toy_batches(data.toy_mixture("ring8"), **{"batch_size": 8, "seed": 3, **wrong})
