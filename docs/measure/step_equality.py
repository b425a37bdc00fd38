"""Hold a training step to that of an earlier revision, bit for bit: every recipe's tiny form, and settings of the game.

Usage:

    git worktree add /tmp/base a11bd3f
    python docs/measure/step_equality.py --base=/tmp/base [--devices=1,8] [--only=NUMBER,...]

Each revision runs in processes of its own, on one device and on a simulated mesh of eight (data=2, fsdp=4, parameters
split). Every leaf of the state is filled by numpy from its path, under its present name; what is compared is the whole
state after a step, and the metrics that both log.
"""

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

# (recipe:variant of today, its name then, settings by their names then)
_RECIPES = (
    "biggan:digits16", "biggan:cifar10", "biggan_deep:imagenet128", "gan:grid25", "dcgan:mnist", "lapgan:mnist",
    "cgan:grid25", "acgan:grid25", "lsgan:grid25", "wgan:grid25", "wgan_gp:grid25", "fgan:grid25", "sngan:cifar10",
    "sagan:mnist", "infogan:mnist", "msgan:mnist", "r3gan:grid25",
)  # fmt: skip
_MANY = {
    "method.loss": "relativistic",
    "stabilisers.diffaugment.policy": "color,translation",
    "stabilisers.ada.pipeline": "color",
    "stabilisers.lecam.weight": "0.3",
    "stabilisers.penalties.r1": "1.0",
    "stabilisers.auxiliary.real": "1.0",
    "stabilisers.auxiliary.generator": "1.0",
}
_LAZY = {
    "stabilisers.penalties.r1": "1.0",
    "stabilisers.penalties.every": "2",
    "method.top_k_minimum": "0.5",
    "method.top_k_steps": "1",
    "method.top_k_decay": "0.5",
    "method.g_steps": "2",
}
_TERMS = {
    "stabilisers.apa.on": "true",
    "stabilisers.apa.target": "-2.0",
    "stabilisers.apa.speed_images": "32",
    "method.adversarial_weight": "0.0",
    "stabilisers.feature_matching.weight": "1.0",
    "stabilisers.historical.g": "1.0",
    "stabilisers.consistency.bcr_real": "1.0",
    "stabilisers.consistency.zcr_d": "1.0",
    "stabilisers.consistency.zcr_g": "0.5",
    "stabilisers.instance_noise.sigma": "0.1",
}
CASES: tuple[tuple[str, dict[str, str]], ...] = (
    *((name, {}) for name in _RECIPES),
    ("biggan:digits16", {"method.orthogonal_weight": "0.1", "method.accumulate": "2"}),
    ("biggan:digits16", {"method.accumulate": "2"}),
    ("biggan:digits16", {"method.noise_scale": "true", "method.accumulate": "2"}),
    ("biggan:digits16", _MANY),
    ("gan:ring8", _LAZY),
    ("wgan:ring8", {}),
    ("sngan:grid25", {"method.dequantize": "true"}),
    ("gan:ring8", _TERMS),
)

_WGAN = {
    f"optimizer.{player}.{key}": value
    for player in "gd"
    for key, value in (("eps_in_sqrt", "true"), ("learning_rate", "1e-3"))
}
# Recipes that were changed on purpose since, with the settings that are theirs of then.
_THEN: dict[str, dict[str, str]] = {
    "wgan:grid25": _WGAN,
    "wgan:ring8": _WGAN,
    "r3gan:grid25": {"latents.from_data": "false"},
}

# Keys that have moved: by their whole name, or by the section's.
_KEYS = {
    "method.labels_from": "latents.from_data",
    "method.accumulate": "microbatches.count",
    "method.noise_scale": "microbatches.noise_scale",
    "method.dequantize": "preprocess.dequantize",
    "method.orthogonal_weight": "orthogonal.weight",
    "method.top_k_minimum": "top_k.minimum",
    "method.top_k_steps": "top_k.steps",
    "method.top_k_decay": "top_k.decay",
}
_SECTIONS = {
    **dict.fromkeys(("apa", "diffaugment", "ada", "instance_noise"), "augment"),
    **dict.fromkeys(("auxiliary", "information"), "heads"),
}
_LAYERS = {"seed": "project", "norm_seed": "norm_project"}


def present_key(key: str) -> str:
    """A setting's name today."""
    if key.startswith("stabilisers."):
        _, name, rest = key.split(".")
        return f"{_SECTIONS.get(name, 'regularizers')}.{name}.{rest}"
    return _KEYS.get(key, key)


def present_path(path: str) -> str:
    """A leaf's path today."""
    return "/".join(_LAYERS.get(part, part) for part in path.split("/"))


