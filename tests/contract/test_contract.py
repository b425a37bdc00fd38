"""The promises of every experiment, held against the smoke form of every config's every variant; of equal forms once.
A row is of the last stage, which moves all; earlier stages of a config's first variant have rows of their own.

A new variant is a new row by being in ``VARIANTS`` of a file in configs/. Programs are compiled twice a
row, once for one device and once for a (data=2, fsdp=4) mesh, and shared by its checks.
"""

import functools
import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import recipes
from jaxgan.cli.list import config_records
from jaxgan.evaluation import SampleInputs, label_inputs, sample_images
from jaxgan.evaluation.points import sample_points
from jaxgan.experiment.config_file import load
from jaxgan.methods.contrastive import Contrastive
from jaxgan.methods.imle import IMLE
from jaxgan.parallel import FSDP, REPLICATED, host_to_global, make_mesh, shardings
from jaxgan.training import microbatches, update
from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.method import Method
from jaxgan.training.step import compile_step, make_refresh, make_stage_step
from jaxgan.training.update import apply_gradients


def distinct_rows():
    """Every variant, except those whose smoke form is another's."""
    found = {}
    for record in config_records():
        for variant in record["variants"]:
            name = f"{record['config']}:{variant['name']}"
            found.setdefault(load(f"{name},smoke").to_json(), name)
    return list(found.values())


def earlier_stages(names):
    """'variant@stage' of the first variant of each config whose experiment has stages before its last one."""
    firsts = {name.partition(":")[0]: name for name in reversed(names)}.values()
    return [f"{name}@{stage.name}" for name in firsts for stage in recipes.build(load(f"{name},smoke")).stages[:-1]]


ROWS = distinct_rows()
# The first variant of each recipe.
FIRST = {name.partition(":")[0]: name for name in reversed(ROWS)}.values()
SEEDED = jax.random.key(7)
EQUALIZED = ("progan", "stylegan", "stylegan2")


class Small(NamedTuple):
    """A variant's smoke form, run for two steps on one device."""

    config: object
    experiment: object
    stage: object
    mesh: object
    step: object
    initial: object  # on the host, for donation eats states
    states: list  # after one and two steps, on the host
    metrics: list
    batches: list
    flops: float


def host(tree):
    return jax.tree.map(np.array, tree)


def filled(shapes, *, equalized=False):
    """A state as a method makes it, by numpy: compiling sixty orthogonal decompositions takes longer than all the
    rest. Kernels of an equalised rate are N(0, 1), others are divided by the root of their inputs.
    """
    rng = np.random.default_rng(0)

    def fill(path, leaf):
        name = path[-1].key if hasattr(path[-1], "key") else path[-1].name if hasattr(path[-1], "name") else ""
        root = path[0].name
        if root in ("nets", "frozen") and (name in ("kernel", "embedding", "u") or leaf.ndim > 1):
            rows = leaf.shape[-1] if leaf.ndim > 1 else 1
            values = rng.standard_normal(leaf.shape) / (1 if equalized else np.sqrt(leaf.size / rows))
        else:
            values = np.full(leaf.shape, root in ("nets", "frozen") and name in ("scale", "var"))
        return values.astype(leaf.dtype)

    state = jax.tree_util.tree_map_with_path(fill, shapes)
    return state.replace(ema={name: jax.tree.map(np.copy, state.nets[name]) for name in state.ema})


def place(tree, where):
    return jax.tree.map(lambda x, s: jax.device_put(jnp.array(x, copy=True), s), tree, where)


