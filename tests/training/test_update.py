import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.training.update import Aux, apply, every, merge, override, player_update

X = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def method(toy):
    return toy.Method()


@pytest.fixture(scope="module")
def state(toy, method):
    return method.init(jax.random.key(0), toy.batch_at(0))


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_apply_returns_what_moved_in_train_mode_and_nothing_in_evaluation(method, state):
    net = state.nets["g"]
    out, moved = apply(method.module, net, X, train=True)
    assert set(moved) == {"batch_stats"} and not same(moved["batch_stats"], net["batch_stats"])
    assert out.shape == (8,)
    out, moved = apply(method.module, net, X, train=False)
    assert moved == {}
    np.testing.assert_allclose(out, method.module.apply(net, X, train=False), rtol=1e-6)


def test_apply_collects_what_is_asked_for(method, state):
    _, moved = apply(method.module, state.nets["g"], X, train=True, collect=("batch_moments",))
    assert set(moved) == {"batch_stats", "batch_moments"}
    first = X @ state.nets["g"]["params"]["first"]["kernel"]
    np.testing.assert_allclose(moved["batch_moments"]["norm"]["mean"], first.mean(0), rtol=1e-4, atol=1e-6)


def test_a_player_update_moves_its_own_nets_and_hands_out_what_the_loss_gives(method, state):
    def loss_fn(nets):
        # Both nets are in the loss; only the player's own parameters may move.
        outs = [apply(method.module, nets[n], X, train=True)[0] for n in "gd"]
        _, moved = apply(method.module, nets["g"], X, train=True)
        return outs[0].mean() + outs[1].mean(), Aux(
            {"g": moved}, {"sum": outs[0].sum()}, {"entered": state.extra["entered"] + 3}, outs[0]
        )

    after, metrics, kept = jax.jit(lambda s: player_update(method, s, "d", loss_fn))(state)
    assert same(after.nets["g"]["params"], state.nets["g"]["params"])
    assert same(after.opt["g"], state.opt["g"])
    assert same(after.nets["d"]["batch_stats"], state.nets["d"]["batch_stats"])
    assert not same(after.nets["g"]["batch_stats"], state.nets["g"]["batch_stats"])
    assert not same(after.nets["d"]["params"], state.nets["d"]["params"])
    assert int(after.opt["d"][0].count) == 1 and int(after.step) == 0
    assert set(metrics) == {"d/loss", "d/grad_norm", "d/sum"}
    assert int(after.extra["entered"]) == 3
    np.testing.assert_allclose(kept.sum(), metrics["d/sum"], rtol=1e-6)
    grads = jax.grad(lambda p: loss_fn(override(state.nets, {"d": p}))[0])(state.nets["d"]["params"])
    norm = np.sqrt(sum(np.square(g).sum() for g in jax.tree.leaves(grads)))
    np.testing.assert_allclose(metrics["d/grad_norm"], norm, rtol=1e-5)


def test_override_and_merge_replace_what_they_name_and_leave_their_input():
    nets = {"g": {"params": 1, "batch_stats": 2}, "d": {"params": 3}}
    assert override(nets, {"g": 9}) == {"g": {"params": 9, "batch_stats": 2}, "d": {"params": 3}}
    assert merge(nets, {"g": {"batch_stats": 7}}) == {"g": {"params": 1, "batch_stats": 7}, "d": {"params": 3}}
    assert nets == {"g": {"params": 1, "batch_stats": 2}, "d": {"params": 3}}


@pytest.mark.parametrize(("interval", "fired"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6])])
def test_every_acts_on_multiples_and_keeps_the_metrics_of_the_last_time(interval, fired):
    @jax.jit
    def run(step, total, last):
        return every(step, interval, lambda s: (s + 1, {"at": step}), total, last)

    total, last = jnp.zeros((), jnp.int32), {"at": jnp.int32(-1)}
    for step in range(7):
        total, last = run(jnp.int32(step), total, last)
        done = [f for f in fired if f <= step]
        assert int(total) == len(done) and int(last["at"]) == done[-1]
