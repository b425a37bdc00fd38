import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.nn import BatchNorm, ConditionalBatchNorm
from jaxgan.parallel import BATCH, make_mesh

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(16, 3, 5, 4)) * [1, 2, 0.5, 3] + [0, 1, -2, 5]).astype(np.float32)
CONDITION = RNG.normal(size=(16, 6)).astype(np.float32)


def normalised(x, eps=1e-5):
    x = np.asarray(x, np.float64)
    return (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + eps)


def in_blocks(x, groups):
    return np.concatenate([normalised(block) for block in np.split(x, groups)])


@pytest.fixture
def variables():
    params = {"scale": RNG.normal(size=4).astype(np.float32), "bias": RNG.normal(size=4).astype(np.float32)}
    stats = {"mean": RNG.normal(size=4).astype(np.float32), "var": RNG.uniform(1, 2, 4).astype(np.float32)}
    return {"params": params, "batch_stats": stats}


def test_train_normalises_by_the_batch_and_moves_running_statistics(variables):
    out, moved = BatchNorm().apply(variables, X, train=True, mutable=["batch_stats", "batch_moments"])
    p, old = variables["params"], variables["batch_stats"]
    np.testing.assert_allclose(out, normalised(X) * p["scale"] + p["bias"], atol=1e-4)
    wide = np.asarray(X, np.float64)
    mean, var = wide.mean((0, 1, 2)), wide.var((0, 1, 2))
    np.testing.assert_allclose(moved["batch_stats"]["mean"], 0.9 * old["mean"] + 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(moved["batch_stats"]["var"], 0.9 * old["var"] + 0.1 * var, rtol=1e-4)
    np.testing.assert_allclose(moved["batch_moments"]["mean"], mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(moved["batch_moments"]["var"], var, rtol=1e-4)


def test_eval_uses_running_statistics_and_never_moves_them(variables):
    out, moved = BatchNorm(eps=1e-3).apply(variables, X, train=False, mutable=["batch_stats", "batch_moments"])
    p, s = variables["params"], variables["batch_stats"]
    expected = (X - s["mean"]) / np.sqrt(s["var"] + 1e-3) * p["scale"] + p["bias"]
    np.testing.assert_allclose(out, expected, atol=1e-4)
    jax.tree.map(np.testing.assert_array_equal, moved["batch_stats"], s)
    assert "batch_moments" not in moved


def test_init_starts_from_zero_mean_and_unit_variance():
    fresh = BatchNorm().init(jax.random.key(0), X, train=True)
    np.testing.assert_array_equal(fresh["batch_stats"]["mean"], np.zeros(4))
    np.testing.assert_array_equal(fresh["batch_stats"]["var"], np.ones(4))


def test_groups_normalise_contiguous_blocks_by_themselves():
    variables = BatchNorm(affine=False, groups=4).init(jax.random.key(0), X, train=True)
    out, moved = BatchNorm(affine=False, groups=4).apply(
        variables, X, train=True, mutable=["batch_stats", "batch_moments"]
    )
    np.testing.assert_allclose(out, in_blocks(X, 4), atol=1e-4)
    mean_of_vars = np.mean([block.var((0, 1, 2), dtype=np.float64) for block in np.split(X, 4)], 0)
    np.testing.assert_allclose(moved["batch_moments"]["var"], mean_of_vars, rtol=1e-4)
    np.testing.assert_allclose(moved["batch_stats"]["var"], 0.9 + 0.1 * mean_of_vars, rtol=1e-4)
    assert np.abs(in_blocks(X, 4) - normalised(X)).max() > 0.1


def test_one_group_is_the_whole_batch_and_a_remainder_raises(variables):
    def run(groups):
        return BatchNorm(groups=groups).apply(variables, X, train=True, mutable=["batch_stats"])

    jax.tree.map(np.testing.assert_array_equal, run(1), run(None))
    with pytest.raises(ValueError, match="3 groups do not divide a batch of 16"):
        run(3)


@pytest.mark.parametrize(("groups", "expected"), [(None, normalised(X)), (8, in_blocks(X, 8))])
def test_statistics_over_a_mesh_are_those_of_one_device(groups, expected):
    mesh = make_mesh(data=4, fsdp=2)
    layer = BatchNorm(affine=False, groups=groups)
    variables = jax.device_put(layer.init(jax.random.key(0), X, train=True), NamedSharding(mesh, P()))
    x = jax.device_put(X, NamedSharding(mesh, BATCH))
    run = jax.jit(lambda v, x: layer.apply(v, x, train=True, mutable=["batch_stats"]))
    with jax.set_mesh(mesh):
        out, moved = run(variables, x)
        communicates = "all-reduce" in run.lower(variables, x).compile().as_text()
    np.testing.assert_allclose(out, expected, atol=1e-4)
    np.testing.assert_allclose(moved["batch_stats"]["mean"], 0.1 * X.mean((0, 1, 2), dtype=np.float64), atol=1e-5)
    assert communicates


def test_bfloat16_keeps_statistics_in_float32(variables):
    # 1000 + noise has no digits left in bfloat16's own mean of squares.
    x = jnp.asarray(RNG.normal(size=(64, 4, 4, 4)) * 8 + 100, jnp.bfloat16)
    layer = BatchNorm(affine=False)
    out, moved = layer.apply(
        {"batch_stats": variables["batch_stats"]}, x, train=True, mutable=["batch_stats", "batch_moments"]
    )
    assert out.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(moved)} == {jnp.dtype(jnp.float32)}
    wide = np.asarray(x.astype(jnp.float32), np.float64)
    np.testing.assert_allclose(moved["batch_moments"]["var"], wide.var((0, 1, 2)), rtol=1e-2)


def test_conditional_gain_is_one_plus_w_c():
    layer = ConditionalBatchNorm(spectral_norm=False)
    variables = layer.init(jax.random.key(1), X, CONDITION, train=True)
    shapes = jax.tree.map(jnp.shape, variables["params"])
    assert shapes == {"gain": {"kernel": (6, 4)}, "bias": {"kernel": (6, 4)}}

    def run(condition):
        return layer.apply(variables, X, condition, train=True, mutable=["batch_stats"])[0]

    w, v = variables["params"]["gain"]["kernel"], variables["params"]["bias"]["kernel"]
    gain, bias = (np.asarray(CONDITION @ m)[:, None, None] for m in (w, v))
    np.testing.assert_allclose(run(CONDITION), (1 + gain) * normalised(X) + bias, atol=2e-4)
    np.testing.assert_allclose(run(np.zeros_like(CONDITION)), normalised(X), atol=1e-4)


def test_conditional_norm_of_labels_looks_up_its_own_normalised_tables():
    layer = ConditionalBatchNorm(num_classes=3)
    labels = np.arange(16) % 3
    variables = layer.init(jax.random.key(2), X, labels, train=True)
    assert jax.tree.map(jnp.shape, variables["params"]) == {name: {"embedding": (3, 4)} for name in ("gain", "bias")}
    # An orthogonal table's singular values are all 1: normalising changes nothing.
    gain, bias = (np.asarray(variables["params"][name]["embedding"])[labels] for name in ("gain", "bias"))
    expected = (1 + gain[:, None, None]) * normalised(X) + bias[:, None, None]
    out, moved = layer.apply(variables, X, labels, train=True, mutable=["batch_stats", "spectral"])
    np.testing.assert_allclose(out, expected, atol=2e-4)
    assert set(moved["spectral"]) == {"gain", "bias"}
