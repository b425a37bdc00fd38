import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import FSDP, REPLICATED, ZERO1, gather, make_mesh, shardings, split_over, split_over_fsdp

BIG = jax.ShapeDtypeStruct((3, 3, 64, 128), jnp.float32)


@pytest.fixture
def mesh():
    return make_mesh(data=2, fsdp=4)


def specs(tree, rules, mesh):
    return jax.tree.map(lambda s: s.spec, shardings(tree, rules, mesh))


@pytest.mark.parametrize(
    ("shape", "spec"),
    [
        ((3, 3, 64, 128), P(None, None, "fsdp")),  # a kernel's inputs first
        ((3, 3, 3, 512), P(None, None, None, "fsdp")),  # then its outputs
        ((64, 33, 35), P("fsdp")),
        ((1001, 64), P(None, "fsdp")),
        ((33, 35, 37), P()),
        ((32, 31), P()),  # under 1024 elements
        ((2048,), P("fsdp")),
        ((), P()),
    ],
)
def test_fsdp_splits_a_dimension_it_divides(mesh, shape, spec):
    assert split_over_fsdp(shape, mesh) == spec


@pytest.mark.parametrize(
    ("shape", "spec"),
    [((8, 256), P(("data", "fsdp"))), ((4, 257), P("fsdp")), ((3, 257 * 2), P()), ((3, 257 * 4), P(None, "fsdp"))],
)
def test_several_axes_split_together_or_the_inner_ones_alone(mesh, shape, spec):
    assert split_over(("data", "fsdp"), shape, mesh.shape, min_size=1) == spec


def test_fsdp_over_one_device_splits_nothing():
    assert split_over_fsdp((256, 256), make_mesh(fsdp=1)) == P()


def test_the_first_rule_that_matches_the_whole_path_wins(mesh):
    tree = {"g": {"kernel": BIG, "bias": BIG}, "d": {"kernel": BIG}}
    rules = [("kernel", P("data", "data")), ("g/kernel", P("data")), (".*/kernel", P("fsdp")), (".*", P())]
    assert specs(tree, rules, mesh) == {"g": {"kernel": P("data"), "bias": P()}, "d": {"kernel": P("fsdp")}}


def test_a_path_without_a_rule_raises(mesh):
    with pytest.raises(ValueError, match=r"'d/kernel'.*'g/\.\*'"):
        shardings({"d": {"kernel": BIG}}, [("g/.*", P())], mesh)


def test_fsdp_rules_split_parameters_and_moments_but_not_statistics(mesh):
    net = {"params": {"kernel": BIG}, "spectral": {"kernel": BIG}}
    state = {"nets": {"g": net}, "opt": {"g": [{"mu": {"kernel": BIG}, "nu": {"kernel": BIG}, "count": BIG}]}}
    got = specs(state, FSDP, mesh)
    split = P(None, None, "fsdp")
    assert got["nets"]["g"] == {"params": {"kernel": split}, "spectral": {"kernel": P()}}
    assert got["opt"]["g"] == [{"mu": {"kernel": split}, "nu": {"kernel": split}, "count": P()}]
    assert set(jax.tree.leaves(specs(state, REPLICATED, mesh))) == {P()}


def test_gather_makes_leaves_whole(mesh):
    x = np.arange(64 * 32, dtype=np.float32).reshape(64, 32)
    tree = {"params": {"kernel": x}}
    assert gather(tree)["params"]["kernel"] is x
    placed = jax.device_put(tree, shardings(tree, FSDP, mesh))
    assert placed["params"]["kernel"].addressable_shards[0].data.shape == (16, 32)
    with jax.set_mesh(mesh):
        whole = jax.jit(gather)(placed)["params"]["kernel"]
    assert whole.is_fully_replicated
    np.testing.assert_array_equal(whole, x)


def test_zero1_splits_moments_and_averages_over_all_that_splits_the_batch(mesh):
    tree = {"params": {"kernel": BIG}, "spectral": {"kernel": BIG}}
    state = {
        "nets": {"g": tree},
        "opt": {"g": [{"mu": {"kernel": BIG}, "nu": {"kernel": BIG}, "count": BIG}]},
        "ema": {"g": tree},
    }
    got = specs(state, ZERO1, mesh)
    split = P(None, None, ("data", "fsdp"))
    assert set(jax.tree.leaves(got["nets"])) == {P()}
    assert got["opt"]["g"] == [{"mu": {"kernel": split}, "nu": {"kernel": split}, "count": P()}]
    assert got["ema"]["g"] == {"params": {"kernel": split}, "spectral": {"kernel": P()}}
