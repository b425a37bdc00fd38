import numpy as np
import pytest

from jaxgan.latent import lerp, path, slerp

RNG = np.random.default_rng(0)
A = RNG.normal(size=(4, 6)).astype(np.float32)
B = 3 * RNG.normal(size=(4, 6)).astype(np.float32)


def angle(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.arccos(np.clip(cosine, -1, 1))


def test_lerp_is_a_straight_line():
    np.testing.assert_allclose(lerp(A, B, 0.25), 0.75 * A + 0.25 * B, rtol=1e-6)


def test_slerp_goes_evenly_in_angle_and_in_length():
    np.testing.assert_allclose(slerp(A, B, 0.0), A, atol=1e-5)
    np.testing.assert_allclose(slerp(A, B, 1.0), B, atol=1e-5)
    for t in (0.25, 0.5, 0.9):
        point = np.asarray(slerp(A, B, t))
        np.testing.assert_allclose(angle(A, point), t * angle(A, B), rtol=1e-3)
        np.testing.assert_allclose(angle(point, B), (1 - t) * angle(A, B), rtol=1e-3)
        norms = (1 - t) * np.linalg.norm(A, axis=-1) + t * np.linalg.norm(B, axis=-1)
        np.testing.assert_allclose(np.linalg.norm(point, axis=-1), norms, rtol=1e-4)


def test_slerp_of_parallel_vectors_is_the_line():
    np.testing.assert_allclose(slerp(A, A, 0.3), A, rtol=1e-5)
    np.testing.assert_allclose(slerp(A, 2 * A, 0.5), 1.5 * A, rtol=1e-4)


@pytest.mark.parametrize(("kind", "function"), [("slerp", slerp), ("lerp", lerp)])
def test_a_path_includes_both_ends(kind, function):
    points = path(A, B, 5, kind=kind)
    assert points.shape == (4, 5, 6)
    np.testing.assert_allclose(points[:, 0], A, atol=1e-5)
    np.testing.assert_allclose(points[:, -1], B, atol=1e-5)
    np.testing.assert_allclose(points[:, 1], function(A, B, 0.25), rtol=1e-4, atol=1e-5)


def test_errors():
    with pytest.raises(ValueError, match=r"unknown interpolation 'cubic'; choose from \['lerp', 'slerp'\]"):
        path(A, B, 3, kind="cubic")
    with pytest.raises(ValueError, match="at least 2 steps, got 1"):
        path(A, B, 1)
