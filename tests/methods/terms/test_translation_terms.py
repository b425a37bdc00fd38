"""Terms of paired games: their values, and what they ask for."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.methods.regularizer import Context, DiscriminatorOutput
from jaxgan.methods.terms.layer_matching import matched_layers
from jaxgan.methods.terms.perceptual import perceptual
from jaxgan.methods.terms.reconstruction import reconstructed
from jaxgan.methods.terms.style_kl import style_kl
from jaxgan.objectives import gaussian_kl

DRAW = np.random.default_rng(0)
IMAGES, FAKES = (jnp.asarray(DRAW.uniform(-1, 1, (4, 8, 8, 3)), jnp.float32) for _ in range(2))


def context(**given):
    empty = dict.fromkeys(Context._fields)
    return Context(**empty | dict(images=IMAGES, fakes=FAKES, frozen={}) | given)


def output(seed, layers=3, scales=2):
    draw = np.random.default_rng(seed)
    features = [jnp.asarray(draw.normal(size=(4, 4, 4, 2)), jnp.float32) for _ in range(layers * scales)]
    return DiscriminatorOutput(tuple(jnp.zeros((4, 2, 2)) for _ in range(scales)), tuple(features))


def test_a_weight_of_0_is_no_term():
    assert [make(weight=0.0) for make in (reconstructed, matched_layers)] == [None, None]
    assert perceptual(lambda v, x: (x,), weight=0.0) is None and style_kl(lambda v, c: (c, c), weight=0.0) is None


def test_reconstruction():
    found = reconstructed(weight=100.0).g_term(context())
    assert found.loss == pytest.approx(100 * np.abs(IMAGES - FAKES).mean(), rel=1e-5)
    assert found.metrics["reconstruction"] == pytest.approx(np.abs(IMAGES - FAKES).mean(), rel=1e-5)


def test_feature_matching_sums_layers_and_averages_scales():
    real, fake = output(1), output(2)
    found = matched_layers(weight=10.0).g_term(context(real=real, fake=fake))
    each = [np.abs(r - f).mean() for r, f in zip(real.features, fake.features)]
    assert found.loss == pytest.approx(10 * sum(each) / 2, rel=1e-5)
    bare = DiscriminatorOutput(real.logits)
    with pytest.raises(ValueError, match="feature matching reads D's features, but this discriminator has none"):
        matched_layers(weight=1.0).g_term(context(real=bare, fake=bare))


def test_perceptual_distances_look_through_the_frozen_network():
    def layers(variables, images):
        return images * variables["scale"], jnp.square(images)

    frozen = {"perceptual": {"scale": jnp.float32(3.0)}}
    made = perceptual(layers, weight=2.0, layer_weights=(0.5, 1.0), distance="squared")
    wanted = 0.5 * np.square(3 * (IMAGES - FAKES)).mean() + np.square(np.square(IMAGES) - np.square(FAKES)).mean()
    assert made.g_term(context(frozen=frozen)).loss == pytest.approx(2 * wanted, rel=1e-5)


def test_style_kl_is_a_mean_over_examples_times_the_reference_s():
    mean, log_variance = DRAW.normal(size=(2, 4, 5)).astype(np.float32)
    made = style_kl(lambda variables, condition: (condition * variables, log_variance), weight=0.05, examples=4)
    found = made.g_term(context(nets={"g": 1.0}, real_condition=mean))
    assert found.loss == pytest.approx(0.05 * 4 * float(gaussian_kl(mean, log_variance).mean()), rel=1e-5)
