"""A small program that the planner's tests compile for eight simulated devices."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import BATCH, make_mesh


@pytest.fixture(scope="session")
def data_parallel() -> dict[str, Any]:
    """A gradient step of a loss over rows that are split, weights [64, 64] whole on each device."""
    mesh = make_mesh()

    def step(state: Any, x: Any) -> Any:
        def loss(params: Any) -> Any:
            return jnp.mean(jnp.tanh(x @ params["w"]) ** 2)

        params = state["nets"]["g"]["params"]
        grads = jax.grad(loss)(params)
        return {"nets": {"g": {"params": jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)}}}

    where = NamedSharding(mesh, P()), NamedSharding(mesh, BATCH)
    jitted = jax.jit(step, in_shardings=where, out_shardings=where[0], donate_argnums=(0,))
    state = {"nets": {"g": {"params": {"w": jax.ShapeDtypeStruct((64, 64), jnp.float32)}}}}
    shapes = state, jax.ShapeDtypeStruct((32, 64), jnp.float32)
    with jax.set_mesh(mesh):
        traced = jitted.trace(*shapes)
        lowered = traced.lower()
        compiled = lowered.compile()
    return {
        "mesh": mesh,
        "step": step,
        "where": where,
        "shapes": shapes,
        "traced": traced,
        "lowered": lowered,
        "compiled": compiled,
    }
