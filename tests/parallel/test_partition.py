import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import FSDP, REPLICATED, fsdp_largest, gather, make_mesh, shardings

BIG = jax.ShapeDtypeStruct((3, 3, 64, 128), jnp.float32)


@pytest.fixture
def mesh():
    return make_mesh(data=2, fsdp=4)


def specs(tree, rules, mesh):
    return jax.tree.map(lambda s: s.spec, shardings(tree, rules, mesh))


@pytest.mark.parametrize(
    ("shape", "spec"),
    [
        ((3, 3, 64, 128), P(None, None, None, "fsdp")),
        ((256, 16), P("fsdp")),
        ((1001, 64), P(None, "fsdp")),  # the largest is no multiple of 4
        ((33, 35, 37), P()),
        ((32, 31), P()),  # under 1024 elements
        ((32, 32), P("fsdp")),
        ((), P()),
    ],
)
def test_fsdp_splits_the_largest_dimension_it_divides(mesh, shape, spec):
    assert fsdp_largest(shape, mesh) == spec


def test_fsdp_over_one_device_splits_nothing():
    assert fsdp_largest((256, 256), make_mesh(fsdp=1)) == P()


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
    split = P(None, None, None, "fsdp")
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
