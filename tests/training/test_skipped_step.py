import dataclasses
import functools

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.training.ema import Ema
from jaxgan.training.method import Method
from jaxgan.training.state import create_state
from jaxgan.training.step import make_step

pytestmark = pytest.mark.faults

NUMBERS = st.sampled_from([0.0, 1.0, -3.5, np.nan, np.inf, -np.inf])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Adds(Method):
    """Its step adds what the batch holds to everything."""

    optimizers: dict = dataclasses.field(default_factory=lambda: {"g": optax.adam(1e-3)})
    players = {"g": ("g",)}  # noqa: RUF012 (a constant)

    def init(self, rng, batch):
        nets = {"g": {"params": {"w": jnp.arange(3.0), "half": jnp.ones(2, jnp.bfloat16)}, "stats": {"m": jnp.ones(2)}}}
        return create_state(nets, self.players, self.optimizers, extra={"mean": jnp.zeros(()), "n": jnp.int32(7)})

    def step(self, state, batch, rng):
        def moved(tree, numbers):
            leaves, structure = jax.tree.flatten(tree)
            return jax.tree.unflatten(structure, [x + numbers[i].astype(x.dtype) for i, x in enumerate(leaves)])

        new = state.replace(
            nets=moved(state.nets, batch["nets"]),
            opt=moved(state.opt, batch["opt"]),
            extra=moved(state.extra, batch["extra"]),
        )
        return new, {"g/loss": batch["loss"]}


METHOD = Adds()
START = METHOD.init(jax.random.key(0), {})
START = START.replace(ema={"g": jax.tree.map(jnp.copy, START.nets["g"])})


@functools.cache
def step():
    return jax.jit(make_step(METHOD, ema=Ema(nets=("g",), decay=0.5), skip_nonfinite=True))


@hypothesis.settings(max_examples=100, deadline=None, derandomize=True)
@hypothesis.given(
    nets=st.lists(NUMBERS, min_size=3, max_size=3),
    opt=st.lists(NUMBERS, min_size=5, max_size=5),
    extra=st.lists(NUMBERS, min_size=1, max_size=1),
    loss=NUMBERS,
)
def test_a_step_that_is_not_finite_changes_no_bit_except_the_count(nets, opt, extra, loss):
    # Whole numbers take no NaN: the count of Adam and `n` are given 0.
    opt, extra = [0.0, *opt[1:]], [*extra, 0.0]
    batch = {"nets": np.float32(nets), "opt": np.float32(opt), "extra": np.float32(extra), "loss": np.float32(loss)}
    new, metrics = step()(START, batch, jax.random.key(0))
    finite = bool(np.isfinite([*nets, *opt, *extra, loss]).all())
    assert metrics["skipped"] == 1 - finite and int(new.step) == 1
    same = jax.tree.map(lambda a, b: np.asarray(a).tobytes() == np.asarray(b).tobytes(), new.replace(step=0), START)
    if not finite:
        assert all(jax.tree.leaves(same.replace(step=True)))
    elif any(nets):
        assert not all(jax.tree.leaves((same.nets, same.ema)))
