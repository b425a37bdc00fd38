"""Games and their regularizers, on points whose modes can be counted."""

import functools

import jax
import numpy as np
import pytest

from jaxgan import recipes
from jaxgan.experiment.config_file import load
from jaxgan.parallel import host_to_global, make_mesh
from jaxgan.tools.studies.ensemble import with_values
from jaxgan.training.step import compile_step, init_state, make_stage_step, make_step

# One device, and programs worth the compiler's time: these train for hundreds of steps.
OPTIMISED = {"xla_backend_optimization_level": 2}


@functools.cache
def mesh():
    return make_mesh(devices=jax.devices()[:1])


def train(name, overrides, steps, *, optimised=True):
    """The state before and after ``steps`` steps, each step's metrics, and the experiment."""
    experiment = recipes.build(load(name, overrides.items()))
    stage = experiment.stages[0]
    init_rng, rng = jax.random.split(jax.random.key(0))
    state, where = init_state(experiment, rng=init_rng, mesh=mesh())
    start, data, metrics = jax.device_get(state), stage.data(0), []
    with jax.set_mesh(mesh()):
        batches = (host_to_global(next(data), mesh()) for _ in range(steps))
        step = compile_step(make_stage_step(stage), mesh(), where)
        for index, batch in enumerate(batches):
            if index == 0:
                step = step.compile(state, batch, rng, OPTIMISED if optimised else None)
            state, found = step(state, batch, rng)
            metrics.append(found)
    return start, state, jax.device_get(metrics), experiment


def scores(state, experiment):
    """Of the averaged networks, by the recipe's own evaluator."""
    with jax.set_mesh(mesh()):
        (stage,) = experiment.stages
        found = stage.evaluators(mesh())[0].run(experiment.nets_to_score(state, stage), int(state.step))
    return {name.removeprefix("eval/"): score.value for name, score in found.items() if name != "samples"}


SMALL = {"generator.hidden": "(64, 64)", "discriminator.hidden": "(64, 64)", "data.batch_size": "128"}


def learn(name, overrides, steps, *, g, d):
    """The scores after some training of small networks at two rates, and each step's metrics."""
    rates = {"optimizer.g.learning_rate": str(g), "optimizer.d.learning_rate": str(d)}
    _, state, metrics, experiment = train(name, SMALL | rates | overrides, steps)
    return scores(state, experiment), metrics


@pytest.mark.parametrize(
    ("name", "overrides", "steps"),
    [
        pytest.param("wgan_gp:grid25", {}, 800, id="gp", marks=pytest.mark.slow),
        pytest.param("sngan:grid25", {}, 500, id="sn"),
        pytest.param("gan:grid25", {"regularizers.penalties.r1": "0.05"}, 2_000, id="r1", marks=pytest.mark.slow),
    ],
)
def test_lipschitz_discriminators_find_all_25_modes(name, overrides, steps):
    many = {"evaluation.num_points": "10_000", "evaluation.batch_size": "10_000"}
    found, _ = learn(name, overrides | many, steps, g=4e-3, d=4e-3)
    assert found["modes"] == 25
    # ln 25 = 3.2 where all are in one mode.
    assert found["mode_kl"] < 0.2


@pytest.mark.slow
def test_where_d_is_sure_the_minimax_loss_stalls_and_the_other_does_not():
    """Plain gradient descent moves G: Adam divides a gradient by its own size, and hides that it is gone."""
    game = {"optimizer.g.kind": "sgd", "optimizer.g.b1": "0.5", "method.d_steps": "10"}
    (stalled, small), (found, large) = (
        learn("gan:grid25", game | {"method.loss": loss}, 200, g=5e-3, d=2e-3) for loss in ("minimax", "non_saturating")
    )
    norms = [np.mean([m["g/grad_norm"] for m in metrics[20:100]]) for metrics in (small, large)]
    assert norms[0] < 0.2 * norms[1]
    assert stalled["modes"] < 5 < 10 < found["modes"]
    # ln 25 = 3.2 where all are in one mode.
    assert stalled["mode_kl"] > 2.0 > 1.0 > found["mode_kl"]
    assert stalled["emd"] > 0.95 > 0.75 > found["emd"]


@functools.cache
def hasty(**overrides):
    """A G that moves more than D does, on the grid: it runs from mode to mode."""
    settings = {key.replace("__", "."): value for key, value in overrides.items()}
    return learn("gan:grid25", {"method.g_steps": "2"} | settings, 600, g=2e-3, d=1e-3)[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "term",
    [
        {"regularizers__mode_seeking__weight": "1.0"},
        {
            "discriminator__minibatch": "discrimination",
            "discriminator__minibatch_kernels": "8",
            "method__joint": "false",
        },
    ],
    ids=["mode_seeking", "minibatch_discrimination"],
)
def test_modes_come_back_where_g_must_differ_from_itself(term):
    without, found = hasty(), hasty(**term)
    assert without["modes"] <= 4 < found["modes"]
    assert without["mode_kl"] > 1.2 > 0.6 > found["mode_kl"]
    assert without["emd"] > 0.8 > 0.6 > found["emd"]


