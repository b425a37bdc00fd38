"""The spread of a batch against numpy."""

import re

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.methods.terms.spread import pixel_spread, projected_spread, spread
from jaxgan.parallel import make_mesh

IMAGES = np.random.default_rng(0).normal(size=(32, 50)).astype(np.float32)


def test_the_spread_of_pixels_is_numpys():
    np.testing.assert_allclose(pixel_spread(IMAGES), np.sqrt(IMAGES.var(0).mean()), rtol=1e-5)


def test_the_projected_spread_is_numpys():
    towards = np.asarray(jax.random.normal(jax.random.key(0), (50, 4))) / np.sqrt(50)
    wanted = np.exp(np.log((IMAGES @ towards).std(0)).mean())
    np.testing.assert_allclose(projected_spread(IMAGES, directions=4), wanted, rtol=1e-4)


@pytest.mark.parametrize("shrunk", [0.5, 1e-3])
def test_both_shrink_with_the_distances_between_images(shrunk):
    near = IMAGES.mean(0) + shrunk * (IMAGES - IMAGES.mean(0))
    np.testing.assert_allclose(pixel_spread(near), shrunk * pixel_spread(IMAGES), rtol=1e-3)
    of_both = [projected_spread(x, directions=4) for x in (near, IMAGES)]
    np.testing.assert_allclose(of_both[0], shrunk * of_both[1], rtol=1e-3)


def test_one_image_for_all_latents_has_none():
    same = np.broadcast_to(IMAGES[:1], IMAGES.shape)
    assert pixel_spread(same) < 1e-6 and projected_spread(same, directions=4) < 1e-6


def test_off_is_none_and_less_is_refused():
    assert spread() is None
    with pytest.raises(ValueError, match="directions=-1"):
        spread(directions=-1)


def test_split_over_rows_and_heights_no_image_is_moved():
    mesh = make_mesh(data=2, fsdp=2, spatial=2)
    images = np.random.default_rng(1).normal(size=(8, 8, 4, 3)).astype(np.float32)

    def both(x):
        return pixel_spread(x), projected_spread(x, directions=4)

    with jax.set_mesh(mesh):
        placed = jax.device_put(images, NamedSharding(mesh, P(("data", "fsdp"), "spatial")))
        compiled = jax.jit(both).lower(placed).compile()
        np.testing.assert_allclose(compiled(placed), jax.jit(both)(images), rtol=1e-4)
    assert not re.search("all-gather|all-to-all|collective-permute", compiled.as_text())
