"""Collectives and replicated work are found in programs where both are known."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import BATCH, make_mesh
from jaxgan.tools.planner import hlo, list_arguments
from jaxgan.tools.planner.plan import collectives_table, list_collectives
from jaxgan.tools.planner.replicated import redundant, replicated_share, varying_costs


def test_a_gradient_reduces_its_weights_bytes(data_parallel):
    collectives = list_collectives(hlo.analyse(data_parallel["compiled"].as_text()), 8)
    assert collectives_table(collectives) == {"all-reduce/gradients": {"count": 1, "bytes": 4 * 64 * 64}}
    assert [collective.group for _, collective in collectives] == [8]


def test_a_product_of_whole_weights_is_done_by_every_device():
    mesh = make_mesh(data=4, fsdp=2)
    n = 32

    def step(w, x):
        def once(c, _):
            return (c @ w) / n, None

        whole = jax.lax.scan(once, w, None, length=2)[0]  # 2 products of n x n by n x n, the same everywhere
        split = x @ w  # rows of x are split over 8
        return whole.sum() + split.sum()

    where = NamedSharding(mesh, P()), NamedSharding(mesh, BATCH)
    shapes = jax.ShapeDtypeStruct((n, n), jnp.float32), jax.ShapeDtypeStruct((8 * n, n), jnp.float32)
    with jax.set_mesh(mesh):
        program = hlo.analyse(jax.jit(step, in_shardings=where).lower(*shapes).compile().as_text())
    arguments = list_arguments(step, shapes, where)
    assert [sorted(argument.axes) for argument in arguments] == [[], ["data", "fsdp"]]
    costs = varying_costs(program, [argument.axes for argument in arguments], dict(mesh.shape))
    # Of a device's three products of the same size, two are every device's: 7/8 of each could be spared.
    assert replicated_share(costs, mesh.shape, lambda c: c.flops) == pytest.approx(2 / 3 * 7 / 8)


def test_work_on_a_part_that_some_devices_share_is_redundant_among_them():
    sizes = {"data": 4, "fsdp": 2}
    assert redundant(frozenset(), sizes) == pytest.approx(7 / 8)
    assert redundant(frozenset({"fsdp"}), sizes) == pytest.approx(3 / 4)
    assert redundant(frozenset({"data", "fsdp"}), sizes) == 0


def test_what_was_summed_is_replicated_again(data_parallel):
    program = hlo.analyse(data_parallel["compiled"].as_text())
    costs = varying_costs(program, [frozenset(), frozenset({"data"})], dict(data_parallel["mesh"].shape))
    last = [axes for cost, axes in costs if cost.op_name.endswith("/sub")]
    assert last and not any(last)  # the update reads weights and summed gradients
    assert all("data" in axes for cost, axes in costs if cost.flops)
