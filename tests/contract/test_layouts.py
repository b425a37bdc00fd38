"""Every way that a config may lay a step out, held against one device and the whole batch.

The full table is slow; the rows that run always are chosen so that each pair of settings meets at least once.
"""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import recipes
from jaxgan.parallel import ROWS, host_to_global, shardings
from jaxgan.recipes.config_file import load
from jaxgan.recipes.mesh import experiment_mesh
from jaxgan.training.optim import split_update
from jaxgan.training.step import compile_step, make_step

MESHES = {"data": (8, 1, 1), "fsdp": (2, 4, 1), "spatial": (2, 2, 2)}
SETTINGS = {
    "mesh": tuple(MESHES),
    "rules": ("replicated", "fsdp", "zero1"),
    "accumulate": (1, 2),
    "remat": ("none", "blocks", "convs"),
    "groups": (None, 4),
    "dtype": ("float32", "bfloat16"),
}
TABLE = [dict(zip(SETTINGS, row, strict=True)) for row in itertools.product(*SETTINGS.values())]


def pairs(row):
    return set(itertools.combinations(row.items(), 2))


def pairwise(table):
    """Greedily, the fewest rows in which every pair of settings meets."""
    missing, chosen = set().union(*map(pairs, table)), []
    while missing:
        chosen.append(max(table, key=lambda row: len(pairs(row) & missing)))
        missing -= pairs(chosen[-1])
    return chosen


ALWAYS = pairwise(TABLE)


def experiment_of(row):
    """A BigGAN of 16x16 images with attention, a few thousand parameters, and its mesh's config."""
    config = load("biggan_digits16")
    config.data.update(dict(batch_size=16))
    networks = dict(ch=4, attention=(8,), remat=row["remat"], dtype=row["dtype"])
    config.generator.update(dict(**networks, z_dim=6, shared_dim=8, bn_groups=row["groups"]))
    config.discriminator.update(networks)
    config.method.update(dict(accumulate=row["accumulate"], orthogonal_weight=1e-2))
    data, fsdp, spatial = MESHES[row["mesh"]]
    config.parallel.update(dict(data=data, fsdp=fsdp, spatial=spatial, rules=row["rules"]))
    config.evaluation.update(dict(metrics="", tstr=False))
    experiment = recipes.build(config)
    stage = experiment.stages[0]
    # Its moves are proportional to gradients, where Adam's blow rounding up.
    moved = optax.sgd(0.05, momentum=0.9)
    optimizer = split_update(moved, ROWS) if row["rules"] == "zero1" else moved
    method = dataclasses.replace(stage.method, optimizers={"g": optimizer, "d": optimizer})
    return config, experiment._replace(stages=(stage._replace(method=method),))


@functools.cache
def initial():
    """Random weights, small enough for bfloat16 to follow, with attention open."""
    _, experiment = experiment_of(TABLE[0])
    draw = np.random.default_rng(0)

    def fill(path, leaf):
        name = getattr(path[-1], "key", "")
        if path[0].name != "nets" or name in ("mean",):
            return np.zeros(leaf.shape, leaf.dtype)
        if name in ("scale", "var"):
            return np.ones(leaf.shape, leaf.dtype)
        return (draw.normal(size=leaf.shape) * 0.3).astype(leaf.dtype)

    state = jax.tree_util.tree_map_with_path(fill, experiment.shapes())
    return state.replace(ema={name: jax.tree.map(np.copy, state.nets[name]) for name in state.ema})


def run(row, devices):
    config, experiment = experiment_of(row)
    mesh = experiment_mesh(config, devices)
    stage = experiment.stages[0]
    where = shardings(experiment.shapes(), experiment.rules, mesh)
    state = jax.tree.map(lambda x, s: jax.device_put(jnp.array(x, copy=True), s), initial(), where)
    draw = np.random.default_rng(1)
    host = {
        "image": draw.integers(0, 256, stage.batch["image"].shape, np.uint8),
        "label": draw.integers(0, 10, stage.batch["label"].shape, np.int32),
    }
    with jax.set_mesh(mesh):
        step = compile_step(make_step(stage.method, ema=experiment.ema), mesh, where)
        state, metrics = jax.block_until_ready(step(state, host_to_global(host, mesh), jax.random.key(3)))
    return jax.tree.map(np.asarray, (state, metrics)), where


@functools.cache
def alone(groups, dtype):
    """The step on one device, whole and kept: what every layout must equal."""
    row = dict(mesh="data", rules="replicated", accumulate=1, remat="none", groups=groups, dtype=dtype)
    MESHES["data"], kept = (1, 1, 1), MESHES["data"]
    try:
        return run(row, jax.devices()[:1])[0]
    finally:
        MESHES["data"] = kept


def check(row):
    got, where = run(row, None)
    wanted = alone(row["groups"], row["dtype"])
    tolerance = 1e-4 if row["dtype"] == "float32" else 5e-2

    def one(path, x, y):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
        scale = max(1e-2, np.abs(y).max())
        np.testing.assert_allclose(x, y, atol=tolerance * scale, rtol=0, err_msg=f"{name} of {row}")

    jax.tree_util.tree_map_with_path(one, got, wanted)
    assert {x.dtype for x in jax.tree.leaves(got[0].nets["g"]["params"])} == {np.dtype(np.float32)}
    split = {name: [s.spec for s in jax.tree.leaves(getattr(where, name)) if any(s.spec)] for name in ("nets", "opt")}
    ways = MESHES[row["mesh"]]
    assert bool(split["nets"]) == (row["rules"] == "fsdp" and ways[1] > 1)
    assert bool(split["opt"]) == bool(split["nets"]) or row["rules"] == "zero1"


def named(row):
    return "-".join(str(value) for value in row.values())


@pytest.mark.parametrize("row", ALWAYS, ids=named)
def test_a_layout_equals_one_device(row):
    check(row)


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in TABLE if row not in ALWAYS], ids=named)
def test_every_layout_equals_one_device(row):
    check(row)
