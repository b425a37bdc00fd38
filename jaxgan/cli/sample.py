"""``jaxgan sample``."""

import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.cli import arguments as flags
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

_DESCRIPTION = """Draws images from a trained run, over all devices present. --out says what is written: X.npz (images
uint8 [N, H, W, C], labels int32 [N]), X.png (one grid, a row a class), or a folder of PNGs, a sub-folder a class (which
`--config.data.name=folder:DIR` and, put in DIR/train, tfds.ImageFolder read)."""

_EXAMPLES = """  jaxgan sample --workdir=runs/digits --num_images=50000 --out=samples.npz
  jaxgan sample --workdir=runs/digits --num_images=100 --out=grid.png \\
      --truncation=0.5 --truncation_mode=scaled_truncated_normal
  jaxgan sample --workdir=runs/digits --num_images=80 --out=ways.png --interpolate=class"""


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    made = flags.parser("sample", _DESCRIPTION, _EXAMPLES)
    flags.add_restore(made)
    made.add_argument(
        "--num_images", type=int, default=100, help="images in all (default 100), spread evenly over the classes"
    )
    made.add_argument("--out", required=True, help="X.npz, X.png or a folder")
    made.add_argument("--classes", help="only these, by number: 3 or 0,1,7 or 2-5")
    made.add_argument("--truncation", type=float, default=None, help="how much; needs --truncation_mode")
    made.add_argument(
        "--truncation_mode",
        default=None,
        help="scale, truncated_normal, scaled_truncated_normal (the released BigGANs', and the default where "
        "--truncation is given) or clamp",
    )
    made.add_argument(
        "--batch_size", type=int, default=None, help="images a dispatch (default: the config's evaluation.batch_size)"
    )
    made.add_argument(
        "--interpolate", choices=("z", "class"), help="a grid of ways between latents or classes (X.png alone)"
    )
    made.add_argument(
        "--interpolation", choices=("slerp", "lerp"), default="slerp", help="how, between latents (default slerp)"
    )
    made.add_argument("--columns", type=int, default=10, help="of a grid (default 10)")
    flags.add_compilation_cache(made)
    parsed, overrides = flags.parse(made, arguments)
    if overrides:
        raise UserError(f"--config.{overrides[0][0]}: sampling follows the run's own config, which cannot change")
    if parsed.num_images < 1:
        raise UserError(f"--num_images={parsed.num_images}: give at least 1")
    if parsed.truncation_mode not in (None, "none") and parsed.truncation is None:
        raise UserError(f"--truncation_mode={parsed.truncation_mode} needs --truncation=VALUE")

    import jax

    from jaxgan.cli.run import open_run
    from jaxgan.evaluation import Truncation, balanced_labels, interpolation_grid, sample_batches, tile
    from jaxgan.evaluation.sampling import check_truncation
    from jaxgan.experiment.scores import prepared_nets
    from jaxgan.training.compilation_cache import use_compilation_cache

    use_compilation_cache(parsed.compilation_cache)

    truncation = Truncation()
    if parsed.truncation is not None:
        truncation = Truncation(parsed.truncation_mode or "scaled_truncated_normal", parsed.truncation)
        check_truncation(truncation)
    out = Path(os.path.expanduser(parsed.out))
    opened = open_run(parsed.workdir, step=parsed.step, raw=parsed.raw)
    classes = _classes(parsed.classes, opened.method.num_classes)
    if out.suffix not in (".npz", ".png") and out.suffix:
        raise UserError(f"--out={parsed.out}: give a name ending in .npz or .png, or a folder")
    evaluation, mesh = opened.config.evaluation, opened.mesh
    nets = prepared_nets(
        opened.method, opened.nets, evaluation, seed=opened.config.seed + 1, mesh=mesh, truncation=truncation
    )
    rng = jax.random.key(parsed.seed)
    if out.suffix == ".png" and parsed.num_images % parsed.columns:
        raise UserError(f"--num_images={parsed.num_images} must be a multiple of --columns={parsed.columns} for a grid")
    if parsed.interpolate:
        if opened.config.data.name.startswith("toy:"):
            raise UserError(f"--interpolate draws images; the run in {parsed.workdir} draws points: leave it out")
        if out.suffix != ".png":
            raise UserError(f"--interpolate writes a grid: --out={parsed.out} must end in .png")
        rows = parsed.num_images // parsed.columns
        grid = interpolation_grid(
            opened.method,
            nets,
            over=parsed.interpolate,
            rows=rows,
            columns=parsed.columns,
            classes=classes,
            rng=rng,
            mesh=mesh,
            kind=parsed.interpolation,
        )
        _save_png(out, grid)
        print(out)
        return 0
    if out.suffix == ".png":
        rows = parsed.num_images // parsed.columns
        labels = np.repeat(np.resize(np.asarray(classes, np.int32), rows), parsed.columns)
    else:
        labels = balanced_labels(parsed.num_images, classes)
    if opened.config.data.name.startswith("toy:"):
        return _points(opened, nets, labels, out, rng=rng, truncation=truncation)
    size = parsed.batch_size or evaluation.batch_size
    options: dict[str, Any] = dict(rng=rng, mesh=mesh, batch_size=size, truncation=truncation)
    next(sample_batches(opened.method, nets, labels[:1], **options))
    began = time.monotonic()
    batches = _timed(sample_batches(opened.method, nets, labels, **options))
    if out.suffix == ".npz":
        out.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(out, images=np.concatenate(list(batches)), labels=labels)
    elif out.suffix == ".png":
        _save_png(out, tile(np.concatenate(list(batches)), parsed.columns))
    else:
        _save_folder(out, batches, labels)
    seconds = time.monotonic() - began
    log.info(
        "%d images in %.2f s, written: %.1f images/s (first compilation apart)",
        len(labels),
        seconds,
        len(labels) / seconds,
    )
    print(out)
    return 0


