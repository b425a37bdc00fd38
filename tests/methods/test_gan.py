import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import nn as layers
from jaxgan.methods.gan import GAN
from jaxgan.methods.latents import Latents
from jaxgan.methods.regularizer import Regularizer, TermOutput
from jaxgan.methods.terms.gradient_penalties import gradient_penalties
from jaxgan.methods.terms.orthogonal import orthogonal
from jaxgan.networks.heads import LogitHead
from jaxgan.nn import power_iteration
from jaxgan.objectives import adversarial_loss, orthogonal_penalty

CLASSES, Z_DIM, ROWS = 3, 5, 12
RNG = jax.random.key(3)


class Generator(nn.Module):
    channels: int = 1

    @nn.compact
    def __call__(self, z, labels, *, train):
        shared = layers.Embed(CLASSES, 4, spectral_norm=False, name="shared")(labels)
        h = layers.Dense(4 * 4 * 3, name="project")(jnp.concatenate([z, shared], -1)).reshape(-1, 4, 4, 3)
        h = nn.relu(layers.BatchNorm(name="norm")(h, train=train))
        return jnp.tanh(layers.Conv(self.channels, (3, 3), name="to_image")(h))


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, images, labels, *, train):
        h = nn.relu(layers.Conv(4, (3, 3), name="conv")(images))
        return LogitHead(CLASSES, "projection", spectral_norm=True, name="head")(layers.pooled(h), labels)


def make(cls=GAN, **changes):
    settings = dict(
        generator=Generator(),
        discriminator=Discriminator(),
        optimizers={player: optax.adam(1e-2) for player in ("g", "d")},
        loss=adversarial_loss("hinge"),
        latents=Latents(z_dim=Z_DIM, num_classes=CLASSES),
    )
    return cls(**settings | changes)


def batch(rows=ROWS):
    draw = np.random.default_rng(0)
    return {
        "image": draw.integers(0, 256, (rows, 4, 4, 1), np.uint8),
        "label": draw.integers(0, CLASSES, rows).astype(np.int32),
    }


@pytest.fixture(scope="module")
def state():
    """Random weights: power iteration has nothing to move on the orthogonal ones of an initialisation."""
    fresh, draw = make().init(jax.random.key(0), batch()), np.random.default_rng(1)
    nets = {
        name: {**net, "params": jax.tree.map(lambda x: jnp.asarray(draw.normal(size=x.shape), x.dtype), net["params"])}
        for name, net in fresh.nets.items()
    }
    return fresh.replace(nets=nets)


@pytest.fixture(scope="module")
def steps(state):
    """name -> (method, (state, metrics) after one step)."""
    methods = {
        "joint": make(),
        "split": make(joint=False),
        "twice": make(d_steps=2, g_stats_in_d=False),
        "orthogonal": make(g_weights_term=orthogonal(weight=0.1)),
    }
    return {name: (m, jax.jit(m.step)(state, batch(), RNG)) for name, m in methods.items()}


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def moved(a, b):
    return any(not np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.parametrize("statistics", [True, False])
def test_a_d_play_moves_d_and_where_asked_gs_statistics(state, statistics):
    method = make(g_stats_in_d=statistics)
    after, metrics = jax.jit(method.d_step)(state, batch(), RNG)
    g, d = state.nets["g"], state.nets["d"]
    for collection in ("params", "spectral"):
        assert_same(after.nets["g"][collection], g[collection])
        assert moved(after.nets["d"][collection], d[collection])
    assert moved(after.nets["g"]["batch_stats"], g["batch_stats"]) == statistics
    assert_same(after.opt["g"], state.opt["g"])
    assert set(metrics) == {"d/loss", "d/grad_norm", "d/real", "d/fake"}


def test_a_g_play_moves_g_alone(state):
    after, metrics = jax.jit(lambda s: make().g_step(s, batch(), RNG))(state)
    assert_same(after.nets["d"], state.nets["d"])
    assert_same(after.opt["d"], state.opt["d"])
    for collection in ("params", "spectral", "batch_stats"):
        assert moved(after.nets["g"][collection], state.nets["g"][collection])
    assert set(metrics) == {"g/loss", "g/grad_norm"}


def one_iteration(net):
    """Every normalised layer's u after exactly one power iteration on the weights given."""
    expected = {}
    for path, u in jax.tree_util.tree_leaves_with_path(net["spectral"]):
        owner = [key.key for key in path[:-1]]
        params = net["params"]
        for name in owner:
            params = params[name]
        weight = params["kernel"] if "kernel" in params else params["embedding"].T
        expected["/".join(owner)] = power_iteration(weight.reshape(-1, weight.shape[-1]).T, u)[1]
    return expected


def vectors(net):
    leaves = jax.tree_util.tree_leaves_with_path(net["spectral"])
    return {"/".join(key.key for key in path[:-1]): u for path, u in leaves}


@pytest.mark.parametrize("name", ["joint", "split"])
@pytest.mark.parametrize("net", ["g", "d"])
def test_power_iteration_moves_once_per_update_of_its_net(state, steps, name, net):
    # G runs in train mode in the D update too, D twice where split: neither counts.
    found, expected = vectors(steps[name][1][0].nets[net]), one_iteration(state.nets[net])
    assert found.keys() == expected.keys() and len(found) >= 2
    for layer, u in found.items():
        np.testing.assert_allclose(u, expected[layer], atol=1e-5, err_msg=layer)
        # A layer of one output has nowhere to move.
        assert u.size == 1 or np.abs(np.asarray(u) - vectors(state.nets[net])[layer]).max() > 1e-3


@pytest.mark.slow
def test_running_d_apart_or_together_is_the_same_step(steps):
    (joint, metrics), (split, others) = steps["joint"][1], steps["split"][1]
    assert_close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)  # noqa: E731
    jax.tree.map(assert_close, joint.nets, split.nets)
    jax.tree.map(assert_close, metrics, others)


