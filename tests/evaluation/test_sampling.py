"""Sample i is a function of the key and i alone, for inputs of every kind and latents of any tree."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import Field, array_source
from jaxgan.evaluation import inputs_of_labels, label_inputs, sample_batches, sample_images, source_inputs
from jaxgan.nn import to_uint8
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError

INPUTS = label_inputs(21, 3)
RNG = jax.random.key(1)


def mesh_of(devices):
    return make_mesh(devices=jax.devices()[:devices])


@pytest.fixture(scope="module")
def reference(method, nets):
    return sample_images(method, nets, INPUTS, rng=RNG, mesh=mesh_of(1), batch_size=21)


def test_an_image_depends_on_its_own_index_and_label(method, nets, reference):
    z = np.stack([jax.random.normal(jax.random.fold_in(RNG, i), (6,)) for i in range(21)])
    expected = to_uint8(method.sample(nets, {"z": z, "label": INPUTS.labels, "options": {"shift": 0.0}}, RNG)["image"])
    assert np.abs(reference.astype(int) - np.asarray(expected).astype(int)).max() <= 1
    assert reference.shape == (21, 4, 4, 1) and reference.dtype == np.uint8


@pytest.mark.parametrize(("devices", "batch_size"), [(1, 4), (8, 8), (8, 13)])
def test_neither_batch_size_nor_devices_change_it(method, nets, reference, devices, batch_size):
    images = sample_images(method, nets, INPUTS, rng=RNG, mesh=mesh_of(devices), batch_size=batch_size)
    assert images.shape == reference.shape
    assert np.abs(images.astype(int) - reference.astype(int)).max() <= 1


def test_batches_come_whole_and_the_last_is_cut(method, nets):
    sizes = [len(b) for b in sample_batches(method, nets, INPUTS, rng=RNG, mesh=mesh_of(8), batch_size=5)]
    assert sizes == [8, 8, 5]


def test_some_inputs_are_drawn_as_among_all(method, nets, reference):
    chosen = np.array([20, 3, 4])
    images = sample_images(method, nets, INPUTS, rng=RNG, mesh=mesh_of(1), batch_size=2, indices=chosen)
    assert np.abs(images.astype(int) - reference[chosen].astype(int)).max() <= 1


def test_class_weights_and_truncation(method, nets, reference):
    weights = np.eye(3, dtype=np.float32)[INPUTS.labels]
    options = dict(rng=RNG, mesh=mesh_of(1), batch_size=21)
    images = sample_images(method, nets, inputs_of_labels(weights), **options)
    assert np.abs(images.astype(int) - reference.astype(int)).max() <= 1
    truncation = {"truncation": 1e-6, "truncation_mode": "scale"}
    still = sample_images(method, nets, INPUTS, options=truncation, **options)
    # Without latents an image is its class.
    assert all((still[c == INPUTS.labels] == still[c]).all() for c in range(3))
    assert (still != reference).any()


def test_another_value_of_a_number_compiles_nothing(method, nets, compilations):
    options = dict(rng=RNG, mesh=mesh_of(1), batch_size=21)
    drawn = [sample_images(method, nets, INPUTS, options={"shift": s}, **options) for s in (0.1, 0.9)]
    with compilations() as compiled:
        again = sample_images(method, nets, INPUTS, options={"shift": 0.5}, **options)
    assert not compiled
    assert drawn[0].mean() < again.mean() < drawn[1].mean()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Noisy:
    """Draws from each row's own key; latents are two arrays; the condition is an image."""

    latent_shapes = {"a": jax.ShapeDtypeStruct((2,), jnp.float32), "b": jax.ShapeDtypeStruct((2, 3), jnp.float32)}  # noqa: RUF012
    conditions = ("photo",)
    num_classes = 0
    options = {}  # noqa: RUF012

    def sample(self, nets, batch, rng):
        noise = jax.vmap(lambda key: jax.random.normal(key, (2,)))(batch["key"])
        both = jnp.stack([batch["z"]["a"], batch["z"]["b"][:, 0, :2], noise], axis=1)
        return {"numbers": both, "photo_mean": batch["photo"].astype(jnp.float32).mean((1, 2, 3))}


def test_every_row_has_latents_and_a_key_of_its_own():
    photos = np.arange(11, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    source = array_source({"photo": photos}, {"photo": Field((2, 2, 1), np.uint8, "image")})
    inputs = source_inputs(source, ("photo",))
    found = [
        sample_images(Noisy(), {}, inputs, rng=RNG, mesh=mesh_of(devices), batch_size=size, key=None)
        for devices, size in ((1, 11), (8, 8), (1, 2))
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other["numbers"], found[0]["numbers"], rtol=1e-5)
    np.testing.assert_allclose(found[0]["photo_mean"], np.arange(11))
    # Neither rows nor the three things drawn in a row share a number.
    assert len(np.unique(found[0]["numbers"])) == 11 * 6


def test_options_that_are_not_declared_or_out_of_bounds_are_refused(method, nets):
    for options, message in (
        ({"psi": 0.7}, "no sampling option 'psi'; .* are: shift, truncation, truncation_mode"),
        ({"shift": 2.0}, "shift=2.0: it lies from -1 to 1"),
        ({"truncation": 0.5, "truncation_mode": "cut"}, "truncation_mode='cut': choose from none, scale"),
        ({"truncation": 0.0}, "truncation must be above 0"),
    ):
        with pytest.raises(UserError, match=message):
            sample_images(method, nets, INPUTS, rng=RNG, mesh=mesh_of(1), options=options)


def test_networks_that_are_not_finite_draw_nothing(method, nets):
    wrong = nets | {"g": jax.tree.map(lambda x: x * np.nan, nets["g"])}
    with pytest.raises(UserError, match=r"arrays of the networks hold NaN or infinity, first g/"):
        sample_images(method, wrong, INPUTS, rng=RNG, mesh=mesh_of(1))