def _points(opened: Any, nets: Any, labels: np.ndarray, out: Path, **options: Any) -> int:
    """Writes points [N, 2], or a picture of them over the density that they should have."""
    from jaxgan.data import toy_mixture
    from jaxgan.evaluation.point_plot import density_plot
    from jaxgan.evaluation.points import sample_points

    if out.suffix not in (".npz", ".png"):
        raise UserError(f"--out={out}: this run draws points; give a name ending in .npz or .png")
    points = sample_points(opened.method, nets, labels, mesh=opened.mesh, **options)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".npz":
        np.savez_compressed(out, points=points, labels=labels)
    else:
        _save_png(out, density_plot(points, toy_mixture(opened.config.data.name.removeprefix("toy:"))))
    print(out)
    return 0


def _timed(batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Passes batches on, and logs how fast they were drawn."""
    seconds, images = 0.0, 0
    while True:
        began = time.monotonic()
        batch = next(batches, None)
        seconds += time.monotonic() - began
        if batch is None:
            break
        images += len(batch)
        yield batch
    print(f"drawn at {images / max(seconds, 1e-9):.1f} images/s", file=sys.stderr)


def _classes(text: str | None, num_classes: int) -> list[int]:
    """The classes that ``text`` names: '3', '0,1,7' or '2-5'."""
    everything = list(range(max(num_classes, 1)))
    if text is None:
        return everything
    chosen: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            chosen += range(int(first), int(last or first) + 1)
    except ValueError:
        raise UserError(f"--classes={text}: give numbers, such as 3 or 0,1,7 or 2-5") from None
    wrong = [c for c in chosen if c not in everything]
    if wrong or not chosen:
        raise UserError(f"--classes={text}: the classes are 0 to {everything[-1]}")
    return chosen


def _save_png(path: Path, image: np.ndarray) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)


def _save_folder(out: Path, batches: Iterator[np.ndarray], labels: np.ndarray) -> None:
    number = 0
    width = max(3, len(str(int(labels.max()))))
    for batch in batches:
        for image in batch:
            _save_png(out / f"{labels[number]:0{width}d}" / f"{number:06d}.png", image)
            number += 1
