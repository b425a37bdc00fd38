"""Samples of pictures: from a folder of mixed sizes and from a split, into files named after their inputs."""

import types

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from PIL import Image

from jaxgan.cli import sample_inputs
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.method import Method


class Negative(Method):
    """Draws the negative of its input; takes sides that are multiples of 4."""

    conditions = ("input",)
    input_multiple = 4

    def sample(self, nets, batch, rng):
        assert batch["input"].shape[1] % 4 == batch["input"].shape[2] % 4 == 0
        return {"image": 1 - batch["input"].astype(jnp.float32) / 127.5}


class OfMap(Negative):
    """Draws the class of each pixel, as grey."""

    conditions = ("label_map",)

    def sample(self, nets, batch, rng):
        return {"image": batch["label_map"][..., None] / 127.5 - 1}


def opened(method=None, field="input", like=None, **data):
    config = ml_collections.ConfigDict(
        {
            "data": {"name": "pairs:x", "split": "train", "test_split": "test", "data_dir": None, "image_size": (8, 8),
                     "channels": 3, **data},
            "evaluation": {"batch_norm": "standing"},
        }
    )  # fmt: skip
    like = jax.ShapeDtypeStruct((2, 8, 8, 3), np.uint8) if like is None else like
    stage = types.SimpleNamespace(batch={field: like}, examples=None, texts=None)
    return types.SimpleNamespace(
        method=method or Negative(), config=config, stage=stage, nets={"g": {"params": {}}}, step=3
    )


def draw(run, out, **flags):
    parsed = types.SimpleNamespace(num_images=None, data_dir=None, panels=None, columns=1, style=None, caption=None)
    vars(parsed).update({name: str(value) if name == "inputs" else value for name, value in flags.items()})
    drawing = dict(rng=jax.random.key(0), mesh=make_mesh(), batch_size=2, options={}, step=3)
    return sample_inputs.draw(run, parsed, out, drawing, lambda inputs: run.nets)


def saved(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def folder(tmp_path):
    pictures = {"a.png": (4, 4), "deep/b.png": (5, 9), "c.png": (6, 4)}
    draw = np.random.default_rng(0)
    for name, size in pictures.items():
        pictures[name] = draw.integers(0, 256, (*size, 3)).astype(np.uint8)
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[name]).save(tmp_path / "in" / name)
    return tmp_path / "in", pictures


def test_a_folder_of_mixed_sizes_gives_files_of_the_same_names_and_sizes(folder, tmp_path):
    where, pictures = folder
    assert draw(opened(), tmp_path / "out", inputs=where) == 0
    written = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png"))
    assert written == sorted(pictures)
    for name, picture in pictures.items():
        np.testing.assert_array_equal(saved(tmp_path / "out" / name), 255 - picture)
    with pytest.raises(UserError, match="outputs have 3 sizes, which only a folder can hold"):
        draw(opened(), tmp_path / "out.npz", inputs=where)
    with pytest.raises(UserError, match="has 3 examples; --num_images=4 were asked for"):
        draw(opened(), tmp_path / "out", inputs=where, num_images=4)


def test_panels_of_a_folder_show_the_input_next_to_the_output(folder, tmp_path):
    where, pictures = folder
    draw(opened(), tmp_path / "rows", inputs=where, panels="input,image")
    row = saved(tmp_path / "rows" / "c.png")
    np.testing.assert_array_equal(row[:, :4], pictures["c.png"])
    np.testing.assert_array_equal(row[:, -4:], 255 - pictures["c.png"])


def test_a_picture_of_a_folder_of_one_size_has_a_row_an_input(tmp_path):
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / "in" / f"{number}.png")
    draw(opened(), tmp_path / "out.png", inputs=tmp_path / "in", columns=10)
    rows = saved(tmp_path / "out.png")
    assert rows.shape == (4 + 2 + 4, 4 + 2 + 4, 3)
    np.testing.assert_array_equal(rows[-4:, :4], pixels[1])
    np.testing.assert_array_equal(rows[-4:, -4:], 255 - pixels[1])


