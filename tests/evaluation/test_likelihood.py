"""Likelihood scores in closed form: of a discrete distribution that is known, and of a noisy bound."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import in_memory
from jaxgan.evaluation.inputs import SampleInputs, source_inputs
from jaxgan.evaluation.likelihood import example_nats, likelihood_scores
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Uniform:
    """Every pixel is one of 256 levels, every token one of 10, equally likely; with noise of the row's own key."""

    noise: float = 0.0
    latent_shapes = None
    options = {}  # noqa: RUF012

    def nats(self, nets, batch, rng):
        noise = jax.vmap(jax.random.normal)(batch["key"])
        if "image" in batch:
            exact = math.log(256) * math.prod(batch["image"].shape[1:]) * jnp.ones(len(batch["image"]))
        else:
            exact = math.log(10) * batch["tokens_mask"].sum(1)
        return exact + self.noise * noise


def pictures(count=21):
    images = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)
    return source_inputs(in_memory(images, np.zeros(count, int)), ("image", "label"))


def nats_of(method, examples, devices=1, batch_size=8):
    mesh = make_mesh(devices=jax.devices()[:devices])
    return example_nats(method, {}, examples, rng=jax.random.key(0), mesh=mesh, batch_size=batch_size)


def test_uniform_pixels_take_eight_bits():
    found = likelihood_scores(["bits_per_dim", "elbo"], *nats_of(Uniform(), pictures()), stamp={"data": "x"})
    assert found["bits_per_dim"].value == pytest.approx(8, rel=1e-6)
    assert found["elbo"].value == pytest.approx(-48 * math.log(256), rel=1e-6)
    assert found["bits_per_dim"].stderr == pytest.approx(0, abs=1e-6)
    assert found["elbo"].stamp == {"data": "x", "settings": {"field": "image"}}


def test_a_bound_draws_for_each_example_whatever_the_batch_and_the_devices():
    one, dims, _ = nats_of(Uniform(noise=50.0), pictures(), batch_size=21)
    for devices, size in ((8, 8), (1, 4)):
        np.testing.assert_allclose(nats_of(Uniform(noise=50.0), pictures(), devices, size)[0], one, rtol=1e-5)
    assert len(np.unique(one)) == 21
    found = likelihood_scores(["bits_per_dim", "elbo"], one, dims, "image", stamp={})
    assert found["elbo"].stderr == pytest.approx(one.std(ddof=1) / math.sqrt(21))
    assert found["bits_per_dim"].stderr == pytest.approx(found["elbo"].stderr / 48 / math.log(2))


def test_perplexity_counts_the_tokens_that_are_not_padding():
    mask = np.arange(7) < np.array([[7], [3], [1], [5]])
    tokens = np.zeros((4, 7), np.int32)
    examples = SampleInputs(4, lambda i: {"tokens": tokens[i], "tokens_mask": mask[i]})
    nats, counts, field = nats_of(Uniform(), examples)
    assert counts.tolist() == [7, 3, 1, 5] and field == "tokens"
    found = likelihood_scores(["perplexity"], nats, counts, field, stamp={})["perplexity"]
    assert found.value == pytest.approx(10, rel=1e-6) and found.stderr == pytest.approx(0, abs=1e-5)
    # Longer examples weigh more: exp((10 + 2) / (10 + 1)), not the mean of exp(1) and exp(2).
    uneven = likelihood_scores(["perplexity"], np.array([10.0, 2.0]), np.array([10, 1]), "tokens", stamp={})
    assert uneven["perplexity"].value == pytest.approx(math.exp(12 / 11))


def test_a_score_without_meaning_is_refused():
    with pytest.raises(UserError, match="perplexity is not of 'image', whose scores are elbo and bits_per_dim"):
        likelihood_scores(["perplexity"], *nats_of(Uniform(), pictures()), stamp={})
    with pytest.raises(UserError, match="a likelihood is of tokens, image, point; these examples have label"):
        nats_of(Uniform(), SampleInputs(2, lambda i: {"label": np.zeros(len(i), np.int32)}))
