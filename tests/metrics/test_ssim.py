import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import convolve2d

from jaxgan.metrics.ssim import MS_SSIM_WEIGHTS, class_ms_ssim, mean_pairwise_ms_ssim, ms_ssim, ssim


def pictures() -> np.ndarray:
    y, x, c = np.mgrid[0:24, 0:37, 0:3]
    a = 127.5 + 60 * np.sin(0.35 * x + 0.2 * y + c) + 50 * np.cos(0.9 * y - 0.1 * x * c)
    return np.stack([a, 0.5 * a + 40 + 30 * np.sin(1.7 * x), a[::-1]]).round().astype(np.uint8)


# scikit-image 0.26.0, of the pairs below of pictures() as float64: structural_similarity(u[i], u[j], data_range=255,
# gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1)
SCIKIT_IMAGE = {(0, 0): 1.0, (0, 1): 0.6390118182893539, (0, 2): -0.02635665267980418, (1, 2): -0.006754852649381825}


def plain(x, y, data_range, size=11):
    """SSIM and its structure of one [H, W, C], float64, as defined: variances about each window's own mean."""
    offsets = np.mgrid[0:size, 0:size] - (size - 1) / 2
    window = np.exp(-(offsets**2).sum(0) / (2 * (1.5 * size / 11) ** 2))
    window /= window.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    full, structure = [], []
    for a, b in zip(np.moveaxis(x, -1, 0).astype(np.float64), np.moveaxis(y, -1, 0).astype(np.float64)):
        ma, mb = (convolve2d(i, window, mode="valid") for i in (a, b))
        patches = (np.lib.stride_tricks.sliding_window_view(i, (size, size)) for i in (a, b))
        da, db = (p - m[..., None, None] for p, m in zip(patches, (ma, mb)))
        saa, sbb, sab = ((window * p * q).sum((-2, -1)) for p, q in ((da, da), (db, db), (da, db)))
        structure.append((2 * sab + c2) / (saa + sbb + c2))
        full.append((2 * ma * mb + c1) / (ma**2 + mb**2 + c1) * structure[-1])
    return np.mean(full), np.mean(structure)