def test_maps_of_few_classes_are_ids_too_and_checked(tmp_path):
    """They are bytes in a batch, as pictures are."""
    (tmp_path / "in").mkdir()
    ids = np.random.default_rng(0).integers(0, 12, (5, 6)).astype(np.uint8)
    picture = Image.fromarray(ids).convert("P")
    picture.putpalette(np.random.default_rng(1).integers(0, 256, 768).tolist())
    picture.putdata(ids.ravel().tolist())
    picture.save(tmp_path / "in" / "a.png")
    fields = {"label_map": {"key": "maps", "kind": "map", "classes": 12}}
    run = opened(OfMap(), "label_map", jax.ShapeDtypeStruct((2, 8, 8), np.uint8), fields=fields)
    run.config.translation = {"source": "label_map", "classes": 12}
    draw(run, tmp_path / "out", inputs=tmp_path / "in")
    np.testing.assert_array_equal(saved(tmp_path / "out" / "a.png"), ids)
    Image.fromarray(ids + 19).save(tmp_path / "in" / "a.png")
    with pytest.raises(
        UserError, match=r"a\.png holds the id \d+, but the field has 12 classes.*trained on 12 classes"
    ):
        draw(run, tmp_path / "more", inputs=tmp_path / "in")


def test_a_folder_of_label_maps_is_read_as_classes(tmp_path):
    (tmp_path / "in").mkdir()
    ids = np.random.default_rng(0).integers(0, 40, (5, 6)).astype(np.uint8)
    Image.fromarray(ids).save(tmp_path / "in" / "a.png")
    run = opened(OfMap(), "label_map", jax.ShapeDtypeStruct((2, 8, 8), np.int32))
    draw(run, tmp_path / "out", inputs=tmp_path / "in")
    np.testing.assert_array_equal(saved(tmp_path / "out" / "a.png"), ids[..., None].repeat(3, -1)[..., 0])


def test_a_split_gives_outputs_named_after_its_examples(tmp_path):
    both = np.random.default_rng(0).integers(0, 256, (3, 8, 16, 3)).astype(np.uint8)
    for number, picture in enumerate(both):
        (tmp_path / "set" / "test").mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "set" / "test" / f"p{number}.png")
    run = opened(Sided(), "image_A")
    draw(run, tmp_path / "out", inputs=f"pairs:{tmp_path / 'set'}:test")
    for number, picture in enumerate(both):
        np.testing.assert_array_equal(saved(tmp_path / "out" / f"p{number}.png"), 255 - picture[:, :8])
    draw(run, tmp_path / "rows.png", inputs=f"pairs:{tmp_path / 'set'}:test", num_images=2, panels="image_A,image")
    assert saved(tmp_path / "rows.png").shape == (2 * 8 + 2, 2 * 8 + 2, 3)
    # Without keys: the input, the output and the target.
    draw(run, tmp_path / "three.png", inputs=f"pairs:{tmp_path / 'set'}:test", columns=10)
    three = saved(tmp_path / "three.png")
    np.testing.assert_array_equal(three[:8, :8], both[0, :, :8])
    np.testing.assert_array_equal(three[:8, 10:18], 255 - both[0, :, :8])
    np.testing.assert_array_equal(three[-8:, 20:], both[2, :, 8:])
    with pytest.raises(UserError, match="is no folder; write SET:SPLIT, such as pairs:x:test"):
        draw(run, tmp_path / "out", inputs="nowhere")


class Sided(Negative):
    conditions = ("image_A",)
    target = "image_B"

    def sample(self, nets, batch, rng):
        return {"image": 1 - batch["image_A"].astype(jnp.float32) / 127.5}


def test_a_folder_is_refused_where_a_picture_is_not_all_that_is_drawn_for(folder, tmp_path):
    run = opened(field="input", like=jax.ShapeDtypeStruct((2, 7), np.float32))
    with pytest.raises(UserError, match=r"draws for input float32\[7\]: give --inputs=SET:SPLIT"):
        draw(run, tmp_path / "out", inputs=folder[0])
