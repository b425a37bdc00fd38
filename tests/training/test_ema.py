import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.training.ema import Ema, averaged, decay_for_half_life


def nets(value):
    leaf = jnp.full((3,), value, jnp.float32)
    return {
        "g": {"params": {"w": leaf}, "batch_stats": {"n": jnp.asarray(int(value), jnp.int32)}},
        "d": {"params": leaf},
    }


def test_copies_before_its_start_then_decays():
    ema = Ema(nets=("g",), decay=0.75, start_step=2)
    average = ema.init(nets(1.0))
    seen = []
    for step, value in enumerate([5.0, 8.0, 16.0], start=1):
        average = jax.jit(ema.update)(average, nets(value), step)
        seen.append(float(average["g"]["params"]["w"][0]))
    assert set(average) == {"g"}
    np.testing.assert_allclose(seen, [5.0, 0.75 * 5 + 0.25 * 8, 0.75 * 5.75 + 0.25 * 16])
    # A counter has no average: it is the newest.
    assert int(average["g"]["batch_stats"]["n"]) == 16
    assert average["g"]["batch_stats"]["n"].dtype == jnp.int32


def test_half_life_makes_batch_sizes_agree():
    weights = {size: decay_for_half_life(1_000, size) ** (4_000 / size) for size in (8, 200)}
    np.testing.assert_allclose(list(weights.values()), 1 / 16, rtol=1e-9)


def test_init_shares_no_buffer_with_the_nets():
    source = nets(1.0)
    average = Ema(nets=("g",)).init(source)
    pointers = {leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(source)}
    assert pointers.isdisjoint(leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(average))
    jax.tree.map(np.testing.assert_array_equal, average["g"], source["g"])


def test_averaged_takes_the_average_where_there_is_one():
    assert averaged({"g": "raw", "d": "raw"}, {"g": "mean"}) == {"g": "mean", "d": "raw"}
