import jax
import numpy as np
import pytest

from jaxgan.latent.separability import classified_samples, conditional_entropy, linear_separability

rng = np.random.default_rng(0)
LATENTS = rng.normal(size=(4000, 8)).astype(np.float32)
SEPARABLE = LATENTS @ rng.normal(size=8)
UNRELATED = rng.normal(size=4000)
# The half nearest to its threshold is dropped: what remains is unbalanced.
RARE = rng.normal(size=4000) - 0.5


def test_attributes_that_a_plane_tells_cost_nothing():
    score, entropies = linear_separability(LATENTS, np.stack([SEPARABLE, -SEPARABLE], 1))
    assert 1 <= score < 1.05 and entropies.shape == (2,)


def test_an_attribute_that_latents_say_nothing_of_costs_its_entropy_and_attributes_multiply():
    sure = np.sort(np.abs(RARE))[2000:]
    share = (RARE[np.abs(RARE) >= sure[0]] > 0).mean()
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert 0.1 < share < 0.3
    score, entropies = linear_separability(LATENTS, np.stack([UNRELATED, SEPARABLE, RARE, UNRELATED], 1))
    # A plane through noise of 8 dimensions finds a little in 2000 samples.
    np.testing.assert_allclose(entropies, [np.log(2), 0, entropy, np.log(2)], atol=0.02)
    np.testing.assert_allclose(score, 4 * np.exp(entropy), rtol=0.05)
    np.testing.assert_allclose(score, np.exp(entropies).prod(), rtol=1e-12)


def test_only_what_the_classifier_is_sure_of_is_kept():
    # Labels are noise where the classifier is unsure, and clear where it is sure, which is on less than half.
    clear = np.abs(SEPARABLE) > np.quantile(np.abs(SEPARABLE), 0.6)
    logits = np.where(clear, 10 * SEPARABLE, 0.01 * UNRELATED)[:, None]
    assert linear_separability(LATENTS, logits, keep=0.35)[0] < 1.02
    half, whole = (linear_separability(LATENTS, logits, keep=keep)[0] for keep in (0.5, 1.0))
    assert 1.1 < half < whole < 2


def test_one_label_has_no_entropy():
    score, entropies = linear_separability(LATENTS[:20], np.stack([np.ones(20), -np.ones(20)], 1))
    assert score == 1 and not entropies.any()


def test_conditional_entropy_of_a_table():
    # Of 8: (0, 0) thrice, (0, 1) once, (1, 1) four times.
    x = np.array([0, 0, 0, 0, 1, 1, 1, 1], bool)
    y = np.array([0, 0, 0, 1, 1, 1, 1, 1], bool)
    np.testing.assert_allclose(conditional_entropy(x, y), 0.5 * (0.75 * np.log(4 / 3) + 0.25 * np.log(4)), rtol=1e-12)
    np.testing.assert_allclose(conditional_entropy(np.zeros(8, bool), x), np.log(2), rtol=1e-12)
    assert conditional_entropy(y, y) == 0


def test_from_a_generator_and_a_classifier():
    # The attribute is whether the first two latents agree in sign: no plane in z tells, one in their product does.
    z, w, logits = classified_samples(
        lambda w: w[:, :1],
        lambda images: 10 * images,
        rng=jax.random.key(0),
        latent_dim=3,
        num_samples=2500,
        batch_size=1000,
        mapping=lambda z: z[:, :1] * z[:, 1:2],
    )
    assert z.shape == (2500, 3) and w.shape == logits.shape == (2500, 1)
    np.testing.assert_allclose(logits[:, 0], 10 * z[:, 0] * z[:, 1], rtol=1e-6)
    assert linear_separability(w, logits)[0] < 1.01
    np.testing.assert_allclose(linear_separability(z, logits)[0], 2, rtol=0.02)
    same, unmapped, _ = classified_samples(
        lambda w: w, lambda images: images, rng=jax.random.key(0), latent_dim=3, num_samples=5, batch_size=5
    )
    np.testing.assert_array_equal(same, unmapped)


def test_errors():
    with pytest.raises(ValueError, match=r"\(4000, 8\) and \(4000,\)"):
        linear_separability(LATENTS, UNRELATED)
    with pytest.raises(ValueError, match="finite"):
        linear_separability(LATENTS, np.full((4000, 1), np.inf))
    with pytest.raises(ValueError, match=r"got 1.5 of 4000"):
        linear_separability(LATENTS, UNRELATED[:, None], keep=1.5)
    with pytest.raises(ValueError, match=r"got 0.0001 of 4000"):
        linear_separability(LATENTS, UNRELATED[:, None], keep=1e-4)
    with pytest.raises(ValueError, match="at least 1 sample"):
        classified_samples(lambda w: w, lambda i: i, rng=jax.random.key(0), latent_dim=3, num_samples=0, batch_size=5)
