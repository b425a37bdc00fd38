"""Scores of pixels: pairs in order, whatever the batch; what does not fit is named."""

import numpy as np
import pytest

from jaxgan.evaluation.image_scores import IMAGE_METRICS, PERCEPTUAL, image_scores
from jaxgan.metrics.luma import matlab_luma
from jaxgan.metrics.psnr import psnr
from jaxgan.metrics.sliced_wasserstein import sliced_wasserstein_pyramid
from jaxgan.metrics.ssim import ms_ssim, ssim
from jaxgan.training.errors import UserError


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def blurred(images, share=0.7):
    return (share * images + (1 - share) * np.roll(images, 1, 0)).astype(np.uint8)


@pytest.fixture(scope="module")
def pair():
    images = pictures(7, 16, 32, 3)
    return images, blurred(images)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_values_are_those_of_the_plain_metrics(pair, batch_size):
    found = image_scores(["ssim", "psnr"], *pair, stamp={"images": "x"}, batch_size=batch_size)
    assert list(found) == ["ssim", "psnr"]
    for name, metric in (("ssim", ssim), ("psnr", psnr)):
        each = np.asarray(metric(*(x.astype(np.float32) for x in pair), data_range=255.0), np.float64)
        np.testing.assert_allclose(found[name].value, each.mean(), rtol=1e-6)
        np.testing.assert_allclose(found[name].stderr, each.std(ddof=1) / 7**0.5, rtol=1e-5)
        assert found[name].stamp == {"images": "x"}


@pytest.mark.slow
def test_multi_scale_similarity():
    images = np.repeat(np.repeat(pictures(2, 22, 22, 1), 8, 1), 8, 2)
    pair = images, blurred(images)
    found = image_scores(["ms_ssim"], *pair, stamp={})["ms_ssim"]
    expected = np.asarray(ms_ssim(*(x.astype(np.float32) for x in pair), data_range=255.0))
    np.testing.assert_allclose(found.value, expected.mean(), rtol=1e-5)
    assert 0 < found.value < 1


def test_sliced_wasserstein_of_each_resolution(pair):
    found = image_scores(["swd"], *pair, stamp={"images": "x"})
    assert list(found) == ["swd_16"]
    wide = [np.repeat(np.repeat(x, 2, 1), 2, 2) for x in pair]
    found = image_scores(["swd"], *wide, stamp={"images": "x"})
    expected = sliced_wasserstein_pyramid(*wide, seed=2020)
    assert {name: score.value for name, score in found.items()} == {f"swd_{k}": v for k, v in expected.items()}
    assert list(found) == ["swd_32", "swd_16"]
    assert found["swd_16"].stamp == {"images": "x", "settings": {"patch_seed": 2020}}


def test_equal_images(pair):
    images = pair[0]
    found = image_scores(["psnr", "ssim", "swd"], images, images.copy(), stamp={})
    assert (found["psnr"].value, found["psnr"].stderr) == (np.inf, None)
    np.testing.assert_allclose(found["ssim"].value, 1, atol=1e-6)
    assert found["swd_16"].value == 0
    # One pair of many is enough for an infinite mean.
    other = images.copy()
    other[1:] ^= 1
    found = image_scores(["psnr"], images, other, stamp={}, batch_size=2)["psnr"]
    assert (found.value, found.stderr) == (np.inf, None)
    assert image_scores(["psnr"], images[1:2], other[1:2], stamp={})["psnr"].stderr is None


def test_what_does_not_fit_is_named(pair):
    images, _ = pair
    with pytest.raises(UserError, match=r"need one shape: \[16, 32, 3\] against \[16, 32, 1\]; pass --image_size=H,W"):
        image_scores(["psnr"], images, images[..., :1], stamp={})
    with pytest.raises(UserError, match="psnr compares pairs in order: got 7 images and 6"):
        image_scores(["psnr"], images, images[1:], stamp={})
    with pytest.raises(UserError, match=r"swd: both sets must be of one shape.*take as many images from both"):
        image_scores(["swd"], images, images[1:], stamp={})
    small = pictures(3, 8, 8, 3)
    messages = {
        "ssim": "ssim: SSIM needs height and width of at least 11, got 8x8",
        "ms_ssim": r"ms_ssim: .*at least 176.*8x8",
        "swd": r"swd: images must be .* of at least 16 pixels a side, got \(3, 8, 8, 3\)",
    }
    assert {*messages, "psnr", "psnr_y", "ssim_y", *PERCEPTUAL} == IMAGE_METRICS.keys()
    for name, message in messages.items():
        with pytest.raises(UserError, match=message):
            image_scores([name], small, small, stamp={})


class SquaredDifference:
    """Stands for a perceptual distance."""

    name, digest = "lpips_vgg", "0" * 64

    def __call__(self, a, b):
        assert a.shape[-1] == 3
        return ((a - b) ** 2).mean((1, 2, 3))


@pytest.mark.parametrize("channels", [1, 3])
def test_perceptual_distances_see_rgb_in_their_own_range(pair, channels):
    ours, theirs = (x[..., :channels] for x in pair)
    found = image_scores(
        ["lpips_vgg"], ours, theirs, stamp={}, batch_size=3, distances={"lpips_vgg": SquaredDifference()}
    )
    each = (((ours.astype(float) - theirs) / 127.5) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(found["lpips_vgg"].value, each.mean(), rtol=1e-5)
    assert found["lpips_vgg"].stamp == {"distance": "lpips_vgg", "distance_sha256": "0" * 64}
    with pytest.raises(UserError, match="lpips_vgg needs its weights"):
        image_scores(["lpips_vgg"], ours, theirs, stamp={})


def test_scores_of_luma_leave_the_border_out():
    """Differences at the border, or in hue at one luma, count for nothing; the rest is the PSNR of the inner part."""
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (3, 24, 24, 3), np.uint8)
    other = one.copy()
    other[:, :4], other[:, :, -4:] = 0, 255
    found = image_scores(["psnr_y", "ssim_y"], one, other, stamp={})
    assert found["psnr_y"].value == np.inf and found["ssim_y"].value == pytest.approx(1)
    other[:, 10, 10] = 255 - other[:, 10, 10]
    inner = [np.asarray(matlab_luma(x.astype(np.float32)))[:, 4:-4, 4:-4] for x in (one, other)]
    wanted = -10 * np.log10(np.square((inner[0] - inner[1]) / 255).mean((1, 2, 3))).mean()
    found = image_scores(["psnr_y"], one, other, stamp={})["psnr_y"]
    assert found.value == pytest.approx(wanted, rel=1e-4) and found.stamp["settings"]["border"] == 4


def test_a_border_is_left_out_of_any_of_them(pair):
    images, reference = pair
    names = ["psnr", "ssim", "psnr_y"]
    found = image_scores(names, images, reference, stamp={"images": "x"}, border=2)
    inner = image_scores(names, images[:, 2:-2, 2:-2], reference[:, 2:-2, 2:-2], stamp={"images": "x"}, border=0)
    for name in names:
        np.testing.assert_allclose(found[name].value, inner[name].value, rtol=1e-6)
    assert found["psnr"].stamp == {"images": "x", "settings": {"border": 2}} and "settings" not in inner["psnr"].stamp
    assert [scores["psnr_y"].stamp["settings"]["border"] for scores in (found, inner)] == [2, 0]
    with pytest.raises(UserError, match="psnr: a border of 8 pixels leaves nothing of images of 16x32"):
        image_scores(["psnr"], images, reference, stamp={}, border=8)