@functools.lru_cache(maxsize=1)
def small(name: str) -> Small:
    name, _, part = name.partition("@")
    config = load(f"{name},smoke")
    for optimizer in config.optimizer.values():
        if optimizer.kind == "rmsprop":
            # Moves in proportion to gradients: with the papers' 1e-8 outside of the root a gradient that is nothing but
            # rounding moves its weight as far as any other, and no two layouts agree after two updates of D.
            optimizer.eps = 1e-2
    experiment = recipes.build(config)
    stage = experiment.stage_named(part or experiment.stages[-1].name)
    mesh = make_mesh(devices=jax.devices()[:1])
    shapes = experiment.shapes()
    where = shardings(shapes, experiment.rules, mesh)
    initial = filled(shapes, equalized=config.get("networks") in EQUALIZED)
    state = place(initial, where)
    step = compile_step(make_stage_step(stage), mesh, where)
    if stage.method.refresh_due is not None:
        refresh = compile_step(make_refresh(stage.method), mesh, where)
        with jax.set_mesh(mesh):
            for _ in range(stage.method.refresh_due.blocks):
                state, _ = refresh(state, {}, SEEDED)
        initial = host(state)
    data = stage.data(0)
    batches = [next(data) for _ in range(2)]
    states, metrics = [], []
    with jax.set_mesh(mesh):
        flops = step.lower(state, host_to_global(batches[0], mesh), SEEDED).cost_analysis()["flops"]
        for batch in batches:
            state, measured = jax.block_until_ready(step(state, host_to_global(batch, mesh), SEEDED))
            states.append(host(state))
            metrics.append(host(measured))
    return Small(config, experiment, stage, mesh, step, initial, states, metrics, batches, flops)


def leaves(tree):
    return {
        jax.tree_util.keystr(p, simple=True, separator="/"): x for p, x in jax.tree_util.tree_leaves_with_path(tree)
    }


# A row of each game that compiles in half a minute; the others are slow, and so are the games of CycleGAN, VQGAN, dVAE,
# CLIP, transformers and priors. Convolutions, attention and spectral normalisation over eight devices are in
# test_layouts.
ALWAYS = ("gan:grid25", "lapgan:grid25", "vae:cifar10", "pixelcnn:cifar10", "vqvae:cifar10", "imle:mnist")

# The loop over rows is outermost, so that each row's programs are compiled once.
pytestmark = pytest.mark.parametrize(
    "name",
    [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.slow) for n in (*ROWS, *earlier_stages(ROWS))],
    scope="module",
)


def test_two_steps_are_finite_and_move_every_player(name):
    run = small(name)
    for metrics in run.metrics:
        assert all(np.isfinite(v) for v in metrics.values()), metrics
    players = run.stage.method.players
    assert {f"{player}/{name}" for player in players for name in ("loss", "grad_norm")} <= set(run.metrics[0])
    assert run.states[-1].step == 2
    for player, nets in run.stage.method.players.items():
        for net in nets:
            before, after = leaves(run.initial.nets[net]["params"]), leaves(run.states[-1].nets[net]["params"])
            still = [k for k in before if np.array_equal(before[k], after[k])]
            # Behind attention's gamma, which starts at 0, nothing moves in the first step; of an earlier stage those
            # layers stand still that are another stage's.
            assert len(still) < (len(before) if "@" in name else len(before) / 2), (player, still)


def test_each_update_moves_only_its_player_s_nets(name, monkeypatch):
    run = small(name)
    method = run.stage.method
    updated = []

    def watched(method, state, player, *rest):
        new = apply_gradients(method, state, player, *rest)
        for net, variables in state.nets.items():
            pairs = zip(jax.tree.leaves(variables["params"]), jax.tree.leaves(new.state.nets[net]["params"]))
            # While tracing, a parameter that was not touched is the same tracer.
            assert all((a is b) == (net not in method.players[player]) for a, b in pairs), (player, net)
        updated.append(player)
        return new

    for module in (update, microbatches):
        monkeypatch.setattr(module, "apply_gradients", watched)
    jax.eval_shape(method.step, run.experiment.shapes(), run.stage.batch, SEEDED)
    # A level of a pyramid has players of its own names.
    assert {player.split("_")[0] for player in method.players} == set(updated)
    assert len(updated) >= len(method.players)