def plain_ms_ssim(x, y, data_range, weights=MS_SSIM_WEIGHTS):
    score = 1.0
    for scale, weight in enumerate(weights):
        full, structure = plain(x, y, data_range, min(11, *x.shape[:2]))
        score *= max(full if scale == len(weights) - 1 else structure, 0) ** weight
        h, w, c = x.shape
        x, y = (i[: h // 2 * 2, : w // 2 * 2].reshape(h // 2, 2, w // 2, 2, c).mean((1, 3)) for i in (x, y))
    return score


def test_ssim_is_scikit_images():
    u = pictures()
    first, second = np.array(list(SCIKIT_IMAGE)).T
    scores = jax.jit(ssim, static_argnames="data_range")(u[first], u[second], data_range=255)
    np.testing.assert_allclose(scores, list(SCIKIT_IMAGE.values()), atol=2e-6)
    np.testing.assert_allclose(ssim(u[first] / 255.0, u[second] / 255.0, data_range=1.0), scores, atol=1e-5)
    np.testing.assert_allclose(plain(u[0], u[1], 255)[0], SCIKIT_IMAGE[0, 1], atol=1e-12)


def photographs(n: int, side: int, seed: int) -> np.ndarray:
    """Noise that is smooth at every scale, in [0, 255], so that no scale is empty."""
    rng = np.random.default_rng(seed)
    layers = [rng.normal(size=(n, side >> s, side >> s, 2)).repeat(1 << s, 1).repeat(1 << s, 2) for s in range(5)]
    return np.clip(127 + 25 * sum(layers), 0, 255).astype(np.float32)


@pytest.mark.slow
def test_ms_ssim_is_a_plain_one():
    x = photographs(2, 192, 0)
    y = np.clip(0.8 * x + 0.2 * photographs(2, 192, 1) + 5, 0, 255)
    expected = [plain_ms_ssim(a, b, 255) for a, b in zip(x, y)]
    assert 0.3 < min(expected) < 0.99
    np.testing.assert_allclose(ms_ssim(x, y, data_range=255), expected, rtol=1e-5)
    np.testing.assert_allclose(ms_ssim(x, x, data_range=255), 1.0, rtol=1e-5)
    # A narrower window at the coarsest scales, even sizes included; an odd row left out.
    x, y = x[:, :128, :98], y[:, :128, :98]
    expected = [plain_ms_ssim(a, b, 255) for a, b in zip(x, y)]
    np.testing.assert_allclose(ms_ssim(x, y, data_range=255, shrink_window=True), expected, rtol=1e-5)


def test_gradients_are_right_and_finite_where_a_scale_counts_as_nothing():
    x, y = photographs(1, 32, 2) / 255, photographs(1, 32, 3) / 255
    y = 0.5 * x + 0.5 * y

    def score(a):
        return ms_ssim(a, y, data_range=1.0, weights=(0.4, 0.6))[0]

    direction = np.random.default_rng(4).normal(size=x.shape).astype(np.float32)
    slope = (jax.jit(jax.grad(score))(x) * direction).sum()
    step = 1e-3
    ends = [plain_ms_ssim((x + s * step * direction)[0], y[0], 1.0, (0.4, 0.6)) for s in (1, -1)]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-3)
    # An image and its negative have negative structure.
    y = 1 - x
    opposite, gradient = jax.jit(jax.value_and_grad(score))(x)
    assert opposite == 0 and not np.any(gradient)


def test_no_factor_is_rounded_by_an_accelerators_matrix_unit():
    images = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    program = str(jax.make_jaxpr(functools.partial(ssim, data_range=1.0))(images, images))
    assert "conv" not in program.replace("convert", "") and "dot_general" not in program and "mul" in program


@pytest.mark.slow
def test_pairs_are_of_different_images_and_of_one_class():
    u = photographs(4, 16, 5).astype(np.uint8)
    weights = (0.5, 0.5)
    options = dict(data_range=255, weights=weights, shrink_window=True)
    of_pair = float(ms_ssim(u[:1], u[1:2], **options)[0])
    assert of_pair < 0.9
    # Of two images there is one pair, whatever the key; of copies every pair is 1.
    mean = mean_pairwise_ms_ssim(u[:2], rng=np.random.default_rng(0), pairs=7, batch_size=3, **options)
    np.testing.assert_allclose(mean, of_pair, rtol=1e-5)
    images = np.concatenate([u[:2], u[2:3], u[2:3], u[2:3], u[3:]])
    means = class_ms_ssim(images, np.array([0, 0, 1, 1, 1, 2]), 4, rng=np.random.default_rng(0), pairs=5, **options)
    np.testing.assert_allclose(means, [of_pair, 1.0, np.nan, np.nan], rtol=1e-5)
    # Of three, each pair comes as often.
    three = mean_pairwise_ms_ssim(u[:3], rng=np.random.default_rng(1), pairs=3000, batch_size=500, **options)
    each = ms_ssim(u[[0, 0, 1]], u[[1, 2, 2]], **options)
    np.testing.assert_allclose(three, each.mean(), atol=4 * float(each.std()) / np.sqrt(3000))


def test_errors_say_the_least_size():
    small = jnp.zeros((1, 128, 160, 3))
    with pytest.raises(ValueError, match=r"5 scales needs .* at least 176, got 128x160; pass fewer weights, or shrink"):
        ms_ssim(small, small, data_range=1.0)
    with pytest.raises(ValueError, match="at least 16, got 8x8"):
        ms_ssim(small[:, :8, :8], small[:, :8, :8], data_range=1.0, shrink_window=True)
    with pytest.raises(ValueError, match="at least 11, got 10x160"):
        ssim(small[:, :10], small[:, :10], data_range=1.0)
    with pytest.raises(ValueError, match="above 0, got -1"):
        ssim(small, small, data_range=-1)
    with pytest.raises(ValueError, match=r"one shape .* got \(1, 128, 160, 3\) and \(128, 160, 3\)"):
        ssim(small, small[0], data_range=1.0)
    with pytest.raises(ValueError, match="at least 2 images and 1 pair, got 1 and 100"):
        mean_pairwise_ms_ssim(np.zeros((1, 176, 176, 1)), rng=np.random.default_rng(0), data_range=1.0)
