"""Draws from styles: what comes of a latent's own styles is what comes of the latent."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import recipes
from jaxgan.evaluation.options import checked_options
from jaxgan.evaluation.sampling import sampling_batch
from jaxgan.experiment.config_file import load


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["stylegan", "stylegan2"])
@pytest.mark.parametrize("noise", ["random", "const"])
def test_the_styles_of_a_latent_give_its_image(recipe, noise):
    experiment = recipes.build(load(f"{recipe}:flowers,smoke"))
    method, rng = experiment.stages[-1].method, np.random.default_rng(0)
    nets = {
        "g": jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), experiment.shapes().nets["g"]),
    }
    options = checked_options(method, {"psi": 0.6, "cutoff": 2, "noise": noise})
    batch = sampling_batch(method, jax.random.key(1), jnp.arange(3), {}, options, 5)
    ws = method.map_latents(nets, batch, jax.random.key(2))
    assert ws.shape == (3, *method.style_shape)
    of_z = method.sample(nets, batch, jax.random.key(2))["image"]
    without = {name: value for name, value in batch.items() if name != "z"}
    of_w = method.sample(nets, without | {"w": ws}, jax.random.key(2))["image"]
    np.testing.assert_allclose(of_w, of_z, rtol=1e-4, atol=1e-4)
    # The truncation is in the styles: the layers past the cutoff keep what the latent has.
    whole = method.map_latents(nets, batch | {"options": {**batch["options"], "psi": 1.0}}, jax.random.key(2))
    np.testing.assert_allclose(ws[:, 2:], whole[:, 2:], rtol=1e-5)
    assert np.abs(ws[:, :2] - whole[:, :2]).max() > 1e-3