def test_every_update_draws_its_own_latents_and_labels(state):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Recording(Latents):
        def draw(self, rng, batch):
            drawn.append(super().draw(rng, batch))
            return drawn[-1]

    def run(state, batch, rng):
        drawn.clear()
        method.step(state, batch, rng)
        return list(drawn)

    drawn = []
    method = make(latents=Recording(z_dim=Z_DIM, num_classes=CLASSES), d_steps=3)
    updates = jax.jit(run)(state, batch(3 * ROWS), RNG)
    assert len(updates) == 4
    assert all(z.shape == (ROWS, Z_DIM) and labels.shape == (ROWS,) for z, labels in updates)
    zs, labels = (np.stack(x) for x in zip(*updates))
    assert len({z.tobytes() for z in zs}) == len({y.tobytes() for y in labels}) == 4
    assert set(labels.ravel()) == set(range(CLASSES))
    assert 0.8 < zs.std() < 1.2


def test_d_plays_share_the_batch_out(state, steps):
    after, _ = steps["twice"][1]
    assert int(after.opt["d"][0].count) == 2 and int(after.opt["g"][0].count) == 1
    assert int(after.step) == 0
    with pytest.raises(ValueError, match="12 rows into 5 equal parts"):
        make(d_steps=5).step(state, batch(), RNG)


def test_r1_acts_on_multiples_of_its_interval(state, steps):
    method = make(regularizers=(gradient_penalties(r1=10.0, every=2),))
    run = jax.jit(method.step)
    zero = {"r1": jnp.zeros(())}
    state = state.replace(extra={"lazy_d_gradient_penalties": {f"d/{k}": v for k, v in zero.items()}})
    # The penalty is an update of D's own: its optimiser counts it.
    results, logged = zip(*(run(state.replace(step=jnp.asarray(step, jnp.int32)), batch(), RNG) for step in range(4)))
    assert [int(after.opt["d"][0].count) for after in results] == [2, 1, 2, 1]
    # Its value is logged, and kept for the steps between.
    assert logged[0]["d/r1"] > 0 and logged[1]["d/r1"] == 0
    assert results[0].extra["lazy_d_gradient_penalties"]["d/r1"] == logged[0]["d/r1"]
    plain = steps["joint"][1][0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), results[1].nets, plain.nets)
    # It moves no statistic and no power-iteration vector.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
        results[0].nets["d"]["spectral"],
        plain.nets["d"]["spectral"],
    )


def test_lazy_r1_is_as_many_times_stronger(state):
    sgd = {player: optax.sgd(1e-2) for player in ("g", "d")}
    changes = []
    for weight, interval in ((1.0, 4), (4.0, 1)):
        penalty = gradient_penalties(r1=weight, every=interval)
        method = make(regularizers=(penalty,), optimizers=sgd)
        start = state.replace(opt={player: sgd[player].init({}) for player in sgd})
        after = jax.jit(functools.partial(method.lazy_step, "d", penalty, batch(), RNG))(start)[0]
        changes.append(jax.tree.map(lambda a, b: a - b, after.nets["d"]["params"], state.nets["d"]["params"]))
    assert np.abs(changes[0]["conv"]["kernel"]).max() > 1e-5
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-7), *changes)


def test_the_orthogonal_term_is_logged_and_leaves_the_shared_embedding_out(state, steps):
    metrics = steps["orthogonal"][1][1]
    kernels = {name: state.nets["g"]["params"][name] for name in ("project", "to_image")}
    np.testing.assert_allclose(metrics["g/orthogonal"], orthogonal_penalty(kernels), rtol=1e-4)
    plain = steps["joint"][1][1]
    assert "g/orthogonal" not in plain
    np.testing.assert_allclose(metrics["g/loss"], plain["g/loss"] + 0.1 * metrics["g/orthogonal"], rtol=1e-4, atol=1e-5)


def test_images_of_another_shape_than_the_datas_are_an_error():
    with pytest.raises(ValueError, match=r"draws images of shape \(4, 4, 3\), the data's are \(4, 4, 1\)"):
        make(generator=Generator(channels=3)).init(RNG, batch())


