"""``jaxgan sample --inputs``: what samples are drawn for, from a folder of pictures or a split of a data set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.cli.pictures import save_folder, save_png
from jaxgan.data import Field, center_crop_resize, domain_field, to_channels
from jaxgan.data.fields import check_ids
from jaxgan.data.image_files import EXTENSIONS, decode, decode_ids, read_headers, read_pixels
from jaxgan.data.image_set import open_images
from jaxgan.data.picture_scan import picture_files
from jaxgan.data.printable import printable
from jaxgan.evaluation import SampleInputs, sample_batches, source_inputs, tile
from jaxgan.evaluation.any_size import draw_any_size
from jaxgan.evaluation.inputs import even_choice, with_shared
from jaxgan.evaluation.panels import inputs_and_outputs, label_maps, panel_grid, panels, sample_panels
from jaxgan.experiment.drawn_for import target_of
from jaxgan.experiment.open_split import open_split
from jaxgan.methods.inputs import STYLE
from jaxgan.training.errors import UserError

Ready = Callable[[SampleInputs | None], Any]


def labels_of(opened: Any, parsed: Any) -> SampleInputs:
    """The labels of a folder's or a split's examples, of which ``--num_images`` says how many.

    Raises:
      UserError: where there are none, or more classes than the run has.
    """
    data_dir = parsed.data_dir or opened.config.data.data_dir
    size = tuple(opened.config.data.image_size)
    described = open_images(parsed.inputs, image_size=size, data_dir=data_dir)  # type: ignore[arg-type]
    if not described.labeled:
        raise UserError(f"--inputs={parsed.inputs} has no labels, and this run draws for labels")
    inputs = source_inputs(described.source, ("label",), _choice(parsed, described.source.length))
    if inputs.labels is not None and inputs.labels.max() >= opened.method.num_classes:
        raise UserError(
            f"--inputs={parsed.inputs} has the class {inputs.labels.max()}; the run's are 0 to "
            f"{opened.method.num_classes - 1}"
        )
    return inputs


def draw(opened: Any, parsed: Any, out: Path, drawing: dict[str, Any], ready: Ready) -> int:
    """Draws for pictures or maps, and writes what is drawn."""
    if parsed.caption:
        return _draw_captions(opened, parsed, out, drawing, ready)
    folder, shared = Path(parsed.inputs), _style(opened, parsed)
    if folder.is_dir():
        _draw_folder(opened, parsed, folder, out, drawing, ready, shared)
    else:
        _draw_split(opened, parsed, out, drawing, ready, shared)
    print(printable(str(out)))
    return 0


def _draw_captions(opened: Any, parsed: Any, out: Path, drawing: dict[str, Any], ready: Ready) -> int:
    """For texts, one picture each, or as many in all as ``--num_images`` says."""
    if opened.stage.texts is None:
        raise UserError("--caption: this run draws for no text")
    texts = list(np.resize(parsed.caption, parsed.num_images or len(parsed.caption)))
    rows = opened.stage.texts(texts)
    inputs = SampleInputs(len(texts), lambda indices: {name: value[indices] for name, value in rows.items()})
    batches = sample_batches(opened.method, ready(inputs), inputs, **drawing)
    names = [f"{number:06d}" for number in range(len(texts))]
    _write(out, (image for batch in batches for image in batch), names, parsed.columns)
    print(printable(str(out)))
    return 0


def _style(opened: Any, parsed: Any) -> dict[str, np.ndarray]:
    """The picture of ``--style`` at the run's size, by the name of its condition; empty where none is given."""
    if not parsed.style:
        return {}
    if STYLE not in opened.method.optional_conditions:
        raise UserError(
            f"--style={parsed.style}: this run takes no style; spade does, with generator.latents='encoder', and "
            "pix2pixhd, with instance_features.features=3"
        )
    data = opened.config.data
    try:
        picture = to_channels(read_pixels(Path(parsed.style), decode), data.channels)
    except (OSError, ValueError) as error:
        raise UserError(f"--style={printable(parsed.style)}: {error}; give a picture") from error
    return {STYLE: center_crop_resize(picture, tuple(data.image_size))}


