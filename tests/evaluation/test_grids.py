import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.evaluation import class_grid, inputs_of_labels, interpolation_grid, sample_images, tile
from jaxgan.latent import draw_latents
from jaxgan.parallel import make_mesh

RNG = jax.random.key(2)


def cells(grid, rows, columns, side=4):
    """The pictures of a grid: [rows, columns, side, side, C]."""
    step = side + 1
    return np.array([[grid[r * step :, c * step :][:side, :side] for c in range(columns)] for r in range(rows)])


def test_tiles_are_rows_with_white_between():
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)
    grid = tile(images, 3)
    assert grid.shape == (5, 11, 1) and grid.dtype == np.uint8
    np.testing.assert_array_equal(grid[0, :, 0], [0, 0, 0, 255, 1, 1, 1, 255, 2, 2, 2])
    np.testing.assert_array_equal(grid[:, 0, 0], [0, 0, 255, 3, 3])
    with pytest.raises(ValueError, match="6 images do not fill rows of 4"):
        tile(images, 4)


def test_a_class_grid_has_a_row_a_class(method, nets):
    options = dict(rng=RNG, mesh=make_mesh(), batch_size=8)
    grid = class_grid(method, nets, classes=[2, 0], columns=3, **options)
    images = sample_images(method, nets, inputs_of_labels(np.array([2, 2, 2, 0, 0, 0])), **options)
    np.testing.assert_array_equal(cells(grid, 2, 3).reshape(6, 4, 4, 1), images)


@pytest.mark.parametrize("over", ["class", "z"])
def test_ways_go_from_one_draw_to_another(method, nets, over):
    grid = interpolation_grid(
        method, nets, over=over, rows=2, columns=4, classes=[0, 1], rng=RNG, mesh=make_mesh(), kind="lerp"
    )
    found = np.arctanh(np.clip(cells(grid, 2, 4).astype(float) / 127.5 - 1, -0.99, 0.99)).reshape(2, 4, 16)
    starts = np.asarray(jax.random.normal(jax.random.split(RNG)[0], (2, 6)))
    ends = np.asarray(jax.random.normal(jax.random.split(RNG)[1], (2, 6)))
    w, table = (np.asarray(nets["g"]["params"][k]) for k in ("w", "table"))
    first = np.stack([starts[r] @ w + table[r] for r in (0, 1)])
    last = np.stack([ends[r] @ w + table[r] if over == "z" else starts[r] @ w + table[1 - r] for r in (0, 1)])
    for column, t in enumerate((0, 1 / 3, 2 / 3, 1)):
        expected = np.clip((1 - t) * first + t * last, -1.8, 1.8)
        np.testing.assert_allclose(np.clip(found[:, column], -1.8, 1.8), expected, atol=0.1)


def test_a_truncation_acts_on_the_ends_of_ways(method, nets):
    shared = dict(over="z", rows=2, columns=2, classes=[0, 1], rng=RNG, mesh=make_mesh(), kind="lerp")
    grid = interpolation_grid(
        method, nets, options={"truncation": 0.25, "truncation_mode": "scaled_truncated_normal"}, **shared
    )
    found = np.arctanh(np.clip(cells(grid, 2, 2).astype(float) / 127.5 - 1, -0.99, 0.99)).reshape(2, 2, 16)
    w, table = (np.asarray(nets["g"]["params"][k]) for k in ("w", "table"))
    for column, key in enumerate(jax.random.split(RNG)):
        z = np.asarray(draw_latents(key, (2, 6), mode="scaled_truncated_normal", truncation=0.25))
        expected = np.clip(np.stack([z[r] @ w + table[r] for r in (0, 1)]), -1.8, 1.8)
        np.testing.assert_allclose(np.clip(found[:, column], -1.8, 1.8), expected, atol=0.1)


def test_latents_are_interpolated_without_classes_too(method, nets):
    plain = dataclasses.replace(method, num_classes=0)
    options = dict(rows=1, columns=4, classes=[0], rng=RNG, mesh=make_mesh())
    assert interpolation_grid(plain, nets, over="z", **options).ndim == 3
    with pytest.raises(ValueError, match="over 'class' one with classes"):
        interpolation_grid(plain, nets, over="class", **options)


@pytest.mark.parametrize("label", [-1, 1000])
def test_labels_that_are_no_class_are_refused(method, nets, label):
    options = dict(rng=RNG, mesh=make_mesh())
    with pytest.raises(ValueError, match=f"the label {label} is no class: they are 0 to {method.num_classes - 1}"):
        sample_images(method, nets, inputs_of_labels(np.array([0, label])), **options)
    with pytest.raises(ValueError, match=f"the label {label} is no class"):
        interpolation_grid(method, nets, over="z", rows=1, columns=2, classes=[label], **options)


def test_errors(method, nets):
    with pytest.raises(ValueError, match="over 'z', 'w' or 'class', got 'age'"):
        interpolation_grid(method, nets, over="age", rows=1, columns=2, classes=[0], rng=RNG, mesh=make_mesh())


def test_ways_between_styles_are_straight(method):
    class Squared(type(method)):
        """w is z squared, twice."""

        def map_latents(self, nets, batch, rng):
            return jnp.repeat(jnp.square(batch["z"])[:, None], 2, axis=1)

        def sample(self, nets, batch, rng):
            return {"image": jnp.tanh(batch["w"].mean((1, 2)))[:, None, None, None] * jnp.ones((1, 4, 4, 1))}

    shared = dict(rows=2, columns=3, classes=[0], rng=RNG, mesh=make_mesh())
    grid = interpolation_grid(Squared(num_classes=0, style_shape=(2, 6)), {}, over="w", **shared)
    found = np.arctanh(np.clip(cells(grid, 2, 3)[:, :, 0, 0, 0] / 127.5 - 1, -0.99, 0.99))
    ends = [np.square(jax.random.normal(key, (2, 6))).mean(1) for key in jax.random.split(RNG)]
    for column, t in enumerate((0, 0.5, 1)):
        expected = (1 - t) * ends[0] + t * ends[1]
        np.testing.assert_allclose(np.minimum(found[:, column], 1.8), np.minimum(expected, 1.8), atol=0.05)
    with pytest.raises(ValueError, match="needs a method with styles"):
        interpolation_grid(method, {}, over="w", **shared)
