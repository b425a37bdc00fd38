"""``jaxgan sample``: draw images from a trained run."""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.cli import arguments as flags
from jaxgan.data.printable import printable
from jaxgan.experiment.key import MOST_IMAGES
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

_DESCRIPTION = """Draws images from a trained run, over all devices present. --out says what is written: X.npz (images
uint8 [N, H, W, C], labels int32 [N]), X.png (one grid, a row a class), or a folder of PNGs, a sub-folder a class (which
`--config.data.name=folder:DIR` and, put in DIR/train, tfds.ImageFolder read).

With --inputs a sample is drawn for each input, and called as it: for the pictures of a folder, of any size that the
network takes, or for the examples of a data set's split, whose labels, images or maps the run draws for. X.png then has
a row an input: the input, the output and, where the set has it, the target."""

_EXAMPLES = """  jaxgan sample --workdir=runs/digits --num_images=50000 --out=samples.npz
  jaxgan sample --workdir=runs/digits --num_images=100 --out=grid.png \\
      --truncation=0.5 --truncation_mode=scaled_truncated_normal
  jaxgan sample --workdir=runs/digits --num_images=80 --out=ways.png --interpolate=class
  jaxgan sample --workdir=runs/faces --set psi=0.7 --num_images=100 --out=grid.png
  jaxgan sample --workdir=runs/faces --set noise=const --num_images=24 --columns=6 --out=table.png --mix=coarse
  jaxgan sample --workdir=runs/maps --inputs=photos/ --out=maps/
  jaxgan sample --workdir=runs/maps --inputs=pairs:maps:test --out=rows.png --panels=label_map,image,target"""


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    parsed = _parse(arguments)

    import jax

    from jaxgan.cli.run import open_run
    from jaxgan.experiment.drawn_for import STANDING_SEED, draws_for_labels, prepared_nets
    from jaxgan.training.compilation_cache import use_compilation_cache
    from jaxgan.training.conv_choices import conv_choices

    use_compilation_cache(parsed.compilation_cache)
    out = Path(parsed.out)
    _check_out(out)
    opened = open_run(parsed.workdir, step=parsed.step, raw=parsed.raw, dtype=parsed.dtype)
    method, mesh, evaluation = opened.method, opened.mesh, opened.config.evaluation
    options = flags.sampling_options(method, parsed)
    labeled = draws_for_labels(method)
    if not labeled and not parsed.inputs and not parsed.caption:
        if opened.stage.texts is not None:
            raise UserError("this run draws for captions: give --caption=TEXT, or --inputs=SET:SPLIT")
        wanted = " and ".join(method.conditions)
        raise UserError(f"this run draws for {wanted}: give --inputs=DIR, a folder of pictures, or --inputs=SET:SPLIT")
    of_pictures = labeled and "image" in method.optional_conditions
    if parsed.inputs and not method.conditions and not of_pictures:
        raise UserError("this run draws for nothing: it takes no --inputs; --num_images says how many")
    drawing: dict[str, Any] = dict(
        rng=jax.random.key(parsed.seed),
        mesh=mesh,
        batch_size=parsed.batch_size or evaluation.batch_size,
        options=options,
        step=opened.step,
    )

    def ready(inputs: Any = None) -> Any:
        if inputs is None and not labeled:
            return opened.nets
        return prepared_nets(
            method,
            opened.nets,
            evaluation,
            seed=opened.config.seed + STANDING_SEED,
            mesh=mesh,
            options=options,
            step=opened.step,
            inputs=inputs,
        )

    chosen = {"forms": conv_choices(parsed.convolutions, mesh=mesh, seconds=5.0)}
    if parsed.caption or (parsed.inputs and (of_pictures or not labeled)):
        from jaxgan.cli import sample_inputs

        return sample_inputs.draw(opened, parsed, out, drawing | chosen, ready)
    return _draw_for_labels(opened, parsed, out, drawing, ready(), chosen)


