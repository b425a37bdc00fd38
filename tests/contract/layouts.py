"""Every way that a config may lay a step out, to be held against one device and the whole batch.

Run as a program it is one of two processes: ``python layouts.py PORT INDEX ROW,ROW,...``.
"""

import dataclasses
import functools
import itertools
import sys

import jax
import numpy as np
import optax

from jaxgan import recipes
from jaxgan.experiment.config_file import load
from jaxgan.experiment.mesh import experiment_mesh
from jaxgan.parallel import ROWS, host_to_global, shardings, to_host
from jaxgan.training.optim import split_update
from jaxgan.training.step import compile_step, make_stage_step

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


def meetings(row, ways):
    return set(itertools.combinations(row.items(), ways))


def covering(table, ways):
    """Greedily, the fewest rows in which every ``ways`` settings meet."""
    missing, chosen = set().union(*(meetings(row, ways) for row in table)), []
    while missing:
        chosen.append(max(table, key=lambda row: len(meetings(row, ways) & missing)))
        missing -= meetings(chosen[-1], ways)
    return chosen


PAIRS = covering(TABLE, 2)


def experiment_of(row):
    """A BigGAN of 16x16 images with attention, a few thousand parameters, and its mesh's config."""
    config = load("biggan:digits16")
    config.data.update(dict(batch_size=16))
    networks = dict(ch=4, attention=(8,), remat=row["remat"], dtype=row["dtype"])
    config.generator.update(dict(**networks, z_dim=6, shared_dim=8, bn_groups=row["groups"]))
    config.discriminator.update(networks)
    config.microbatches.count = row["accumulate"]
    config.orthogonal.weight = 1e-2
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
    state = jax.tree.map(
        lambda x, s: jax.make_array_from_callback(x.shape, s, lambda i: np.array(x[i])), initial(), where
    )
    draw = np.random.default_rng(1)
    host = {
        "image": draw.integers(0, 256, stage.batch["image"].shape, np.uint8),
        "label": draw.integers(0, 10, stage.batch["label"].shape, np.int32),
    }
    if devices is None:  # this process's block of the rows
        share = len(host["label"]) // jax.process_count()
        host = {name: x[jax.process_index() * share :][:share] for name, x in host.items()}
    with jax.set_mesh(mesh):
        step = compile_step(make_stage_step(stage), mesh, where)
        state, metrics = jax.block_until_ready(step(state, host_to_global(host, mesh), jax.random.key(3)))
    return to_host((state, metrics)), where


@functools.cache
def alone(groups, dtype):
    """The step on one device, whole and kept: what every layout must equal."""
    row = dict(mesh="data", rules="replicated", accumulate=1, remat="none", groups=groups, dtype=dtype)
    MESHES["data"], kept = (1, 1, 1), MESHES["data"]
    try:
        return run(row, jax.local_devices()[:1])[0]
    finally:
        MESHES["data"] = kept


def leaves_agree(row, path, x, y):
    name = jax.tree_util.keystr(path, simple=True, separator="/")
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    np.testing.assert_allclose(x, y, atol=1e-4 * max(1e-2, np.abs(y).max()), rtol=0, err_msg=f"{name} of {row}")


def distance(a, b):
    """Of two trees, relative to the second's norm."""

    def norm(tree):
        return np.sqrt(sum(np.square(np.asarray(x, np.float64)).sum() for x in jax.tree.leaves(tree)))

    return norm(jax.tree.map(np.subtract, a, b)) / norm(b)


def check(row):
    got, where = run(row, None)
    wanted = alone(row["groups"], row["dtype"])
    if row["dtype"] == "float32":
        jax.tree_util.tree_map_with_path(functools.partial(leaves_agree, row), got, wanted)
    else:
        # Rounding differs from layout to layout, as it does from float32: by how much says what may be expected.
        single = alone(row["groups"], "float32")
        for player in ("d", "g"):
            apart = distance(got[0].opt[player], wanted[0].opt[player])
            rounding = distance(wanted[0].opt[player], single[0].opt[player])
            assert apart < 2 * rounding, f"gradients of {player}: {apart:.3f} apart, {rounding:.3f} rounding, {row}"
    assert {x.dtype for x in jax.tree.leaves(got[0].nets["g"]["params"])} == {np.dtype(np.float32)}
    split = {name: [s.spec for s in jax.tree.leaves(getattr(where, name)) if any(s.spec)] for name in ("nets", "opt")}
    ways = MESHES[row["mesh"]]
    assert bool(split["nets"]) == (row["rules"] == "fsdp" and ways[1] > 1)
    # Every mesh here splits the batch, and so what ZeRO-1 splits.
    assert bool(split["opt"]) == (row["rules"] == "zero1" or bool(split["nets"]))


def named(row):
    return "-".join(str(value) for value in row.values())


def main(port, index, rows):
    """Process ``index`` of two: checks the rows of the table that are numbered."""
    jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=int(index))
    for number in map(int, rows.split(",")):
        check(TABLE[number])
        print("equal", number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
