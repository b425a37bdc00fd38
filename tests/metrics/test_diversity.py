import numpy as np
import pytest

from jaxgan.metrics import class_spread, classes_hit
from jaxgan.metrics.diversity import relative_spread


def test_a_class_is_hit_where_most_of_its_images_are_seen_as_it():
    intended = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    predicted = np.array([0, 0, 1, 1, 0, 0, 0, 2])
    # Class 0: 2 of 3; class 1: 1 of 2, no majority; class 2: 1 of 3; class 3: none drawn.
    assert classes_hit(predicted, intended, 4) == (1, 4 / 8)
    assert classes_hit(intended, intended, 4) == (3, 1.0)
    assert classes_hit(np.zeros(8, int), intended, 4) == (1, 3 / 8)


def test_labels_must_pair_up():
    with pytest.raises(ValueError, match=r"predicted \(3,\) and intended \(4,\)"):
        classes_hit(np.zeros(3), np.zeros(4), 2)


def test_spread_is_the_distance_from_the_classes_own_mean():
    images = np.zeros((5, 1, 2, 1), np.uint8)
    images[0] = 10
    images[1] = 30  # class 0: both pixels 10 away from 20
    images[2:4] = 200  # class 1: all one
    images[4, 0, 0] = 255  # class 3: a single image
    spread = class_spread(images, np.array([0, 0, 1, 1, 3]), 4)
    np.testing.assert_array_equal(spread, [10.0, 0.0, np.nan, 0.0])
    # Pixels that move away from each other: (0, 0) and (0, 8) have variances 0 and 16, mean 8.
    half = np.array([[[[0], [0]]], [[[0], [8]]]], np.float32)
    np.testing.assert_allclose(class_spread(half, np.zeros(2, int), 1), [np.sqrt(8.0)])


def test_the_spread_over_that_of_one_image_is_not_known():
    drawn, real = np.array([1.0, 1.0, np.nan, 2.0]), np.array([4.0, 0.0, 1.0, np.nan])
    np.testing.assert_array_equal(relative_spread(drawn, real), [0.25, np.nan, np.nan, np.nan])