def _check_out(out: Path) -> None:
    """Refuses a place that cannot be written, and a folder with something in it: two draws would mix."""
    name = printable(str(out))
    if out.suffix not in (".npz", ".png", ""):
        raise UserError(f"--out={name}: give a name ending in .npz or .png, or a folder")
    if out.suffix and out.is_dir():
        raise UserError(f"--out={name} is a folder; give a file's name, or a folder's without {out.suffix}")
    if not out.suffix and out.exists():
        if not out.is_dir():
            raise UserError(f"--out={name} is a file; give a folder, or a name ending in .npz or .png")
        if (there := next(out.iterdir(), None)) is not None:
            raise UserError(
                f"--out={name} is not empty, it holds {printable(there.name)}, and two draws would mix; choose a new "
                "folder, or empty it"
            )


def _parse(arguments: Sequence[str]) -> Any:
    made = flags.parser("sample", _DESCRIPTION, _EXAMPLES)
    flags.add_restore(made)
    made.add_argument(
        "--num_images",
        type=flags.whole(1, MOST_IMAGES),
        help="images in all (default 100, or one for each of --inputs), spread evenly over the classes",
    )
    made.add_argument("--out", required=True, type=flags.path, help="X.npz, X.png or a new folder")
    made.add_argument("--classes", help="only these, by number: 3 or 0,1,7 or 2-5")
    made.add_argument(
        "--inputs", type=flags.path, metavar="X", help="a folder of pictures, or SET:SPLIT, to draw a sample for each"
    )
    made.add_argument(
        "--caption", action="append", metavar="TEXT", help="a text to draw for, where the run does (dalle); repeatable"
    )
    made.add_argument(
        "--data_dir", type=flags.path, help="where TFDS sets lie (default: the run's own, or ~/tensorflow_datasets)"
    )
    made.add_argument(
        "--style", type=flags.path, metavar="IMAGE", help="the style of this picture, where the run takes one (spade)"
    )
    made.add_argument(
        "--panels",
        metavar="KEYS",
        help="what lies side by side: label_map,image,target (default, of X.png: inputs that are pictures, outputs and "
        "target)",
    )
    flags.add_options(made)
    made.add_argument(
        "--batch_size", type=flags.whole(1), help="images a dispatch (default: the config's evaluation.batch_size)"
    )
    made.add_argument(
        "--interpolate",
        choices=("z", "w", "class"),
        help="a grid of ways between latents, styles or classes (X.png alone)",
    )
    made.add_argument(
        "--mix",
        metavar="LAYERS",
        help="a table of two sources' styles: the column's in coarse, middle, fine, or layers 4-7 (X.png alone)",
    )
    made.add_argument(
        "--noise_grid", action="store_true", help="images that differ in noise alone, and its deviation (X.png alone)"
    )
    made.add_argument(
        "--interpolation", choices=("slerp", "lerp"), default="slerp", help="how, between latents (default slerp)"
    )
    made.add_argument("--columns", type=flags.whole(1, 10_000), default=10, help="of a grid (default 10)")
    flags.add_convolutions(made)
    flags.add_compilation_cache(made)
    parsed, overrides = flags.parse(made, arguments)
    if overrides:
        raise UserError(f"--config.{overrides[0][0]}: sampling follows the run's own config, which cannot change")
    grids = [flag for flag in ("interpolate", "mix", "noise_grid") if getattr(parsed, flag)]
    if len(grids) > 1:
        raise UserError(f"--{grids[0]} and --{grids[1]} are two pictures: give one of them")
    for flag in ("classes", "interpolate", "mix", "noise_grid"):
        if (parsed.inputs or parsed.caption) and getattr(parsed, flag):
            given = "--inputs" if parsed.inputs else "--caption"
            raise UserError(f"--{flag} does not go with {given}, which say what is drawn for")
    if parsed.inputs and parsed.caption:
        raise UserError("--caption does not go with --inputs: each says what is drawn for")
    if parsed.style and not parsed.inputs:
        raise UserError("--style is of what is drawn for inputs: give --inputs")
    if parsed.panels and not parsed.inputs:
        raise UserError("--panels lays inputs next to outputs: give --inputs")
    if parsed.inputs is None and parsed.caption is None and parsed.num_images is None:
        parsed.num_images = 100
    return parsed