def test_no_recompilation_after_the_first_step(name, compilations):
    run = small(name)
    state = place(run.initial, shardings(run.initial, run.experiment.rules, run.mesh))
    batches = [host_to_global(batch, run.mesh) for batch in run.batches]
    with jax.set_mesh(run.mesh):
        # Compiled anew where tests of other modules came between, and programs were forgotten.
        state, _ = run.step(state, batches[0], SEEDED)
        with compilations() as programs:
            for batch in batches:
                state, _ = run.step(state, batch, SEEDED)
    assert not programs


def test_save_and_restore_continue_bit_for_bit(name, tmp_path):
    run = small(name)
    where = shardings(run.initial, run.experiment.rules, run.mesh)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(place(run.states[0], where), {"seed": 0})
    checkpoints.wait()
    restored, meta = checkpoints.restore(place(run.initial, where))
    checkpoints.close()
    assert meta["seed"] == 0
    with jax.set_mesh(run.mesh):
        state, _ = run.step(restored, host_to_global(run.batches[1], run.mesh), SEEDED)
    state = host(state)
    wanted = leaves(run.states[1])
    assert all(np.array_equal(x, wanted[k]) for k, x in leaves(state).items())


def test_eight_devices_equal_one_and_share_the_work(name):
    run = small(name)
    stage = run.stage
    mesh = make_mesh(data=2, fsdp=4)
    where = shardings(run.initial, FSDP, mesh)
    assert any("fsdp" in s.spec for s in jax.tree.leaves(where)), "no leaf is split over fsdp"
    step = compile_step(make_stage_step(stage), mesh, where)
    state, batch = place(run.initial, where), host_to_global(run.batches[0], mesh)
    with jax.set_mesh(mesh):
        compiled = step.compile(state, batch, SEEDED)
        state, metrics = jax.block_until_ready(compiled(state, batch, SEEDED))
    state, metrics = host(state), host(metrics)

    for key, value in metrics.items():
        np.testing.assert_allclose(value, run.metrics[0][key], rtol=1e-4, atol=1e-5, err_msg=key)
    # Statistics and first moments (gradients) agree; so do weights, but where a gradient is nothing but rounding, such
    # as that of a bias before a norm: Adam blows those up to whole updates.
    got, wanted = leaves(state), leaves(run.states[0])
    assert got.keys() == wanted.keys()
    for player in stage.method.players:
        # RMSProp has second moments alone.
        states = {k: v for k, v in wanted.items() if k.startswith(f"opt/{player}/")}
        kind = next(kind for kind in ("/mu/", "/trace/", "/nu/") if any(kind in key for key in states))
        moments = {k: v for k, v in states.items() if kind in k}
        scale = max(np.abs(v).max() for v in moments.values())
        for key, moment in moments.items():
            np.testing.assert_allclose(got[key], moment, atol=2e-5 * max(1.0, scale), rtol=1e-3, err_msg=key)
            net, _, parameter = key.split(kind)[1].partition("/")
            # A level of a pyramid calls its nets g and d.
            weight = f"nets/{net if net in run.initial.nets else player}/params/{parameter}"
            felt = np.abs(moment) > 1e-3 * scale
            np.testing.assert_allclose(got[weight][felt], wanted[weight][felt], atol=1e-5, rtol=1e-5, err_msg=weight)
    for key in wanted:
        if "/batch_stats/" in key or "/spectral/" in key:
            np.testing.assert_allclose(got[key], wanted[key], atol=1e-5, rtol=1e-4, err_msg=key)

    flops = compiled.function.cost_analysis()["flops"]
    assert flops < run.flops / 4, f"{flops:.3g} FLOP a device of {run.flops:.3g}"

    weights = {tuple(x.shape) for x in jax.tree.leaves((run.initial.nets, run.initial.frozen))}
    for kind, shapes in collectives(compiled):
        if may_cross(run, shapes, 1):
            continue
        assert kind == "all-gather", f"{kind} of {shapes}"
        assert shapes <= weights, f"an all-gather of {shapes - weights}, no weight's shape"