def takes_pictures(method: Any) -> bool:
    """Whether a method takes a picture where one is given: to encode it, or to keep a part of it."""
    return "image" in method.optional_conditions


def conditions_of(method: Any) -> tuple[str, ...]:
    """The fields that are drawn for: the method's, and the picture that it :func:`takes_pictures`."""
    return (*method.conditions, *(("image",) if takes_pictures(method) else ()))


def _choice(parsed: Any, length: int) -> np.ndarray | None:
    count = length if parsed.num_images is None else parsed.num_images
    if count > length:
        raise UserError(f"--inputs={parsed.inputs} has {length} examples; --num_images={count} were asked for")
    return even_choice(length, count)


def _keys(parsed: Any) -> list[str] | None:
    return [key.strip() for key in parsed.panels.split(",")] if parsed.panels else None


def _draw_split(
    opened: Any, parsed: Any, out: Path, drawing: dict[str, Any], ready: Ready, shared: dict[str, np.ndarray]
) -> None:
    """For the examples of SET:SPLIT, at the run's own size."""
    data, method = opened.config.data, opened.method
    name, colon, split = parsed.inputs.rpartition(":")
    if not colon or not name or not split:
        raise UserError(
            f"--inputs={parsed.inputs} is no folder; write SET:SPLIT, such as {data.name}:{data.test_split}"
        )
    if opened.stage.examples is not None and name == data.name:
        source = opened.stage.examples(split, data_dir=parsed.data_dir)
    else:
        source = open_split(opened.config, split, name=name, data_dir=parsed.data_dir)
    chosen = _choice(parsed, source.length)
    inputs = with_shared(source_inputs(source, conditions_of(method), chosen), shared)
    nets = ready(inputs)
    names = list(inputs.names or [f"{number:06d}" for number in range(inputs.length)])
    of_pictures = any(source.fields[name].is_picture for name in method.conditions)
    if not parsed.panels and not (of_pictures and out.suffix == ".png"):
        batches = sample_batches(method, nets, inputs, **drawing)
        _write(out, (image for batch in batches for image in batch), names, parsed.columns)
        return
    indices = np.arange(source.length) if chosen is None else chosen
    target = target_of(method)
    known = target in source.fields and target not in conditions_of(method)
    rows = sample_panels(
        method,
        nets,
        inputs,
        _keys(parsed),
        target=(lambda wanted: source.fetch(indices[wanted])[target]) if known else None,
        maps=label_maps(source),
        **drawing,
    )
    _write(out, rows, names, 1, rows=True)


def _draw_folder(
    opened: Any,
    parsed: Any,
    folder: Path,
    out: Path,
    drawing: dict[str, Any],
    ready: Ready,
    shared: dict[str, np.ndarray],
) -> None:
    """For the pictures of a folder, each of its own size."""
    condition, read, is_map = _reader(opened)
    files, _ = picture_files(folder)
    if not files:
        raise UserError(f"--inputs={parsed.inputs} holds no picture ({' '.join(EXTENSIONS)})")
    chosen = _choice(parsed, len(files))
    files = files if chosen is None else [files[index] for index in chosen]
    names = [file.relative_to(folder).with_suffix("").as_posix() for file in files]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(
            f"--inputs={parsed.inputs} holds two pictures called {twice[0]}, whose outputs would be one file"
        )

    # A run that takes a picture but needs none, such as an autoencoder, knows one size.
    fixed = tuple(opened.config.data.image_size) if takes_pictures(opened.method) else None

    def pictures(number: int) -> np.ndarray:
        picture = read(files[number])
        return picture if fixed is None else center_crop_resize(picture, fixed)

    sizes = [header.size if fixed is None else fixed for header in read_headers(files)]
    nets = ready(_inputs_of_data(opened, parsed))
    drawn = draw_any_size(opened.method, nets, condition, pictures, sizes, shared=shared, **drawing)
    keys = _keys(parsed)
    if keys is None and out.suffix == ".png" and condition in opened.method.conditions:
        keys = ["input_image" if condition == "image" else condition, "image"]
    if keys:

        def row(number: int, image: np.ndarray) -> np.ndarray:
            shown = inputs_and_outputs({condition: pictures(number)[None]}, {"image": image[None]})
            return panels(shown, keys, maps=[condition] * is_map)[0]

        drawn = ((number, row(number, image)) for number, image in drawn)
    if not out.suffix:
        for number, image in drawn:
            save_png(out / f"{names[number]}.png", image)
        return
    images = [image for _, image in sorted(drawn, key=lambda pair: pair[0])]
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        raise UserError(f"--out={out}: outputs have {len(shapes)} sizes, which only a folder can hold")
    _write(out, np.stack(images), names, parsed.columns, rows=bool(keys))


