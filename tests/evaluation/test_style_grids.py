"""Pictures of styles, of a generator whose image shows each of its styles in a column of pixels."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.evaluation.sampling import sampling_batch
from jaxgan.evaluation.style_grids import MIXES, StyleImages, mixing_table, noise_grid
from jaxgan.parallel import make_mesh
from jaxgan.training.method import Option

LAYERS = 6
RNG = jax.random.key(3)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """Column l of an image is the l-th style; noise is added to the last column alone."""

    style_shape: object = (LAYERS, 1)
    num_classes: int = 0
    conditions: tuple = ()
    latent_shapes: object = dataclasses.field(default_factory=lambda: jax.ShapeDtypeStruct((1,), jnp.float32))
    options: dict = dataclasses.field(default_factory=lambda: {"noise": Option(0.1, low=0.0)})

    def map_latents(self, nets, batch, rng):
        return 0.8 * jnp.repeat(
            jnp.tanh(batch["z"] + batch.get("label", jnp.zeros(1))[:, None])[:, None], LAYERS, axis=1
        )

    def sample(self, nets, batch, rng):
        w = batch["w"] if "w" in batch else self.map_latents(nets, batch, rng)
        noise = jax.vmap(lambda key: jax.random.uniform(key, minval=-1))(batch["key"])
        pixels = w[:, None, :, :].at[:, :, -1].add(batch["options"]["noise"] * noise[:, None, None])
        return {"image": jnp.broadcast_to(pixels, (len(w), LAYERS, LAYERS, 1))}


def draws(devices=1, **options):
    mesh = make_mesh(devices=jax.devices()[:devices])
    return StyleImages(Columns(), {}, rng=RNG, mesh=mesh, batch_size=4, options=options or None)


def cells(grid, columns, side=LAYERS):
    step = side + 1
    return np.array(
        [
            [grid[r : r + side, c : c + side, 0] for c in range(0, columns * step, step)]
            for r in range(0, len(grid), step)
        ]
    )


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize("layers", [(0, 4), (4, None), (2, 3)])
def test_a_cell_has_the_styles_of_its_row_but_in_these_layers_of_its_column(layers, devices):
    table = cells(mixing_table(draws(devices, noise=0.0), layers, rows=2, columns=3), 4)
    assert table.shape == (3, 4, LAYERS, LAYERS) and (table[0, 0] == 255).all()
    for row in (1, 2):
        for column in (1, 2, 3):
            expected = table[row, 0].copy()
            expected[:, slice(*layers)] = table[0, column][:, slice(*layers)]
            np.testing.assert_array_equal(table[row, column], expected)
    sources = [*table[1:, 0, 0, 0], *table[0, 1:, 0, 0]]
    batch = sampling_batch(Columns(), RNG, jnp.arange(5), {}, {"noise": 0.0})
    np.testing.assert_array_equal(np.round(0.8 * np.tanh(batch["z"][:, 0]) * 127.5 + 127.5), sources)


def test_layers_that_there_are_not_are_refused():
    for layers in ((8, None), (3, 3), (0, 7)):
        with pytest.raises(ValueError, match="an image has 6 styles, 0 to 5"):
            mixing_table(draws(), layers, rows=1, columns=1)
    assert MIXES == {"coarse": (0, 4), "middle": (4, 8), "fine": (8, None)}
    with pytest.raises(ValueError, match="no styles between its latents and its images"):
        StyleImages(Columns(style_shape=None), {}, rng=RNG, mesh=make_mesh())


def test_noise_alone_differs_within_a_row_and_its_deviation_is_shown():
    picture, largest = noise_grid(draws(), rows=2, columns=4, realizations=400)
    table = cells(picture, 4)
    for row in table:
        assert (row[0, :, :-1] == row[1:3, :, :-1]).all() and np.ptp(row[:3, 0, -1]) > 0
        assert (row[3, :, :-1] == 0).all() and (row[3, :, -1] > 230).all()
    # Of a uniform number in [-0.1, 0.1], in levels.
    assert largest == pytest.approx(0.1 / np.sqrt(3) * 127.5, rel=0.1)
    # Beyond black and white there is nothing to see.
    assert noise_grid(draws(noise=100.0), rows=2, columns=4)[1] < 128
    with pytest.raises(ValueError, match="two columns and two realizations"):
        noise_grid(draws(), rows=1, columns=1)


def test_classes_that_there_are_not_are_refused():
    mesh = make_mesh(devices=jax.devices()[:1])
    made = StyleImages(Columns(num_classes=3, conditions=("label",)), {}, rng=RNG, mesh=mesh, batch_size=4)
    with pytest.raises(ValueError, match="the label 3 is no class: they are 0 to 2"):
        mixing_table(made, MIXES["coarse"], rows=1, columns=1, classes=(3,))
    with pytest.raises(ValueError, match="the label 3 is no class"):
        noise_grid(made, rows=1, columns=2, realizations=2, classes=(3,))
    with pytest.raises(ValueError, match="hold NaN or infinity"):
        StyleImages(Columns(), {"g": jnp.float32(np.nan)}, rng=RNG, mesh=mesh)