def run_case(name: str, settings: dict[str, str], devices: int, then: bool) -> dict[str, object]:
    """The state and metrics after one step, by path."""
    import jax
    import numpy as np

    from jaxgan import recipes
    from jaxgan.parallel import FSDP, host_to_global, make_mesh, shardings
    from jaxgan.training.step import compile_step, make_step

    if then:
        from jaxgan.recipes.config_file import load

        config = load(f"{name.replace(':', '_')}:smoke", settings.items())
    else:
        from jaxgan.experiment.config_file import load

        today = {present_key(k): v for k, v in settings.items()}
        config = load(f"{name},smoke", list((_THEN.get(name, {}) | today).items()))
    experiment = recipes.build(config)
    stage = experiment.stages[0]

    def fill(path: tuple[object, ...], leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        where = present_path(jax.tree_util.keystr(path, simple=True, separator="/"))
        draw = np.random.default_rng(zlib.crc32(where.removeprefix("ema/").removeprefix("nets/").encode()))
        last = where.rsplit("/", 1)[-1]
        if not where.startswith(("nets/", "ema/")) or last == "mean":
            return np.zeros(leaf.shape, leaf.dtype)
        if last in ("scale", "var"):
            return np.ones(leaf.shape, leaf.dtype)
        return (0.3 * draw.normal(size=leaf.shape)).astype(leaf.dtype)

    shapes = experiment.shapes()
    mesh = make_mesh(devices=jax.devices()[:1]) if devices == 1 else make_mesh(data=2, fsdp=4)
    where = shardings(shapes, experiment.rules if devices == 1 else FSDP, mesh)
    state = jax.tree.map(jax.device_put, jax.tree_util.tree_map_with_path(fill, shapes), where)
    draw = np.random.default_rng(1)
    batch = {}
    for field, spec in sorted(stage.batch.items()):
        if field == "label":
            batch[field] = draw.integers(0, max(1, stage.method.num_classes), spec.shape).astype(spec.dtype)
        elif np.issubdtype(spec.dtype, np.integer):
            batch[field] = draw.integers(0, 256, spec.shape).astype(spec.dtype)
        else:
            batch[field] = draw.normal(size=spec.shape).astype(spec.dtype)
    ema = experiment.ema if then else stage.ema  # type: ignore[attr-defined]
    step = compile_step(make_step(stage.method, ema=ema), mesh, where)
    with jax.set_mesh(mesh):
        state, metrics = step(state, host_to_global(batch, mesh), jax.random.key(1))
    found = {present_path(jax.tree_util.keystr(p, simple=True, separator="/")): np.asarray(x)
             for p, x in jax.tree_util.tree_leaves_with_path(state)}  # fmt: skip
    return found | {f"metrics/{name}": np.asarray(x) for name, x in metrics.items()}


def child(out: str, numbers: list[int], devices: int, then: bool) -> None:
    """Runs cases in this process's revision."""
    for number in numbers:
        result = run_case(*CASES[number], devices, then)
        Path(out, f"{number}.pickle").write_bytes(pickle.dumps(result))


def compare(now: dict[str, object], then: dict[str, object]) -> tuple[int, list[str], float]:
    """Leaves compared, those that differ or are missing today, and the largest difference."""
    import numpy as np

    unlike, worst = [], 0.0
    for name, old in then.items():
        new = now.get(name)
        if new is None:
            unlike.append(f"{name} (gone)")
        elif not np.array_equal(new, old, equal_nan=True):  # type: ignore[arg-type]
            unlike.append(name)
            worst = max(worst, float(np.nanmax(np.abs(np.asarray(new, np.float64) - np.asarray(old, np.float64)))))  # type: ignore[arg-type]
    return len(then), unlike, worst


def main() -> None:
    """Prints a line for each case and number of devices."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--base", help="a checkout of the earlier revision")
    made.add_argument("--devices", default="1,8")
    made.add_argument("--only", help="numbers of cases")
    made.add_argument("--child", help=argparse.SUPPRESS)
    made.add_argument("--then", action="store_true", help=argparse.SUPPRESS)
    parsed = made.parse_args()
    numbers = [int(n) for n in parsed.only.split(",")] if parsed.only else list(range(len(CASES)))
    if parsed.child:
        child(parsed.child, numbers, int(parsed.devices), parsed.then)
        return
    here, failed = Path(__file__).resolve().parents[2], False
    flags = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
    for devices in parsed.devices.split(","):
        with tempfile.TemporaryDirectory() as folder:
            for root in (parsed.base, here):
                out = Path(folder, "then" if root == parsed.base else "now")
                out.mkdir()
                environment = os.environ | {
                    "PYTHONPATH": str(root), "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "NPROC": "16",
                }  # fmt: skip
                command = [sys.executable, __file__, f"--child={out}", f"--devices={devices}"]
                command += [f"--only={','.join(map(str, numbers))}", *(["--then"] if root == parsed.base else [])]
                subprocess.run(command, check=True, env=environment, cwd=root)
            for number in numbers:
                now, then = (pickle.loads(Path(folder, w, f"{number}.pickle").read_bytes()) for w in ("now", "then"))
                count, unlike, worst = compare(now, then)
                failed |= bool(unlike)
                verdict = "equal" if not unlike else f"{len(unlike)} differ by up to {worst:.3g}: {unlike[:4]}"
                settings = " ".join(f"{k}={v}" for k, v in CASES[number][1].items())
                print(
                    f"{number:2d} {CASES[number][0]:24} devices {devices}: {count} leaves, {verdict}  {settings}",
                    flush=True,
                )
    sys.exit(failed)


if __name__ == "__main__":
    main()