def _draw_for_labels(
    opened: Any, parsed: Any, out: Path, drawing: dict[str, Any], nets: Any, chosen: dict[str, Any]
) -> int:
    """Draws for classes, or for nothing; ``chosen`` are the forms of convolutions."""
    from jaxgan.cli import sample_inputs
    from jaxgan.cli.pictures import save_folder, save_png
    from jaxgan.evaluation import inputs_of_labels, label_inputs, sample_batches, tile

    if parsed.panels:
        raise UserError("--panels shows inputs that are pictures, and this run draws for labels: leave it out")
    method, classes = opened.method, _classes(parsed.classes, opened.method.num_classes)
    if parsed.inputs:
        inputs = sample_inputs.labels_of(opened, parsed)
    elif out.suffix == ".png":
        rows = whole_rows(parsed.num_images, parsed.columns)
        labels = np.repeat(np.resize(np.asarray(classes, np.int32), rows), parsed.columns)
        inputs = inputs_of_labels(labels) if method.num_classes else label_inputs(len(labels), 0)
    else:
        inputs = label_inputs(parsed.num_images, classes if method.num_classes else 0)
    labels = np.zeros(inputs.length, np.int32) if inputs.labels is None else inputs.labels
    toy = opened.config.data.name.startswith("toy:")
    if grid := next((flag for flag in ("interpolate", "mix", "noise_grid") if getattr(parsed, flag)), None):
        from jaxgan.cli.sample_grids import draw

        if toy:
            raise UserError(f"--{grid} draws images; the run in {parsed.workdir} draws points: leave it out")
        return draw(grid, opened, parsed, out, drawing, nets, classes)
    if toy:
        return _points(opened, nets, inputs, labels, out, drawing)
    if out.suffix == ".png":
        whole_rows(inputs.length, parsed.columns)
    # Compiled before the time is taken.
    next(sample_batches(method, nets, inputs, indices=np.arange(1), **drawing, **chosen))
    began = time.monotonic()
    batches = _timed(sample_batches(method, nets, inputs, **drawing, **chosen))
    if out.suffix == ".npz":
        out.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {"images": np.concatenate(list(batches)), "labels": labels}
        arrays |= {} if inputs.names is None else {"names": np.array(inputs.names)}
        np.savez_compressed(out, **arrays)
    elif out.suffix == ".png":
        save_png(out, tile(np.concatenate(list(batches)), parsed.columns))
    else:
        save_folder(out, (image for batch in batches for image in batch), names=_names(inputs, labels))
    seconds = time.monotonic() - began
    log.info(
        "%d images in %.2f s, written: %.1f images/s (without the first compilation)",
        inputs.length,
        seconds,
        inputs.length / seconds,
    )
    print(printable(str(out)))
    return 0


def _names(inputs: Any, labels: np.ndarray) -> list[str]:
    """Where each sample lies in a folder: as its input is called, or by class and number."""
    if inputs.names is not None:
        return list(inputs.names)
    width = max(3, len(str(int(labels.max()))))
    return [f"{label:0{width}d}/{number:06d}" for number, label in enumerate(labels)]


def whole_rows(num_images: int, columns: int) -> int:
    """Rows of a grid; refuses one that is not filled."""
    if num_images % columns:
        raise UserError(f"--num_images={num_images} must be a multiple of --columns={columns} for a grid")
    return num_images // columns


def _points(opened: Any, nets: Any, inputs: Any, labels: np.ndarray, out: Path, drawing: dict[str, Any]) -> int:
    """Writes points [N, 2], or a picture of them over the density that they should have."""
    from jaxgan.cli.pictures import save_png
    from jaxgan.data import toy_mixture
    from jaxgan.evaluation.point_plot import density_plot
    from jaxgan.evaluation.points import sample_points

    if out.suffix not in (".npz", ".png"):
        raise UserError(f"--out={out}: this run draws points; give a name ending in .npz or .png")
    points = sample_points(opened.method, nets, inputs, **drawing)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".npz":
        np.savez_compressed(out, points=points, labels=labels)
    else:
        save_png(out, density_plot(points, toy_mixture(opened.config.data.name.removeprefix("toy:"))))
    print(printable(str(out)))
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
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            low, high = int(first), int(last) if dash else int(first)
        except ValueError:
            raise UserError(f"--classes={text}: give numbers, such as 3 or 0,1,7 or 2-5") from None
        # Compared before the range is written out, which may be of any length.
        if not 0 <= low <= high <= everything[-1]:
            raise UserError(f"--classes={text}: the classes are 0 to {everything[-1]}, and {part!r} is none of them")
        chosen += range(low, high + 1)
    return chosen
