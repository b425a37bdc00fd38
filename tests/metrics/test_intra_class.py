import numpy as np
import pytest

from jaxgan.metrics.frechet import FewSamplesWarning, frechet_distance
from jaxgan.metrics.intra_class import intra_class_distance


def labelled(n, seed, d=3, classes=4):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % classes)
    return rng.normal(size=(n, d)) * (1 + labels[:, None]), labels


def test_each_class_has_the_distance_of_its_own_rows():
    (x, a), (y, b) = labelled(80, 0), labelled(120, 1)
    mean, per_class = intra_class_distance(x, a, y, b)
    for c in range(4):
        u, v = x[a == c], y[b == c]
        expected = frechet_distance(u.mean(0), np.cov(u, rowvar=False), v.mean(0), np.cov(v, rowvar=False))
        assert per_class[c] == pytest.approx(expected, rel=1e-9)
    assert mean == pytest.approx(per_class.mean(), rel=1e-12)


def test_exchanged_classes_are_seen_though_the_whole_set_is_the_same():
    x, labels = labelled(80, 0)
    assert intra_class_distance(x, labels, x, labels)[0] < 1e-9
    _, per_class = intra_class_distance(x, np.array([1, 0, 2, 3])[labels], x, labels)
    assert (per_class[:2] > 0.1).all() and (per_class[2:] < 1e-9).all()


def test_classes_smaller_than_the_features_warn_once():
    (x, a), (y, b) = labelled(80, 0, d=30), labelled(400, 1, d=30)
    with pytest.warns(FewSamplesWarning, match="20 samples for 30 features") as caught:
        intra_class_distance(x, a, y, b)
    assert len(caught) == 1


def test_errors_name_the_class():
    x, a = labelled(80, 0)
    with pytest.raises(ValueError, match=r"1 of 4 have fewer: class 2 \(1 in features, 20 in ref_features\)"):
        keep = (a != 2) | (np.arange(80) == np.flatnonzero(a == 2)[0])
        intra_class_distance(x[keep], a[keep], x, a)
    with pytest.raises(ValueError, match=r"class 4 \(0 in features, 0 in ref_features\)"):
        intra_class_distance(x, np.where(a == 3, 5, a), x, np.where(a == 3, 5, a))
    with pytest.raises(ValueError, match="labels must be one int per row"):
        intra_class_distance(x, a[1:], x, a)
    with pytest.raises(ValueError, match="ref_labels must be one int per row"):
        intra_class_distance(x, a, x, a.astype(float))
