"""Two real processes of four simulated devices each, over loopback, score as one process of eight does."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
import dataclasses, sys
from pathlib import Path
import jax, jax.numpy as jnp, numpy as np
from jaxgan.parallel import initialize, make_mesh

out, cache, port, index = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
if port:
    initialize(coordinator=f"127.0.0.1:{port}", num_processes=2, process_id=index)

from jaxgan.data import in_memory
from jaxgan.data.image_set import ImageSet
from jaxgan.evaluation.collect import FeatureRequest, all_images, collect, images_of_samples
from jaxgan.evaluation.eval_set import eval_set_of
from jaxgan.evaluation.inputs import label_inputs
from jaxgan.evaluation.score import score, reference_statistics
from jaxgan.evaluation.feature_scores import Settings
from jaxgan.features.feature_network import FeatureNetwork


@dataclasses.dataclass(frozen=True)
class Projection:
    def __call__(self, variables, images):
        flat = images.reshape(len(images), -1).astype(jnp.float32) / 255
        hidden = jnp.tanh(jnp.dot(flat, variables, precision="highest"))
        return {"pool": hidden, "spatial": hidden[:, :5] ** 2, "logits": 4 * hidden[:, :7]}


@dataclasses.dataclass(frozen=True)
class NoneOfBlack(Projection):
    def __call__(self, variables, images):
        black = (images == 0).all((1, 2, 3))[:, None]
        return {"pool": jnp.where(black, jnp.nan, super().__call__(variables, images)["pool"])}


@dataclasses.dataclass(frozen=True, eq=False)
class Linear:
    num_classes: int = 3
    conditions: tuple = ("label",)
    latent_shapes: jax.ShapeDtypeStruct = jax.ShapeDtypeStruct((6,), jnp.float32)
    options: dict = dataclasses.field(default_factory=dict)

    def sample(self, nets, batch, rng):
        x = batch["z"] @ nets["g"]["params"]["w"] + jax.nn.one_hot(batch["label"], 3) @ nets["g"]["params"]["table"]
        return {"image": jnp.tanh(x).reshape(-1, 4, 4, 1)}


def set_of(pictures):
    labels = np.arange(len(pictures)) % 3
    return eval_set_of(ImageSet("arrays", "0", "all", "none", in_memory(pictures, labels), True))


draw = np.random.default_rng(0)
network = FeatureNetwork("projection", "0" * 64, "none", jnp.float32(draw.normal(size=(16, 12))), Projection())
pictures, others = (draw.integers(0, 256, (n, 4, 4, 1)).astype(np.uint8) for n in (101, 90))
nets = {"g": {"params": {"w": jnp.float32(draw.normal(size=(6, 16))), "table": jnp.float32(draw.normal(size=(3, 16)))}}}
ours, theirs, mesh = set_of(pictures), set_of(others), make_mesh()
samples = images_of_samples(Linear(), nets, label_inputs(45, 3), rng=jax.random.key(3))
request = FeatureRequest(pool=True, spatial=True, scores=True, features=True, splits=3)
kept = {}
for name, images in (("source", ours.images), ("samples", samples)):
    seen = []
    found = collect(network, images, request, mesh=mesh, batch_size=16, advance=seen.append)
    for part in ("pool", "spatial", "scores"):
        kept |= {f"{name}/{part}/{field}": x for field, x in getattr(found, part)._asdict().items()}
    kept[f"{name}/features"], kept[f"{name}/seen"] = found.features, np.array(seen)
    kept[f"{name}/images"] = all_images(images, mesh=mesh, batch_size=16)

# Each process has a cache of its own, which the first alone fills: they must not part ways.
options = dict(mesh=mesh, batch_size=16, cache=cache)
passes = []
for request in (FeatureRequest(pool=True), FeatureRequest(features=True), FeatureRequest(pool=True, features=True)):
    def advance(what):
        passes.append(what)
        return lambda images: None
    reference_statistics(theirs, network, request, advance=advance, **options)
scores = score(["fd", "kid", "is", "precision", "recall", "intra_fd"], ours, theirs, network=network,
                 settings=Settings(is_splits=3, kid_blocks=5, kid_block_size=40), **options)
kept |= {f"score/{name}": np.array(score.value) for name, score in scores.items()}
kept["passes"] = np.array(len(passes))

# An image of the second process's share.
pictures[61] = 0
try:
    collect(network._replace(apply=NoneOfBlack()), ours.images, FeatureRequest(pool=True), mesh=mesh, batch_size=16)
except ValueError as error:
    kept["error"] = np.array(str(error))
np.savez(out, **kept)
"""


def start(devices, *arguments):
    flags = f"--xla_backend_optimization_level=0 --xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "NPROC": "16"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read(path):
    with np.load(path) as file:
        return dict(file)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_measure_as_one_does(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pair = [start(4, tmp_path / f"{i}.npz", tmp_path / f"cache{i}", port, i) for i in range(2)]
    try:
        logs = [process.communicate(timeout=240)[0] for process in pair]
    finally:
        for process in pair:
            process.kill()
    assert [process.returncode for process in pair] == [0, 0], "\n".join(log[-3000:] for log in logs)
    alone = start(8, tmp_path / "one.npz", tmp_path / "cache", 0, 0)
    log = alone.communicate(timeout=240)[0]
    assert alone.returncode == 0, log[-3000:]

    first, second, one = (read(tmp_path / f"{name}.npz") for name in ("0", "1", "one"))
    assert first.keys() == second.keys() == one.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)
        if name == "passes":
            continue
        if value.dtype.kind in "US" or name.endswith(("/images", "/seen", "/count")):
            np.testing.assert_array_equal(value, one[name], err_msg=name)
        else:
            np.testing.assert_allclose(value, one[name], rtol=1e-6, atol=1e-6, err_msg=name)
    assert len(one["source/features"]) == 101 and one["samples/seen"].tolist() == [16, 16, 13]
    assert "of image 61 are not finite: the weights" in str(one["error"])
    # Alone the cache serves the third time; the second process's folder has nothing, so that both compute each time.
    assert (one["passes"], first["passes"]) == (2, 3)
    assert (tmp_path / "cache0").is_dir() and not (tmp_path / "cache1").exists()
