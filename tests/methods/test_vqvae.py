"""Pictures to codes and back, on one level or more."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.methods.vqvae import VQVAE
from jaxgan.networks.vqvae import Autoencoder

SMALL = dict(ch=8, blocks=1, hidden=4, codes=16, dim=4, image_channels=1)


def make(levels=2, **changes):
    return VQVAE(autoencoder=Autoencoder(levels=levels, **SMALL | changes), optimizers={"p": optax.adam(1e-2)})


def bars(count, seed=0):
    """Pictures of one bright row or column."""
    images, rng = np.zeros((count, 16, 16, 1), np.uint8), np.random.default_rng(seed)
    for image, place, upright in zip(images, rng.integers(0, 16, count), rng.integers(0, 2, count)):
        (image.swapaxes(0, 1) if upright else image)[place] = 255
    return images


@pytest.mark.parametrize(
    ("levels", "total", "codes"), [(1, 662_723, 32_768), (2, 1_388_867, 65_536), (3, 2_254_339, 98_304)]
)
def test_parameters_are_those_of_the_port(levels, total, codes):
    """Published for two levels, as counted in rosinality's module."""
    shapes = jax.eval_shape(
        lambda: Autoencoder(levels=levels).init({"params": jax.random.key(0)}, jnp.zeros((2, 64, 64, 3)), train=True)
    )
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == total
    assert sum(book["codes"].size for book in shapes["codebook"].values()) == codes


@pytest.mark.parametrize("levels", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_codes_alone_give_what_comes_back(levels):
    method, batch = make(levels), {"image": bars(4)}
    nets = jax.jit(method.init)(jax.random.key(0), batch).nets
    codes = jax.jit(method.codes)(nets, batch["image"])
    assert [code.shape for code in codes] == [(4, 4 >> n, 4 >> n) for n in range(levels)]
    back = jax.jit(method.sample)(nets, batch, jax.random.key(1))["image"]
    assert back.shape == (4, 16, 16, 1)
    np.testing.assert_allclose(jax.jit(method.decode)(nets, codes), back, atol=1e-5)
    with pytest.raises(ValueError, match=f"{levels} levels of codes take sides in multiples of {2 ** (levels + 1)}"):
        method.codes(nets, np.zeros((1, 18, 18, 1), np.uint8))


@pytest.mark.slow
def test_it_learns_what_it_is_shown_and_logs_its_codes():
    # At a higher rate, or without the variance, about half of all beginnings end in one code.
    settings = dict(optimizers={"p": optax.adam(3e-3)}, variance=0.23)
    method = dataclasses.replace(make(ch=16, hidden=8), **settings)
    state = jax.jit(method.init)(jax.random.key(0), {"image": bars(32)})
    step = jax.jit(method.step)
    found = []
    for number in range(300):
        state, metrics = step(state, {"image": bars(32, number)}, jax.random.key(number))
        found.append(metrics)
    # A picture that is its mean is off by 0.23.
    assert found[-1]["p/error"] < 0.19 < found[0]["p/error"]
    for level in (0, 1):
        assert 3 < found[-1][f"p/perplexity_{level}"] <= 16 and 0.2 < found[-1][f"p/usage_{level}"] <= 1
