import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding

from jaxgan.metrics.feature_moments import FeatureMoments, add_rows, mean_covariance, merge, zero_moments
from jaxgan.parallel import BATCH, make_mesh

N, D = 96, 5


def rows(seed=0):
    # A mean far above the spread, where float32 sums lose the covariance.
    return (100 + np.random.default_rng(seed).normal(size=(N, D))).astype(np.float32)


def moments_of(x, batch):
    step = jax.jit(add_rows)
    moments = zero_moments(x.shape[1])
    for i in range(0, len(x), batch):
        part = x[i : i + batch]
        weight = (np.arange(batch) < len(part)).astype(np.float32)
        padded = np.full((batch, x.shape[1]), np.nan, np.float32)
        padded[: len(part)] = part
        moments = step(moments, padded, weight)
    return moments


def assert_close(a: FeatureMoments, b: FeatureMoments):
    for x, y in zip(a, b):
        assert x.dtype == y.dtype == np.float64
        np.testing.assert_allclose(x, y, rtol=1e-12)


def test_mean_and_covariance_equal_numpy_in_float64():
    x = rows()
    mean, covariance = mean_covariance(moments_of(x, 32))
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean(0), rtol=1e-13)
    np.testing.assert_allclose(covariance, np.cov(wide, rowvar=False), rtol=1e-9, atol=1e-10)
    assert not jax.config.jax_enable_x64 and jnp.ones(()).dtype == np.float32


@pytest.mark.parametrize("batch", [1, 7, 40, 128])
def test_batches_order_and_padding_of_nan_change_nothing(batch):
    x = rows()
    assert_close(moments_of(np.random.default_rng(1).permutation(x), batch), moments_of(x, N))


def test_parts_merge_to_the_whole():
    x = rows()
    merged = merge(moments_of(x[:30], 30), moments_of(x[30:], 11))
    assert_close(merged, moments_of(x, N))
    assert_close(merge(FeatureMoments(*map(np.asarray, merged)), zero_moments(D)), merged)


@pytest.mark.parametrize("fsdp", [1, 2])
def test_eight_devices_agree_with_one(fsdp):
    x = rows()
    mesh = make_mesh(fsdp=fsdp)
    sharding = NamedSharding(mesh, BATCH)
    weight = np.ones(N, np.float32)
    weight[-3:] = 0
    step = jax.jit(add_rows, donate_argnums=0)
    with jax.set_mesh(mesh):
        moments = zero_moments(D)
        for _ in range(3):
            moments = step(moments, jax.device_put(x, sharding), jax.device_put(weight, sharding))
    assert all(leaf.sharding.is_fully_replicated for leaf in moments)
    assert_close(moments, moments_of(np.concatenate([x[:-3]] * 3), N))


def test_errors_name_the_problem():
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        mean_covariance(moments_of(rows()[:1], 1))
    bad = rows()
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"not finite \(1 of 5 features; the first is 2\)"):
        mean_covariance(moments_of(bad, N))
    for shape, weight in (((N, D + 1), (N,)), ((N, 2, D), (N,)), ((N, D), (N - 1,))):
        with pytest.raises(ValueError, match=r"take features \[B, 5\] and weight \[B\]"):
            add_rows(zero_moments(D), jnp.ones(shape), jnp.ones(weight))
