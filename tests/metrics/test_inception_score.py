import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from jaxgan.metrics.inception_score import add_logits, inception_score, split_of, zero_score_sums
from jaxgan.parallel import make_mesh

K = 7


def sums_of(logits, split, splits, batch):
    step = jax.jit(add_logits)
    sums = zero_score_sums(splits, logits.shape[1])
    for i in range(0, len(logits), batch):
        part = logits[i : i + batch]
        x = np.full((batch, logits.shape[1]), np.nan, np.float32)
        x[: len(part)] = part
        where = np.full(batch, -1, np.int32)
        where[: len(part)] = split[i : i + batch]
        sums = step(sums, x, where, (np.arange(batch) < len(part)).astype(np.float32))
    return sums


def score_of(logits, splits=1, batch=8):
    return inception_score(sums_of(logits, split_of(len(logits), splits), splits, batch))


def random_logits(n=60):
    return (3 * np.random.default_rng(0).normal(size=(n, K))).astype(np.float32)


def test_closed_forms():
    # Undecided: 1. Decided, and equally over K classes: K, with infinite logits too.
    assert score_of(np.zeros((14, K), np.float32)) == pytest.approx((1, 0), abs=1e-12)
    for size in (1000.0, np.inf):
        logits = np.where(np.eye(K)[np.arange(2 * K) % K] > 0, 0.0, -size).astype(np.float32)
        assert score_of(logits) == pytest.approx((K, 0), rel=1e-12)
        # One class alone, decided or not, says nothing.
        assert score_of(logits[[0, 0, 0]]) == pytest.approx((1, 0), abs=1e-12)


def test_equals_the_definition_in_each_split():
    logits = random_logits()
    # 60 images in 7 splits: sizes differ, and boundaries are floor(s 60 / 7) of the shuffled order.
    order = np.random.RandomState(2020).permutation(60)
    p = scipy.special.softmax(logits.astype(np.float64), axis=1)[order]
    scores = []
    for s in range(7):
        q = p[s * 60 // 7 : (s + 1) * 60 // 7]
        scores.append(np.exp(np.mean(scipy.special.rel_entr(q, q.mean(0)).sum(1))))
    np.testing.assert_allclose(score_of(logits, 7), (np.mean(scores), np.std(scores)), rtol=1e-11)


@pytest.mark.parametrize("batch", [1, 13, 64])
def test_batches_padding_and_devices_change_nothing(batch):
    logits, split = random_logits(), split_of(60, 4)
    expected = sums_of(logits, split, 4, 60)
    with jax.set_mesh(make_mesh()):
        meshed = sums_of(logits, split, 4, 8 * batch)
    for sums in (meshed, sums_of(logits, split, 4, batch)):
        for a, b in zip(sums, expected):
            assert a.dtype == np.float64
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_split_without_shuffling_is_runs_in_order():
    np.testing.assert_array_equal(split_of(7, 3, shuffle=False), [0, 0, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(np.bincount(split_of(103, 10)), np.bincount(split_of(103, 10, shuffle=False)))
    assert (split_of(103, 10) != split_of(103, 10, seed=1)).any()


def test_errors_name_the_problem():
    logits = random_logits()
    bad = logits.copy()
    bad[5, 1] = np.nan
    with pytest.raises(ValueError, match="logit was NaN or some split number outside"):
        score_of(bad)
    with pytest.raises(ValueError, match=r"split number outside \[0, 2\)"):
        inception_score(sums_of(logits, np.full(60, 2), 2, 60))
    with pytest.raises(ValueError, match=r"at least one image, got counts \[60, 0\]"):
        inception_score(sums_of(logits, np.zeros(60, int), 2, 60))
    with pytest.raises(ValueError, match="3 images into 10 splits"):
        split_of(3)
    with pytest.raises(ValueError, match=r"take logits \[B, 7\]"):
        add_logits(zero_score_sums(1, K), jnp.ones((4, K + 1)), jnp.zeros(4, int), jnp.ones(4))
