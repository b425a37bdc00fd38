import dataclasses
import pathlib
import pickle

import numpy as np
import pytest

from jaxgan import data
from jaxgan.data.image_set import describe_source
from jaxgan.data.stacked_mnist import stacked

TFDS = pathlib.Path(__file__).parents[2].parent / "shared" / "tfds"
LABELS = np.arange(40) % 10


def digits():
    """Images whose pixels are their index, labelled by its last digit."""
    images = np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None, None], (40, 2, 3, 1))
    return data.in_memory(images, LABELS, class_names=list("0123456789"))


def test_channels_are_digits_and_the_label_says_which():
    source = stacked(digits(), length=500, name="stack")
    assert (source.image_shape, source.num_classes, source.in_memory) == ((2, 3, 3), 1000, True)
    indices = np.array([3, 499, 0, 3])
    batch = source.fetch(indices)
    image, label = batch["image"], batch["label"]
    assert image.dtype == np.uint8 and label.dtype == np.int32
    np.testing.assert_array_equal(image, np.broadcast_to(image[:, :1, :1], image.shape))
    chosen = image[:, 0, 0].astype(int)
    np.testing.assert_array_equal(label, 100 * LABELS[chosen[:, 0]] + 10 * LABELS[chosen[:, 1]] + LABELS[chosen[:, 2]])
    np.testing.assert_array_equal(source.labels(indices), label)
    np.testing.assert_array_equal(image[0], image[3])
    assert source.class_names[label[0]] == f"{label[0]:03}"


def test_digits_are_drawn_evenly_and_independently_and_the_same_for_any_length():
    long, short = (stacked(digits(), length=n, name="stack") for n in (20_000, 50))
    np.testing.assert_array_equal(short.fetch(np.arange(50))["image"], long.fetch(np.arange(50))["image"])
    labels = long.labels(np.arange(20_000))
    # Chi-square of a thousand equal shares: mean 999, deviation 45.
    counts = np.bincount(labels, minlength=1000)
    assert ((counts - 20) ** 2 / 20).sum() == pytest.approx(999, abs=5 * 45)


def test_it_streams_as_any_source():
    source = pickle.loads(pickle.dumps(stacked(digits(), length=30, name="stack")))
    slow = dataclasses.replace(source, in_memory=False)
    streams = [data.batches(s, batch_size=8, seed=1, flip=True) for s in (source, slow)]
    for _ in range(3):
        one, other = (next(stream) for stream in streams)
        np.testing.assert_array_equal(one["image"], other["image"])
        np.testing.assert_array_equal(one["label"], other["label"])
    streams[1].close()


def test_errors():
    with pytest.raises(ValueError, match="length of at least 1, got 0"):
        stacked(digits(), length=0, name="stack")
    with pytest.raises(ValueError, match="got 3 channels and 10 classes"):
        stacked(data.digits_source("test", (8, 8), channels=3), length=1, name="stack")


@pytest.mark.skipif(not TFDS.is_dir(), reason=f"no prepared TFDS sets at {TFDS}")
def test_mnist():
    source = data.open_dataset(
        "stacked_mnist", split="test", data_dir=TFDS, image_size=None, channels=3, in_memory=False
    )
    assert (source.length, source.image_shape, source.num_classes) == (26_000, (28, 28, 3), 1000)
    batch = source.fetch(np.arange(20))
    np.testing.assert_array_equal(source.labels(np.arange(20)), batch["label"])
    assert len(np.unique(batch["label"])) > 15 and batch["image"].max() > 200
    described = describe_source("stacked_mnist", source, "test", image_size=(28, 28), data_dir=TFDS)
    assert described.crop == "none" and described.version.endswith("x26000") and described.labeled
    small = data.stacked_mnist_source("train[:100]", TFDS, (8, 8), length=10)
    assert small.in_memory and small.fetch(np.arange(10))["image"].shape == (10, 8, 8, 3)