def _inputs_of_data(opened: Any, parsed: Any) -> SampleInputs | None:
    """The run's own data, for standing statistics, which pictures of mixed sizes cannot give; None where no network has
    any.
    """
    if opened.config.evaluation.batch_norm != "standing" or not any(
        "batch_stats" in net for net in opened.nets.values()
    ):
        return None
    source = open_split(opened.config, opened.config.data.split, data_dir=parsed.data_dir)
    return source_inputs(source, conditions_of(opened.method))


def _reader(opened: Any) -> tuple[str, Callable[[Path], np.ndarray], bool]:
    """The one condition of the run that a picture can be, how it is read from a file, and whether it is a map."""
    fields = {name: _of_batch(opened.stage.batch, name) for name in opened.method.conditions}
    if takes_pictures(opened.method):
        data = opened.config.data
        fields["image"] = np.broadcast_to(np.uint8(0), (1, *data.image_size, data.channels))
    pictures = {name: x for name, x in fields.items() if len(x.shape) >= 3}
    if len(fields) != 1 or not pictures:
        given = ", ".join(f"{name} {x.dtype}{list(x.shape[1:])}" for name, x in fields.items())
        raise UserError(f"a folder gives one picture a sample, and this run draws for {given}: give --inputs=SET:SPLIT")
    ((name, like),) = pictures.items()
    translated: Any = opened.config.get("translation") or {}
    classes = translated.get("classes", 0) if name == translated.get("source") else 0
    # Ids up to 255 are bytes, as pictures are.
    is_map = bool(classes) or like.dtype != np.uint8
    spec: Any = (opened.config.data.get("fields") or {}).get(name)
    declared = spec.get("classes", 0) if hasattr(spec, "keys") else 0

    def read(file: Path) -> np.ndarray:
        if not is_map:
            return to_channels(read_pixels(file, decode), like.shape[-1])
        ids = read_pixels(file, decode_ids)
        try:
            # As in training: where no number of classes is declared, ids above them are no class.
            check_ids(ids, Field(ids.shape, ids.dtype, "map", declared), printable(str(file)))
        except ValueError as error:
            raise UserError(f"{error}: this run was trained on {classes or declared} classes") from error
        return (ids if len(like.shape) == 4 else ids[..., 0]).astype(like.dtype)

    return name, read, is_map


def _of_batch(batch: Any, name: str) -> Any:
    """A condition as a batch has it; of unpaired domains, whose batches say the domain too, that of the first."""
    found = [name] if name in batch else [field for field in batch if field.startswith(domain_field(name, ""))]
    if not found:
        raise UserError(f"this run draws for {name!r}, which its batches of {', '.join(batch)} do not have")
    return batch[found[0]]


def _write(out: Path, images: Any, names: list[str], columns: int, *, rows: bool = False) -> None:
    if not out.suffix:
        save_folder(out, images, names=names)
        return
    stacked = np.stack(list(images))
    if out.suffix == ".npz":
        out.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(out, images=stacked, names=np.array(names))
    elif rows:
        save_png(out, panel_grid(stacked))
    else:
        if len(stacked) % columns:
            raise UserError(f"{len(stacked)} images do not fill rows of --columns={columns}")
        save_png(out, tile(stacked, columns))