def collectives(compiled):
    """(kind, shapes of its results) of every collective of a compiled step that moves arrays without summing them."""
    pattern = r"= (.*?) (all-gather|all-to-all|collective-permute)(?:-start)?\("
    for results, kind in re.findall(pattern, compiled.function.as_text()):
        yield kind, {tuple(map(int, filter(None, s.split(",")))) for s in re.findall(r"\w+\[([\d,]*)\]", results)}


def may_cross(run, shapes, times):
    """Whether the method itself has to exchange arrays of these shapes: a direction for each image, or caption, of the
    whole batch; the latents of a batch's examples, which lie where their rows are kept.
    """
    method, rows = run.stage.method, times * run.config.data.batch_size
    if isinstance(method, Contrastive):
        return shapes == {(rows, run.config.image_encoder.dim)}
    if isinstance(method, IMLE):
        return all(np.prod(shape) <= rows * run.config.generator.z_dim for shape in shapes)
    return False


def data_parallel_flops(run, devices, *, times=1):
    """Compiled FLOP of a step on each of some devices, the batch so many times as large."""
    mesh = make_mesh(devices=jax.devices()[:devices])
    where = shardings(run.initial, REPLICATED, mesh)
    step = compile_step(make_stage_step(run.stage), mesh, where)
    batch = jax.tree.map(lambda x: jax.ShapeDtypeStruct((times * x.shape[0], *x.shape[1:]), x.dtype), run.batches[0])
    with jax.set_mesh(mesh):
        compiled = step.compile(run.experiment.shapes(), batch, SEEDED)
    found = [kind for kind, shapes in collectives(compiled) if not may_cross(run, shapes, times)]
    assert not found, f"on {devices} devices: {list(collectives(compiled))}"
    return compiled.function.cost_analysis()["flops"]


def test_data_parallel_work_falls_with_the_devices_and_only_sums_cross_them(name):
    if name not in FIRST:
        pytest.skip("four programs to compile: of each recipe's first variant alone")
    run = small(name)
    flops = {devices: data_parallel_flops(run, devices) for devices in (2, 8)}
    # A quarter, except for the optimizers and the weights' own terms, which every device has whole.
    if flops[8] < 0.4 * flops[2]:
        return
    # Where those outweigh a small batch, what comes with more examples is shared all the same.
    more = {devices: data_parallel_flops(run, devices, times=2) - flops[devices] for devices in (2, 8)}
    assert 0 < more[8] < 0.3 * more[2], (flops, more)


def inputs_of(run, count):
    """Labels, or the method's conditions in the first batch, or in the examples that scores read; of two domains the
    first one's.
    """
    method, batch = run.stage.method, run.batches[0]
    if run.stage.examples is not None:
        batch = run.stage.examples(run.config.data.split).fetch(np.arange(count))
    if set(method.conditions) <= {"label"}:
        return label_inputs(count, method.num_classes)
    given = {name: batch.get(name, batch.get(f"{name}_A")) for name in method.conditions}
    return SampleInputs(count, lambda indices: {name: values[indices] for name, values in given.items()})


def test_samples_have_the_data_s_shape(name):
    run = small(name)
    method = run.stage.method
    if type(method).sample is Method.sample:
        pytest.skip("draws nothing")
    where = shardings(run.states[1], run.experiment.rules, run.mesh)
    state = place(run.states[1], where)
    nets = run.experiment.nets_to_score(state, run.stage)
    draw = sample_points if run.config.data.name.startswith("toy:") else sample_images
    drawn = dict(rng=SEEDED, mesh=run.mesh, batch_size=8, step=int(run.states[1].step))
    images = draw(method, nets, inputs_of(run, 5), **drawn)
    target = getattr(method, "target", None)
    if target is None and "@" in name:
        # Its own side.
        target = "image"
    shape = (
        (*run.config.data.image_size, run.config.data.channels) if target is None else run.batches[0][target].shape[1:]
    )
    assert images.shape == (5, *shape)
    assert images.dtype == (np.float32 if draw is sample_points else np.uint8)
    # A dVAE's decoder begins with one grey, or two: its branches are divided by the square of their count.
    assert images.std() > 0 or run.config.recipe == "dvae"
