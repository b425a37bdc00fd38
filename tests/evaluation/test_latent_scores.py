"""Scores of latent space, where they are known: images that are linear in z, and classes that are signs of z."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.evaluation.latent_scores import path_length, separability
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError

OPTIONS = dict(rng=jax.random.key(0), num_samples=64, batch_size=16, stamp={"data": "x"})


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """An image of one pixel a number of z, at a share of its value."""

    share: float = 0.1
    num_classes: int = 0
    conditions: tuple = ()
    latent_shapes: object = dataclasses.field(default_factory=lambda: jax.ShapeDtypeStruct((4,), jnp.float32))
    options: dict = dataclasses.field(default_factory=dict)

    def sample(self, nets, batch, rng):
        return {"image": (self.share * batch["z"]).reshape(-1, 2, 2, 1)}


class Squares:
    name, digest = "squares", "0" * 64

    def __call__(self, a, b):
        assert a.shape[1:] == (2, 2, 3)
        return ((a - b) ** 2).sum((1, 2, 3))


@pytest.mark.parametrize("devices", [1, 8])
def test_path_length_scales_with_the_square_of_the_images(devices):
    mesh = make_mesh(devices=jax.devices()[:devices])
    small, large = (path_length(Pixels(share=s), {}, Squares(), mesh=mesh, **OPTIONS) for s in (0.1, 0.2))
    assert list(small) == ["ppl_squares"]
    assert large["ppl_squares"].value == pytest.approx(4 * small["ppl_squares"].value, rel=0.02)
    assert small["ppl_squares"].stamp["distance"] == "squares" and small["ppl_squares"].stamp["data"] == "x"
    assert small["ppl_squares"].value > 0


def test_separability_is_one_where_a_hyperplane_tells_the_class():
    def by_sign(images):
        first = images[:, 0, 0, 0]
        return jnp.stack([first, -first], axis=-1) * 100

    def by_magnitude(images):
        first = jnp.abs(images[:, 0, 0, 0]) - 0.07
        return jnp.stack([first, -first], axis=-1) * 100

    options = OPTIONS | {"num_samples": 400, "mesh": make_mesh(), "settings": {"classifier_steps": 3}}
    easy, hard = (separability(Pixels(), {}, f, **options)["separability"] for f in (by_sign, by_magnitude))
    assert easy.value == pytest.approx(1, abs=0.1) and hard.value > 2
    assert easy.stamp["settings"] == {"classifier_steps": 3, "space": "z", "keep": 0.5, "attributes": 2}


def test_methods_without_a_latent_vector_are_refused():
    mesh = make_mesh()
    for latents, message in (
        (None, "this method draws no latents"),
        (jax.ShapeDtypeStruct((2, 2), jnp.float32), r"draws latents \[2, 2\]"),
    ):
        with pytest.raises(UserError, match=message):
            path_length(Pixels(latent_shapes=latents), {}, Squares(), mesh=mesh, **OPTIONS)
    with pytest.raises(UserError, match="this method draws for photo"):
        path_length(Pixels(conditions=("photo",)), {}, Squares(), mesh=mesh, **OPTIONS)
    told = Pixels(num_classes=3, conditions=("label",))
    with pytest.raises(UserError, match="this method is told the class"):
        separability(told, {}, lambda x: x, mesh=mesh, settings={}, **OPTIONS)
    assert np.isfinite(path_length(told, {}, Squares(), mesh=mesh, **OPTIONS)["ppl_squares"].value)
