import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding

from jaxgan.parallel import BATCH, inside_mesh, join_interleaved, make_mesh, shard_batch, split_interleaved

X = np.arange(48 * 3, dtype=np.float32).reshape(48, 3)


def communication(function, *arrays):
    """The collectives in the compiled program of ``function``, its arguments and results split over eight devices."""
    mesh = make_mesh(data=4, fsdp=2)
    with jax.set_mesh(mesh):
        split = NamedSharding(mesh, BATCH)
        text = jax.jit(function, in_shardings=(split,) * len(arrays)).lower(*arrays).compile().as_text()
    return set(re.findall(r"all-gather|all-to-all|collective-permute|all-reduce|reduce-scatter", text))


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_split_takes_rows_in_turn_and_join_undoes_it(parts):
    split = split_interleaved(X, parts)
    np.testing.assert_array_equal(split, [X[k::parts] for k in range(parts)])
    np.testing.assert_array_equal(join_interleaved(*split), X)


def test_a_remainder_raises():
    with pytest.raises(ValueError, match="48 rows into 5 equal parts"):
        split_interleaved(X, 5)


def test_neither_moves_data_between_devices():
    scaled = lambda x: jnp.stack([2 * part for part in split_interleaved(x, 3)])  # noqa: E731
    assert communication(scaled, X) == set()
    assert communication(lambda x: [part + 1 for part in split_interleaved(x, 2)], X) == set()
    assert communication(join_interleaved, X, X) == set()
    assert communication(lambda x: join_interleaved(*split_interleaved(x, 2)), X) == set()


def test_blocks_would_move_data():
    assert communication(lambda x: [shard_batch(x[:24]), shard_batch(x[24:])], X)
    assert communication(lambda a, b: shard_batch(jnp.concatenate([a, b])), X, X)


def test_constraint_splits_what_is_born_inside_the_step():
    mesh = make_mesh(data=4, fsdp=2)
    born = lambda: shard_batch(jnp.ones((16, 2)))  # noqa: E731
    assert not inside_mesh()
    assert len(born().devices()) == 1
    with jax.set_mesh(mesh):
        assert inside_mesh()
        x = jax.jit(born)()
    assert {shard.data.shape for shard in x.addressable_shards} == {(2, 2)}
    assert len(x.addressable_shards) == 8


def test_a_batch_that_the_devices_do_not_divide_is_whole_on_each():
    with jax.set_mesh(make_mesh()):
        split, whole = (jax.jit(shard_batch)(jnp.ones((rows, 3))) for rows in (16, 10))
    assert not split.sharding.is_fully_replicated and whole.sharding.is_fully_replicated