def test_sampling_uses_running_statistics_and_the_latents_given(state):
    method, labels = make(), jnp.arange(4) % CLASSES
    z = np.random.default_rng(0).normal(size=(4, Z_DIM)).astype(np.float32)
    image = method.sample(state.nets, {"label": labels, "z": z}, RNG)["image"]
    expected = Generator().apply(state.nets["g"], z, labels, train=False)
    np.testing.assert_allclose(image, expected, atol=1e-6)
    drawn = [method.sample(state.nets, {"label": labels}, jax.random.key(i))["image"] for i in (0, 1)]
    assert drawn[0].shape == (4, 4, 4, 1) and np.abs(drawn[0] - drawn[1]).max() > 1e-3


def test_moments_are_shaped_as_the_running_statistics(state):
    assert "batch_moments" not in state.nets["g"]
    found = make().batch_moments(state.nets, {"label": jnp.arange(6) % CLASSES}, RNG)
    expected = jax.tree.map(jnp.shape, {"g": state.nets["g"]["batch_stats"]})
    assert jax.tree.map(jnp.shape, found) == expected


class Fading(nn.Module):
    """Draws ``alpha`` times a learnt image, and noise from the stream of that name."""

    @nn.compact
    def __call__(self, z, labels, *, train, alpha):
        image = self.param("image", nn.initializers.ones, (1, 4, 4, 1))
        noise = jax.random.normal(self.make_rng("noise"), (z.shape[0], 4, 4, 1))
        return alpha * image + 0.0 * z.sum() + noise


class Taking(nn.Module):
    @nn.compact
    def __call__(self, images, labels, *, train, alpha):
        return alpha * layers.Dense(1, spectral_norm=False, name="head")(images.reshape(images.shape[0], -1))[:, 0]


def fading(**changes):
    return make(
        generator=Fading(),
        discriminator=Taking(),
        network_inputs=lambda step, extra: {"alpha": step.astype(jnp.float32)},
        draws_in_sample=True,
        **changes,
    )


def test_networks_take_keywords_of_the_step_in_training_and_in_sampling():
    method = fading()
    state = method.init(jax.random.key(0), batch())
    run = jax.jit(method.step)
    still, _ = run(state, batch(), RNG)  # at step 0 alpha is 0, and nothing has a gradient
    assert_same(still.nets["g"]["params"], state.nets["g"]["params"])
    after, _ = run(state.replace(step=jnp.int32(3)), batch(), RNG)
    assert moved(after.nets["g"]["params"], state.nets["g"]["params"])

    def draw(step):
        given = {"key": jax.random.split(RNG, 4), "z": jnp.zeros((4, Z_DIM)), "label": jnp.zeros(4, jnp.int32)}
        return method.sample(state.nets, given | {"step": jnp.int32(step)}, RNG)["image"]

    np.testing.assert_allclose(draw(5) - draw(2), 3.0, atol=1e-5)
    with pytest.raises(ValueError, match=r"give batch\['step'\]"):
        method.sample(state.nets, {"z": jnp.zeros((4, Z_DIM)), "label": jnp.zeros(4, jnp.int32)}, RNG)


def test_a_generator_that_draws_in_sampling_draws_each_row_of_its_own_key():
    method = fading()
    nets = method.init(jax.random.key(0), batch()).nets
    keys = jax.random.split(RNG, 6)

    def draw(keys):
        given = {"key": keys, "z": jnp.zeros((len(keys), Z_DIM)), "label": jnp.zeros(len(keys), jnp.int32)}
        return method.sample(nets, given | {"step": jnp.int32(0)}, RNG)["image"]

    whole = draw(keys)
    np.testing.assert_allclose(whole, jnp.concatenate([draw(keys[:4]), draw(keys[4:])]), atol=1e-6)
    assert len({row.tobytes() for row in np.asarray(whole)}) == 6


def test_a_lazy_term_of_g_is_an_update_of_its_own_with_state_of_its_own(state):
    def term(context):
        pixels = context.generate(context.z, context.fake_condition).mean()
        return TermOutput(pixels, {"pixels": pixels}, extra=context.extra["mean"] + 1)

    lazy = Regularizer("mean", g_term=term, every=2, init=lambda nets, fakes: jnp.zeros(()))
    method = make(regularizers=(lazy,))
    fresh = method.init(jax.random.key(0), batch())
    run = jax.jit(method.step)
    state = state.replace(opt=fresh.opt, extra=fresh.extra)
    counts, values = [], []
    for step in range(3):
        state, metrics = run(state.replace(step=jnp.int32(step)), batch(), RNG)
        counts.append((int(state.opt["g"][0].count), int(state.opt["d"][0].count), float(state.extra["mean"])))
        values.append(float(metrics["g/pixels"]))
    assert counts == [(2, 1, 1.0), (3, 2, 1.0), (5, 3, 2.0)]
    assert values[0] == values[1] != values[2]
