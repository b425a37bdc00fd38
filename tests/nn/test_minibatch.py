import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding

from jaxgan.nn import MinibatchDiscrimination, minibatch_stddev
from jaxgan.parallel import BATCH, make_mesh

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(8, 6)).astype(np.float32)
MAPS = RNG.normal(size=(8, 3, 5, 4)).astype(np.float32)


def closeness(x, kernel, include_self):
    """Sums over j of exp(-|M_i - M_j|), pair by pair."""
    projected = np.einsum("bf,fkd->bkd", x.astype(np.float64), kernel)
    out = np.zeros(projected.shape[:2])
    for i, left in enumerate(projected):
        for j, right in enumerate(projected):
            if include_self or i != j:
                out[i] += np.exp(-np.abs(left - right).sum(-1))
    return out


def deviations(x, size, channels):
    """The appended numbers [B, channels], group by group."""
    out = np.zeros((len(x), channels))
    for start in range(0, len(x), size):
        rows = x[start : start + size].astype(np.float64)
        for c, run in enumerate(np.split(np.sqrt(rows.var(0) + 1e-8), channels, axis=-1)):
            out[start : start + size, c] = run.mean()
    return out


def test_discrimination_sums_over_the_other_rows():
    layer = MinibatchDiscrimination(kernels=3, kernel_dim=2)
    params = layer.init(jax.random.key(0), FEATURES)["params"]
    np.testing.assert_array_equal(params["bias"], -np.ones(3))
    params = {**params, "log_scale": jnp.asarray(RNG.normal(size=(3, 2)) - 1)}
    kernel = np.asarray(params["kernel"], np.float64)
    kernel = kernel / np.sqrt((kernel**2).sum(0)) * np.exp(np.asarray(params["log_scale"], np.float64))
    out = layer.apply({"params": params}, FEATURES)
    np.testing.assert_array_equal(out[:, :6], FEATURES)
    np.testing.assert_allclose(out[:, 6:], closeness(FEATURES, kernel, False) - 1, rtol=1e-4)


def test_discrimination_as_the_paper_writes_it():
    layer = MinibatchDiscrimination(kernels=3, kernel_dim=2, weight_norm=False, include_self=True, use_bias=False)
    variables = layer.init(jax.random.key(0), FEATURES)
    assert set(variables["params"]) == {"kernel"}
    expected = closeness(FEATURES, np.asarray(variables["params"]["kernel"], np.float64), True)
    np.testing.assert_allclose(layer.apply(variables, FEATURES)[:, 6:], expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"\[B, F\], got shape \(8, 3, 5, 4\)"):
        layer.apply(variables, MAPS)


@pytest.mark.parametrize("size", [1, 2, 4, None])
@pytest.mark.parametrize("channels", [1, 2])
def test_stddev_appends_each_groups_number(size, channels):
    expected = deviations(MAPS, size or 8, channels)
    out = minibatch_stddev(MAPS, group_size=size, channels=channels)
    np.testing.assert_array_equal(out[..., :4], MAPS)
    np.testing.assert_allclose(out[..., 4:], np.broadcast_to(expected[:, None, None], (8, 3, 5, channels)), rtol=1e-5)
    flat = minibatch_stddev(FEATURES, group_size=size, channels=channels)
    np.testing.assert_allclose(flat[:, 6:], deviations(FEATURES, size or 8, channels), rtol=1e-5)


def test_stddev_of_small_and_odd_batches():
    np.testing.assert_allclose(minibatch_stddev(FEATURES[:3])[:, 6:], deviations(FEATURES[:3], 3, 1), rtol=1e-5)
    with pytest.raises(ValueError, match="groups of 4 rows do not divide a batch of 6"):
        minibatch_stddev(FEATURES[:6])
    with pytest.raises(ValueError, match="5 numbers do not divide the 6 channels"):
        minibatch_stddev(FEATURES, channels=5)


@pytest.mark.slow
def test_equal_rows_have_finite_gradients_of_both_orders():
    same = jnp.ones((4, 6))
    layer = MinibatchDiscrimination(kernels=3, kernel_dim=2)
    variables = layer.init(jax.random.key(0), same)
    for f in (lambda x: layer.apply(variables, x).sum(), lambda x: minibatch_stddev(x).sum()):
        slope = lambda x: jnp.square(jax.grad(f)(x)).sum()  # noqa: B023, E731
        assert np.isfinite(jax.grad(f)(same)).all() and np.isfinite(jax.grad(slope)(same)).all()


def test_bfloat16_keeps_its_dtype():
    x = jnp.asarray(FEATURES, jnp.bfloat16)
    layer = MinibatchDiscrimination(kernels=3, kernel_dim=2)
    assert layer.apply(layer.init(jax.random.key(0), x), x).dtype == jnp.bfloat16
    assert minibatch_stddev(x).dtype == jnp.bfloat16


def test_the_batch_of_a_mesh_is_the_global_one():
    layer = MinibatchDiscrimination(kernels=3, kernel_dim=2)
    variables = layer.init(jax.random.key(0), FEATURES)
    mesh = make_mesh(data=4, fsdp=2)
    split = NamedSharding(mesh, BATCH)
    both = lambda x: (layer.apply(variables, x), minibatch_stddev(x))  # noqa: E731
    with jax.set_mesh(mesh):
        out = jax.jit(both, in_shardings=split, out_shardings=split)(FEATURES)
    for sharded, whole in zip(out, both(FEATURES), strict=True):
        np.testing.assert_allclose(sharded, whole, rtol=1e-5)
