import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import host_to_global, make_mesh
from jaxgan.training.step import compile_step, init_state, make_stage_step

RNG = jax.random.key(7)


@pytest.fixture(scope="module")
def mesh():
    return make_mesh()


@pytest.fixture(scope="module")
def experiment(toy):
    return toy.experiment()


@pytest.fixture(scope="module")
def compiled(experiment, mesh):
    _, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    return compile_step(make_stage_step(experiment.stages[0]), mesh, where)


@pytest.fixture
def fresh(experiment, mesh):
    return init_state(experiment, rng=jax.random.key(0), mesh=mesh)[0]


def test_a_fresh_states_leaves_share_no_buffer(fresh):
    assert "g" in fresh.ema
    pointers = [s.data.unsafe_buffer_pointer() for leaf in jax.tree.leaves(fresh) for s in leaf.addressable_shards]
    assert len(set(pointers)) == len(pointers)
    assert {len(leaf.sharding.device_set) for leaf in jax.tree.leaves(fresh)} == {8}


def test_steps_count_donate_and_compile_once(toy, compiled, fresh, mesh, compilations):
    states, noises = [fresh], []
    batches = [host_to_global(toy.batch_at(step), mesh) for step in range(3)]
    with jax.set_mesh(mesh):
        for batch in batches:
            with compilations() as programs:
                state, metrics = compiled(states[-1], batch, RNG)
            assert not programs or len(states) == 1
            states.append(state)
            noises.append(float(metrics["noise"]))
    assert int(states[-1].step) == 3
    for old in states[:-1]:
        assert all(leaf.is_deleted() for leaf in jax.tree.leaves(old))
    # Steps draw for themselves.
    assert len(set(noises)) == 3


def test_randomness_depends_on_the_step_alone(toy, compiled, fresh, mesh):
    with jax.set_mesh(mesh):
        state = fresh.replace(step=jax.device_put(jnp.asarray(5, jnp.int32), NamedSharding(mesh, P())))
        state, metrics = compiled(state, host_to_global(toy.batch_at(0), mesh), RNG)
    expected = jax.random.normal(jax.random.fold_in(RNG, 5), (8, 4, 4, 1)).sum()
    np.testing.assert_allclose(metrics["noise"], expected, rtol=1e-4, atol=1e-4)
    assert int(state.step) == 6


def test_three_steps_in_a_dispatch_equal_three_dispatches(toy, experiment, compiled, fresh, mesh):
    pure = make_stage_step(experiment.stages[0], steps_per_dispatch=3)
    together, where = init_state(experiment, rng=jax.random.key(0), mesh=mesh)
    several = compile_step(pure, mesh, where, steps_per_dispatch=3)
    stacked = {"image": np.stack([toy.batch_at(step)["image"] for step in range(3)])}
    apart, logged = fresh, []
    with jax.set_mesh(mesh):
        together, metrics = several(together, host_to_global(stacked, mesh, stacked=True), RNG)
        for step in range(3):
            apart, one = compiled(apart, host_to_global(toy.batch_at(step), mesh), RNG)
            logged.append(one)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), together, apart)
    assert int(together.step) == 3
    expected = jax.tree.map(lambda *values: np.stack(values), *logged)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), metrics, expected)
