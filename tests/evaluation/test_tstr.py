import numpy as np

from jaxgan.evaluation import accuracy, train_classifier


def images(n, seed):
    """Dark and bright noise, labelled."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, n)
    return (draw.integers(0, 100, (n, 8, 8, 1)) + 150 * labels[:, None, None, None]).astype(np.uint8), labels


def test_it_learns_what_can_be_told_apart_and_nothing_else():
    predict = train_classifier(*images(64, 0), num_classes=2, steps=30, batch_size=16)
    seen, labels = images(501, 1)
    # 501: more than one batch, the last one padded.
    predicted = predict(seen)
    assert predicted.shape == (501,)
    assert accuracy(predict, seen, labels) == 1.0
    assert accuracy(predict, seen, 1 - labels) == 0.0