TINY = {
    "generator.hidden": "(16,)",
    "discriminator.hidden": "(16,)",
    "data.batch_size": "16",
}
# Every number that turns a regularizer on, and what it is off.
WEIGHTS = {
    "regularizers.penalties.gp": 1.0,
    "regularizers.penalties.dragan": 1.0,
    "regularizers.penalties.r1": 1.0,
    "regularizers.penalties.r2": 1.0,
    "regularizers.penalties.zero_centred": 1.0,
    "regularizers.consistency.cr": 1e4,
    "regularizers.consistency.bcr_real": 1e4,
    "regularizers.consistency.bcr_fake": 1e4,
    "regularizers.consistency.zcr_d": 1e4,
    "regularizers.consistency.zcr_g": 1.0,
    "regularizers.lecam.weight": 1.0,
    "augment.instance_noise.sigma": 0.5,
    "regularizers.feature_matching.weight": 1.0,
    "regularizers.mode_seeking.weight": 1.0,
    "regularizers.historical.g": 1.0,
    "regularizers.historical.d": 1.0,
    "heads.auxiliary.real": 1.0,
    "heads.auxiliary.fake": 1.0,
    "heads.auxiliary.generator": 1.0,
    "heads.information.categorical": 1.0,
    "heads.information.continuous": 1.0,
}
BASE = {
    **TINY,
    "generator.num_classes": "8",
    "discriminator.num_classes": "8",
    "generator.conditioning": "concat",
    "prior.categorical": "(3,)",
    "prior.continuous": "1",
    "generator.z_dim": "8",
    "regularizers.lecam.start_step": "0",
    "augment.instance_noise.steps": "4",
}


@pytest.fixture(scope="module")
def weighed():
    """weights -> the state and the metrics after three steps, of one program that has every term."""
    config = load("gan:ring8", BASE.items())
    on = recipes.build(with_values(config, WEIGHTS))
    init_rng, rng = jax.random.split(jax.random.key(0))
    start, _ = init_state(on, rng=init_rng, mesh=mesh())

    def run(weights, start, batches):
        method = recipes.build(with_values(config, weights)).stages[0].method
        return jax.lax.scan(lambda state, batch: make_step(method)(state, batch, rng), start, batches)

    data = on.stages[0].data(0)
    batches = jax.tree.map(lambda *x: np.stack(x), *(next(data) for _ in range(3)))
    compiled = jax.jit(run)

    def weigh(**weights):
        with jax.set_mesh(mesh()):
            values = {name: np.float32(weights.get(name, 0.0)) for name in WEIGHTS}
            return jax.device_get(compiled(values, start, batches))

    weigh.nothing = weigh()
    return weigh


