"""A run of two stages, as a process that tests kill: WORKDIR, CACHE and STEPS are given as globals."""

import hashlib
import os
import runpy
from pathlib import Path

os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"

import jax
import numpy as np

from jaxgan.parallel import make_mesh
from jaxgan.training.compilation_cache import use_compilation_cache
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions

use_compilation_cache(CACHE)  # noqa: F821
two_stages = runpy.run_path(str(Path(__file__).with_name("two_stages.py")))
experiment = two_stages["experiment"]()
stages = [stage._replace(steps=steps) for stage, steps in zip(experiment.stages, STEPS)]  # noqa: F821
outcome = train(
    experiment._replace(stages=stages),
    workdir=WORKDIR,  # noqa: F821
    config={"seed": 0},
    seed=0,
    mesh=make_mesh(devices=jax.devices()[:1]),
    options=LoopOptions(save_every=1, log_every=1, progress=False),
)
content = hashlib.sha256()
for path, leaf in jax.tree_util.tree_leaves_with_path(outcome.state):
    content.update(jax.tree_util.keystr(path).encode() + np.asarray(leaf).tobytes())
(Path(WORKDIR) / "digest").write_text(content.hexdigest())  # noqa: F821
