import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxgan.latent.path_length import face_crop, perceptual_path_length, trimmed_mean


def squared(x, y):
    return jnp.square(x - y).sum(tuple(range(1, x.ndim)))


def length(synthesize, distance=squared, seed=0, **options):
    options = dict(latent_dim=3, num_samples=4000, batch_size=512) | options
    return perceptual_path_length(synthesize, distance, rng=jax.random.key(seed), **options)


def trimmed(quantile, partial_mean):
    """A distribution's mean between its hundredths, from its quantiles and the part of its mean below a value."""
    return (partial_mean(quantile(0.99)) - partial_mean(quantile(0.01))) / 0.98


@pytest.mark.parametrize("sampling", ["full", "end"])
def test_straight_paths_through_a_linear_generator(sampling):
    # Images move at 6 (end - start) whatever t: the square is 36 * 2 * chi2(3) before outliers are dropped, and
    # x times the density of chi2(3) is 3 times that of chi2(5).
    chi2 = scipy.stats.chi2
    expected = 72 * trimmed(chi2(3).ppf, lambda x: 3 * chi2(5).cdf(x))
    mean, error = length(
        lambda w: 2 * w + 5,
        mapping=lambda z: 3 * z[:, None],
        sampling=sampling,
        num_samples=60_000,
        batch_size=6000,
    )
    assert abs(mean - expected) < 3 * error < 0.5 * abs(72 * 3 - expected)


def test_great_circles_through_a_generator_that_looks_at_directions():
    # In the plane the angle between the ends is uniform on [0, pi], and images move at that angle.
    expected = trimmed(lambda p: np.pi * p, lambda angle: angle**3 / (3 * np.pi))
    mean, error = length(lambda z: z / jnp.linalg.norm(z, axis=-1, keepdims=True), latent_dim=2, space="z")
    assert abs(mean - expected) < 3 * error < 0.05 * expected
    # The mapping comes after the path: this one undoes lengths before a generator that doubles.
    same, _ = length(
        lambda w: 2 * w, latent_dim=2, space="z", mapping=lambda z: z / jnp.linalg.norm(z, axis=-1, keepdims=True)
    )
    np.testing.assert_allclose(same, 4 * mean, rtol=1e-3)


def test_ends_and_whole_paths_differ_where_speed_depends_on_place():
    # The speed of w^2 / 2 is w (end - start). At the end its square has mean 1 + 3, along (1 - t) start + t end it is
    # 4 - 12 t + 12 t^2, of mean 2; of many dimensions the trimmed mean is almost the mean.
    options = dict(latent_dim=512, num_samples=1500, batch_size=256, mapping=lambda z: z)
    end, end_error = length(lambda w: w**2 / 2, sampling="end", **options)
    full, full_error = length(lambda w: w**2 / 2, sampling="full", **options)
    np.testing.assert_allclose([end / 512, full / 512], [4, 2], rtol=0.02)
    assert end_error / end < 0.01 and full_error / full < 0.02


def test_what_is_dropped_and_how_sure_the_mean_is():
    values = np.random.default_rng(0).permutation(1000.0 * np.arange(100_000))
    kept = 1000.0 * np.arange(999, 99_001)
    assert trimmed_mean(values)[0] == kept.mean()
    assert trimmed_mean(np.arange(100.0) ** 2)[0] == (np.arange(100.0) ** 2).mean()
    assert trimmed_mean(np.append(np.arange(100.0), 1e9))[0] == np.arange(1, 100.0).mean()
    # Its standard error is the spread of the means of many samples, tails and all.
    samples = np.random.default_rng(1).lognormal(size=(1500, 1500))
    means, errors = np.array([trimmed_mean(s) for s in samples]).T
    np.testing.assert_allclose(errors.mean(), means.std(), rtol=0.08)


def test_the_region_of_a_face():
    images = jnp.arange(16 * 16.0).reshape(1, 16, 16, 1)
    assert face_crop(images).shape == (1, 8, 8, 1)
    assert face_crop(images)[0, 0, 0, 0] == 6 * 16 + 4 and face_crop(images)[0, -1, -1, 0] == 13 * 16 + 11
    # What moves outside of it does not count.
    canvas = jnp.zeros((16, 16, 1)).at[0, 0].set(100.0).at[8, 8].set(1.0)

    def synthesize(w):
        return w[:, :1, None, None] * canvas[None]

    cropped, _ = length(synthesize, mapping=lambda z: z, num_samples=64, batch_size=64, crop=face_crop)
    whole, _ = length(synthesize, mapping=lambda z: z, num_samples=64, batch_size=64)
    np.testing.assert_allclose(whole, 10001 * cropped, rtol=1e-3)


def test_the_last_batch_is_cut_and_products_are_exact():
    seen = []

    def synthesize(w):
        seen.append((w.shape, jax.config.jax_default_matmul_precision))
        return w @ jnp.eye(3)

    short, _ = length(synthesize, mapping=lambda z: z, num_samples=10, batch_size=8)
    assert seen == [((8, 3), "highest")] * 2
    long, _ = length(synthesize, mapping=lambda z: z, num_samples=16, batch_size=8)
    assert short != long


def test_errors():
    with pytest.raises(ValueError, match=r"got 'x' and 'full'"):
        length(lambda w: w, space="x")
    with pytest.raises(ValueError, match=r"got 'z' and 'start'"):
        length(lambda w: w, space="z", sampling="start")
    with pytest.raises(ValueError, match="'w' needs a mapping"):
        length(lambda w: w)
    with pytest.raises(ValueError, match=r"\[512\], got \(512, 3\)"):
        length(lambda w: w, lambda x, y: (x - y) ** 2, space="z")
    with pytest.raises(ValueError, match="at least 2 samples"):
        length(lambda w: w, space="z", num_samples=1)
