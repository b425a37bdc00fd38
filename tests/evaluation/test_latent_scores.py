"""Scores of latent space, where they are known: images that are linear in z, and classes that are signs of z."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.evaluation.latent_scores import path_length, separability
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError

# Of z in a method with styles: it stretches some directions more than others.
SPREAD = jnp.array([3.0, 1.0, 1.0, 1.0])
OPTIONS = dict(rng=jax.random.key(0), num_samples=64, batch_size=16, stamp={"data": "x"})


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """An image of one pixel a number of z, at a share of its value."""

    share: float = 0.1
    style_shape: object = None
    num_classes: int = 0
    conditions: tuple = ()
    latent_shapes: object = dataclasses.field(default_factory=lambda: jax.ShapeDtypeStruct((4,), jnp.float32))
    options: dict = dataclasses.field(default_factory=dict)

    def sample(self, nets, batch, rng):
        shown = batch["w"].mean(1) if "w" in batch else batch["z"] * SPREAD[None] if self.style_shape else batch["z"]
        return {"image": (self.share * shown).reshape(-1, 2, 2, 1)}

    def map_latents(self, nets, batch, rng):
        return jnp.repeat((batch["z"] * SPREAD[None])[:, None], 3, axis=1)


class Squares:
    name, digest = "squares", "0" * 64

    def __call__(self, a, b):
        assert a.shape[1:] == (2, 2, 3)
        return ((a - b) ** 2).sum((1, 2, 3))


@pytest.mark.parametrize("devices", [1, 8])
def test_path_length_scales_with_the_square_of_the_images(devices):
    mesh = make_mesh(devices=jax.devices()[:devices])
    small, large = (path_length("ppl_z", Pixels(share=s), {}, Squares(), mesh=mesh, **OPTIONS) for s in (0.1, 0.2))
    assert list(small) == ["ppl_z_squares"]
    assert large["ppl_z_squares"].value == pytest.approx(4 * small["ppl_z_squares"].value, rel=0.02)
    assert small["ppl_z_squares"].stamp["distance"] == "squares" and small["ppl_z_squares"].stamp["data"] == "x"
    assert small["ppl_z_squares"].value > 0


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


def test_styles_have_lengths_and_separability_of_their_own():
    mesh = make_mesh(devices=jax.devices()[:1])
    styled = Pixels(style_shape=(3, 4))
    found = {}
    for name in ("ppl_z", "ppl_w", "ppl_w_end"):
        found |= path_length(name, styled, {}, Squares(), mesh=mesh, **OPTIONS | {"num_samples": 512})
    assert list(found) == ["ppl_z_squares", "ppl_w_squares", "ppl_w_end_squares"]
    settings = [score.stamp["settings"] for score in found.values()]
    assert [(s["space"], s["sampling"]) for s in settings] == [("z", "full"), ("w", "full"), ("w", "end")]
    # Of a straight way between two N(0, SPREAD^2): the squared distance of its ends, at every point the same.
    expected = 3 * 0.1**2 * 2 * float((SPREAD**2).sum())
    for name in ("ppl_w_squares", "ppl_w_end_squares"):
        assert found[name].value == pytest.approx(expected, abs=4 * found[name].stderr), name

    def by_first(images):
        first = images[:, 0, 0, 0]
        return jnp.stack([first, -first], axis=-1) * 100

    both = separability(styled, {}, by_first, mesh=mesh, settings={}, **OPTIONS | {"num_samples": 400})
    assert [(name, s.stamp["settings"]["space"]) for name, s in both.items()] == [
        ("separability", "z"),
        ("separability_w", "w"),
    ]
    assert all(score.value == pytest.approx(1, abs=0.1) for score in both.values())
    with pytest.raises(UserError, match=r"ppl_w goes through styles, .* this method has none"):
        path_length("ppl_w", Pixels(), {}, Squares(), mesh=mesh, **OPTIONS)


@pytest.mark.parametrize(("crop", "side", "compared"), [("none", 512, 256), ("face", 512, 256), ("face", 64, 32)])
def test_what_is_compared_is_cut_and_brought_down(crop, side, compared):
    seen = []

    class Watching(Squares):
        def __call__(self, a, b):
            seen.append(a.shape)
            return jnp.abs(a - b).mean((1, 2, 3))

    class Large(Pixels):
        def sample(self, nets, batch, rng):
            return {"image": jnp.broadcast_to(batch["z"][:, :1, None, None], (len(batch["z"]), side, side, 1))}

    options = OPTIONS | {"num_samples": 2, "batch_size": 2}
    path_length("ppl_z", Large(), {}, Watching(), mesh=make_mesh(devices=jax.devices()[:1]), crop=crop, **options)
    assert seen[0] == (2, compared, compared, 3)


def test_methods_without_a_latent_vector_are_refused():
    mesh = make_mesh()
    for latents, message in (
        (None, "this method draws no latents"),
        (jax.ShapeDtypeStruct((2, 2), jnp.float32), r"draws latents \[2, 2\]"),
    ):
        with pytest.raises(UserError, match=message):
            path_length("ppl_z", Pixels(latent_shapes=latents), {}, Squares(), mesh=mesh, **OPTIONS)
    with pytest.raises(UserError, match="this method draws for photo"):
        path_length("ppl_z", Pixels(conditions=("photo",)), {}, Squares(), mesh=mesh, **OPTIONS)
    told = Pixels(num_classes=3, conditions=("label",))
    with pytest.raises(UserError, match="this method is told the class"):
        separability(told, {}, lambda x: x, mesh=mesh, settings={}, **OPTIONS)
    assert np.isfinite(path_length("ppl_z", told, {}, Squares(), mesh=mesh, **OPTIONS)["ppl_z_squares"].value)
