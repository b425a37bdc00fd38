"""Scores of label maps, counted by hand, and MATLAB's luma."""

import numpy as np
import pytest

from jaxgan.metrics.luma import matlab_luma
from jaxgan.metrics.segmentation import confusion, segmentation_scores


def test_scores_by_hand():
    true = np.array([[0, 0, 0, 1], [1, 2, 2, 9]])
    read = np.array([[0, 0, 1, 1], [0, 2, 1, 0]])
    counts = confusion(read, true, 4)
    np.testing.assert_array_equal(counts, [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    found = segmentation_scores(counts)
    # The class 3 is nowhere, and counts for nothing.
    assert found["pixel_accuracy"] == pytest.approx(4 / 7)
    assert found["class_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 1 / 2) / 3)
    assert found["mean_iou"] == pytest.approx((2 / 4 + 1 / 4 + 1 / 2) / 3)
    left = segmentation_scores(confusion(read, true, 4, ignore=2))
    assert left["pixel_accuracy"] == pytest.approx(3 / 5)
    assert segmentation_scores(confusion(true[:, :3], true[:, :3], 4))["mean_iou"] == 1.0


def test_nothing_to_count_and_ids_that_are_no_class():
    with pytest.raises(ValueError, match="no pixel has a class that counts"):
        segmentation_scores(confusion(np.zeros((2, 2), int), np.full((2, 2), 255), 3))
    with pytest.raises(ValueError, match=r"must lie in \[0, 3\), got 0 to 3"):
        confusion(np.array([0, 3]), np.array([0, 1]), 3)
    with pytest.raises(ValueError, match="one shape"):
        confusion(np.zeros(2, int), np.zeros(3, int), 3)


def test_luma_of_matlab_s_documentation():
    """White is 235, black 16, and pure colours are those of BT.601."""
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.float32)
    found = np.asarray(matlab_luma(colours.reshape(1, 1, 5, 3)))[0, 0, :, 0]
    np.testing.assert_allclose(found, [16, 235, 81.481, 144.553, 40.966], atol=1e-3)
    np.testing.assert_allclose(matlab_luma(np.full((1, 1, 1, 1), 255.0)), [[[[235]]]], atol=1e-3)
