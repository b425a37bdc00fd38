import numpy as np
import pytest

from jaxgan.evaluation import stacked_mode_coverage


def brightest(images):
    """A classifier for digits that are a pixel of the right column."""
    assert images.shape[1:] == (4, 10, 1)
    return images[:, 0, :, 0].argmax(1)


def stack(triples):
    images = np.zeros((len(triples), 4, 10, 3), np.uint8)
    for channel in range(3):
        images[np.arange(len(triples)), :, np.asarray(triples)[:, channel], channel] = 200
    return images


def test_triples_are_counted_in_their_order():
    every = [(i // 100, i // 10 % 10, i % 10) for i in range(1000)]
    assert stacked_mode_coverage(stack(every), brightest) == (1000, pytest.approx(0, abs=1e-12))
    turned = [(1, 2, 3), (3, 2, 1), (2, 1, 3), (1, 2, 3)]
    modes, kl = stacked_mode_coverage(stack(turned), brightest)
    shares = np.array([2, 1, 1]) / 4
    assert (modes, kl) == (3, pytest.approx(np.sum(shares * np.log(shares * 1000))))


def test_errors():
    with pytest.raises(ValueError, match=r"uint8 \[N, H, W, 3\]"):
        stacked_mode_coverage(np.zeros((2, 4, 10, 1), np.uint8), brightest)
    with pytest.raises(ValueError, match="from 0 to 9"):
        stacked_mode_coverage(stack([(1, 2, 3)]), lambda images: np.array([10]))
