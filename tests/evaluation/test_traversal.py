import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.evaluation import code_traversal
from jaxgan.latent import Prior
from jaxgan.nn import to_uint8
from jaxgan.parallel import make_mesh

PRIOR = Prior(noise=2, kind="uniform", categorical=(3,), continuous=2)
LATENT = jax.ShapeDtypeStruct((PRIOR.size,), jnp.float32)
RNG = jax.random.key(0)


@dataclasses.dataclass(frozen=True)
class Mapped:
    prior: Callable = PRIOR


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class OnePixel:
    """Images of one pixel a number of the latent, at a quarter of its value."""

    latents: Mapped = dataclasses.field(default_factory=Mapped)
    num_classes: int = 5
    conditions: tuple[str, ...] = ("label",)
    options: dict = dataclasses.field(default_factory=dict)
    latent_shapes: jax.ShapeDtypeStruct = LATENT

    def sample(self, nets, batch, rng):
        z = self.latents.prior(batch["z"])
        return {"image": (nets["g"] * z / 4 + batch["label"][:, None])[:, None, :, None]}


METHOD, NETS = OnePixel(), {"g": jnp.float32(1)}


def pixels(grid, columns):
    """[rows, columns, numbers of the latent], without the white between."""
    rows = grid.shape[0] // 2 + 1
    framed = np.pad(grid[..., 0], ((0, 1), (0, 1)))[::2]
    return framed.reshape(rows, columns, PRIOR.size + 1)[..., :-1]


def value(x):
    return np.asarray(to_uint8(jnp.asarray(x) / 4))


@pytest.mark.parametrize("devices", [1, 8])
def test_a_categorical_code(devices):
    mesh = make_mesh(devices=jax.devices()[:devices])
    got = pixels(code_traversal(METHOD, NETS, PRIOR, code=0, rows=5, rng=RNG, mesh=mesh), 3)
    drawn = PRIOR(jax.random.normal(RNG, (5, PRIOR.size)))
    for row in range(5):
        for column in range(3):
            expected = np.concatenate([drawn[row, :2], np.eye(3)[column], drawn[row, 5:]])
            np.testing.assert_array_equal(got[row, column], value(expected))


def test_a_continuous_code_goes_past_the_prior_in_the_same_rows():
    mesh = make_mesh(devices=jax.devices()[:1])
    options = dict(rows=4, rng=RNG, mesh=mesh, columns=5)
    got = pixels(code_traversal(METHOD, NETS, PRIOR, code=2, **options), 5)
    np.testing.assert_array_equal(got[..., 6], np.tile(value([-2, -1, 0, 1, 2]), (4, 1)))
    drawn = value(PRIOR(jax.random.normal(RNG, (4, PRIOR.size))))
    np.testing.assert_array_equal(got[..., :6], np.repeat(drawn[:, None, :6], 5, axis=1))
    narrow = pixels(code_traversal(METHOD, NETS, PRIOR, code=1, extent=1.0, **options), 5)
    np.testing.assert_array_equal(narrow[0, :, 5], value([-1, -0.5, 0, 0.5, 1]))
    white = code_traversal(METHOD, NETS, PRIOR, code=1, label=4, **options)
    assert (white == 255).all()


def test_errors():
    mesh = make_mesh(devices=jax.devices()[:1])
    for wrong, message in [
        ({"code": 3}, "codes 0 to 2"),
        ({"code": -1}, "codes 0 to 2"),
        ({"code": 1, "columns": 1}, "two columns"),
        ({"code": 1, "rows": 0}, "one row"),
        ({"code": 1, "method": object()}, "a field `latents`"),
    ]:
        arguments = {"method": METHOD, "rows": 2, **wrong}
        with pytest.raises(ValueError, match=message):
            code_traversal(nets=NETS, prior=PRIOR, rng=RNG, mesh=mesh, **arguments)


def test_a_class_that_there_is_not_and_networks_that_are_not_finite_are_refused():
    def drawn(nets=NETS, **options):
        return code_traversal(METHOD, nets, PRIOR, code=0, rows=1, rng=RNG, mesh=make_mesh(), **options)

    for label in (5, -1):
        with pytest.raises(ValueError, match=f"the label {label} is no class: they are 0 to 4"):
            drawn(label=label)
    with pytest.raises(ValueError, match="hold NaN or infinity"):
        drawn({"g": jnp.float32(np.nan)})