def differ(a, b):
    """Whether parameters of G, or of D, are others."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return any(np.abs(x - y).max() > 1e-5 for x, y in pairs)


def assert_finite(*trees):
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(trees) if np.asarray(x).dtype.kind == "f")


def parameters(state):
    return {name: net["params"] for name, net in state.nets.items()}


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_weight_moves_what_it_should(weighed, name):
    nothing, (state, metrics) = parameters(weighed.nothing[0]), weighed(**{name: WEIGHTS[name]})
    assert_finite(state.nets, metrics)
    moved = parameters(state)
    # The heads' own parameters are no sign: they are moved by their own term alone.
    assert differ((moved["g"], moved["d"]), (nothing["g"], nothing["d"]))
    heads = {"heads.auxiliary.real": "classifier", "heads.auxiliary.fake": "classifier"}
    heads |= {"heads.information.categorical": "q", "heads.information.continuous": "q"}
    for net in ("classifier", "q"):
        assert differ(moved[net], nothing[net]) == (heads.get(name) == net)


def test_without_weights_the_game_is_as_without_regularizers(weighed):
    plain = {k: v for k, v in BASE.items() if not k.startswith(("regularizers", "augment"))}
    _, state, metrics, _ = train("gan:ring8", plain, 3, optimised=False)
    for net in ("g", "d"):
        nothing = weighed.nothing[0].nets[net]["params"]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), state.nets[net]["params"], nothing)
    assert set(metrics[0]) < set(weighed.nothing[1])


SWITCHES = {
    "rarely": {"regularizers.penalties.r1": "1.0", "regularizers.penalties.every": "4"},
    "pseudo": {
        "augment.apa.on": "true",
        "augment.apa.target": "-2.0",
        "augment.apa.speed_images": "32",
    },
    "smoothing": {"method.label_smoothing": "0.1"},
    "best": {"top_k.minimum": "0.5", "top_k.steps": "1", "top_k.decay": "0.5"},
    "twice": {"method.g_steps": "2"},
    "clipped": {"clip.bound": "0.05"},
    "features": {"method.adversarial_weight": "0.0", "regularizers.feature_matching.weight": "1.0"},
    "minibatch": {
        "discriminator.minibatch": "discrimination",
        "discriminator.minibatch_kernels": "4",
        "method.joint": "false",
    },
}


@functools.cache
def plain_points():
    return train("gan:ring8", TINY, 3, optimised=False)


SLOW_SWITCHES = ("rarely", "minibatch", "features", "pseudo", "best", "twice")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW_SWITCHES else n for n in SWITCHES]
)
def test_every_switch_changes_the_game(name):
    _, plain, plain_metrics, _ = plain_points()
    _, state, metrics, _ = train("gan:ring8", {**TINY, **SWITCHES[name]}, 3, optimised=False)
    assert_finite(state.nets, metrics)
    found = jax.device_get(parameters(state))
    if name == "minibatch":
        assert found["d"]["head"]["linear"]["kernel"].shape == (16 + 4, 1)
        return
    assert differ(found, jax.device_get(parameters(plain)))
    if name == "rarely":
        # The step that 4 divides had one more update.
        assert int(state.opt["d"][0].count) == 4
    if name == "pseudo":
        assert state.extra["apa"] == 1.0
        assert metrics[-1]["d/real"] != plain_metrics[-1]["d/real"]
    if name == "clipped":
        assert max(np.abs(x).max() for x in jax.tree.leaves(found["d"])) <= np.float32(0.05)
    if name == "twice":
        assert int(state.opt["g"][0].count) == 6


IMAGES = {"generator.ch": "2", "discriminator.ch": "2", "data.batch_size": "8", "generator.z_dim": "4"}
SEEN = {
    "diffaugment": {"augment.diffaugment.policy": "color,translation,cutout"},
    "ada": {
        "augment.ada.pipeline": "color",
        "augment.ada.target": "-2.0",
        "augment.ada.speed_images": "8",
    },
    "scales": {"multi_scale.scales": "2"},
    "dequantised": {"preprocess.dequantize": "true"},
}


def train_images(name, overrides, steps=2):
    config, draw = load(name, overrides.items()), np.random.default_rng(0)
    shape = (config.data.batch_size * config.method.d_steps, *config.data.image_size, config.data.channels)
    batch = {"image": draw.integers(0, 256, shape, np.uint8), "label": draw.integers(0, 10, shape[0], np.int32)}
    experiment = recipes.build(config)
    init_rng, rng = jax.random.split(jax.random.key(0))
    state, where = init_state(experiment, rng=init_rng, mesh=mesh())
    start, metrics = jax.device_get(state), {}
    with jax.set_mesh(mesh()):
        step = compile_step(make_step(experiment.stages[0].method), mesh(), where)
        for _ in range(steps):
            state, metrics = step(state, host_to_global(batch, mesh()), rng)
    state, metrics = jax.device_get((state, metrics))
    assert_finite(state.nets, metrics)
    return start, state, metrics


@pytest.fixture(scope="module")
def plain_images():
    return train_images("dcgan:mnist,smoke", IMAGES)


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.slow
def test_what_d_sees_of_images(plain_images, name):
    _, state, metrics = train_images("dcgan:mnist,smoke", IMAGES | SEEN[name])
    assert differ(state.nets["g"]["params"], plain_images[1].nets["g"]["params"])
    if name == "ada":
        assert state.extra["ada"] == 1.0 and metrics["d/ada_p"] == 1.0
    if name == "scales":
        assert len(state.nets["d"]["params"]) == 2


@pytest.mark.slow
def test_biggan_takes_them_too():
    _, state, metrics = train_images(
        "biggan:digits16,smoke",
        {
            "method.loss": "relativistic",
            "augment.diffaugment.policy": "color",
            "augment.ada.pipeline": "color",
            "augment.ada.target": "-2.0",
            "augment.ada.speed_images": "16",
            "regularizers.penalties.r1": "1.0",
            "heads.auxiliary.real": "1.0",
            "heads.auxiliary.generator": "1.0",
        },
        steps=1,
    )
    assert metrics["d/r1"] > 0 and state.extra["ada"] == 1.0
    assert metrics["d/class_real"] > 0 and metrics["g/class_fake"] > 0
    assert "classifier" in state.nets
