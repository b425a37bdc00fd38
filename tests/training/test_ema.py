import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.training.ema import Ema, decay_for_half_life
from jaxgan.training.errors import UserError


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


def test_buffers_are_averaged_or_copied_and_other_nets_stay():
    def moved(value):
        leaf = jnp.full((3,), value, jnp.float32)
        return {"g": {"params": {"w": leaf}, "batch_stats": {"mean": leaf}}}

    old = moved(0.0) | {"other": "as it was"}
    for buffers, expected in (("average", 1.0), ("copy", 4.0)):
        found = Ema(nets=("g",), decay=0.75, buffers=buffers).update(old, moved(4.0), 5)
        assert float(found["g"]["params"]["w"][0]) == 1.0 and found["other"] == "as it was"
        assert float(found["g"]["batch_stats"]["mean"][0]) == expected


def test_a_ramp_shortens_the_half_life_of_young_averages():
    """As StyleGAN2-ADA's training loop: ema_nimg = min(ema_kimg 1000, cur_nimg rampup), beta = 0.5^(batch / ema_nimg),
    with cur_nimg the images before the step.
    """
    batch, half_life, ramp_up = 32, 10_000, 0.05
    ema = Ema(nets=("g",), decay=decay_for_half_life(half_life, batch), ramp_up=ramp_up)
    for step in (1, 2, 100, 5_000, 6_251, 7_000, 100_000):
        nimg = min(half_life, (step - 1) * batch * ramp_up)
        beta = 0.5 ** (batch / max(nimg, 1e-8))
        np.testing.assert_allclose(jax.jit(ema.decay_at)(step), beta, rtol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"buffers": "none"}, "choose from 'average', 'copy'"), ({"ramp_up": 0.05, "decay": 1.0}, "ramp_up=0.05")],
)
def test_contradictions_are_told(fields, message):
    with pytest.raises(UserError, match=message):
        Ema(nets=("g",), **fields)
