"""Paired images from files: layouts, maps, names, splits, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from jaxgan import data
from jaxgan.data.image_set import describe_source


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **options)


def everything(source):
    return source.fetch(np.arange(source.length))


def opened(path, **options):
    return data.open_dataset(f"pairs:{path}", **{"image_size": None, "channels": 3, **options})


def two_folders(path, count=3, a="A", b="B"):
    left, right = noise(count, 6, 8, 3), noise(count, 6, 8, 3, seed=1)
    for index in range(count):
        save(path / a / f"{index}.png", left[index])
        save(path / b / f"{index}.bmp", right[index])
    return left, right


def test_side_by_side(tmp_path):
    pixels = noise(3, 6, 16, 3)
    for index in range(3):
        save(tmp_path / "train" / f"{index}.png", pixels[index])
    save(tmp_path / "test" / "9.png", pixels[0])
    source = opened(tmp_path)
    assert source.length == 3 and source.in_memory and source.num_classes == 0
    assert {key: field.shape for key, field in source.fields.items()} == {"image_A": (6, 8, 3), "image_B": (6, 8, 3)}
    np.testing.assert_array_equal(everything(source)["image_A"], pixels[:, :, :8])
    np.testing.assert_array_equal(everything(source)["image_B"], pixels[:, :, 8:])
    assert [source.names(i) for i in range(3)] == ["0", "1", "2"]
    assert [opened(tmp_path, split="test").names(0)] == ["9"]
    turned = opened(tmp_path, fields={"image": "A", "input": "B"}, image_size=(3, 4), channels=1)
    assert turned.fields["input"].shape == (3, 4, 1) and turned.image_shape == (3, 4, 1)


@pytest.mark.parametrize(("a", "b"), [("A", "B"), ("maps", "photos")])
def test_two_folders(tmp_path, a, b):
    left, right = two_folders(tmp_path, a=a, b=b)
    source = opened(tmp_path)
    np.testing.assert_array_equal(everything(source)[f"image_{a}"], left)
    np.testing.assert_array_equal(everything(source)[f"image_{b}"], right)
    lazy = opened(tmp_path, in_memory=False)
    assert lazy.version == source.version != ""
    np.testing.assert_array_equal(lazy.fetch(np.array([2, 0]))[f"image_{b}"], right[[2, 0]])
    described = describe_source(f"pairs:{tmp_path}", source, "train", image_size=None)
    assert (described.version, described.crop) == (source.version, "none")
    before = source.version
    save(tmp_path / b / "1.bmp", left[0])
    assert opened(tmp_path).version != before


def test_maps_hold_ids_whatever_their_colours(tmp_path):
    ids = np.random.default_rng(0).integers(0, 12, (2, 6, 8), np.uint8)
    palette = Image.fromarray(ids[0]).convert("P")
    palette.putpalette(noise(768).tolist())
    for index, picture in enumerate((palette, Image.fromarray(ids[1]))):
        save(tmp_path / "train" / "photo" / f"{index}.jpg", noise(6, 8, 3))
        save(tmp_path / "train" / "labels" / f"{index}.png", picture)
    fields = {"image": "photo", "map": {"key": "labels", "kind": "map", "classes": 12}}
    source = opened(tmp_path, fields=fields)
    assert source.fields["map"] == data.Field((6, 8, 1), np.uint8, "map", 12)
    stored = Image.open(tmp_path / "train" / "labels" / "0.png")
    np.testing.assert_array_equal(everything(source)["map"][..., 0], [np.asarray(stored), ids[1]])
    small = opened(tmp_path, fields=fields, image_size=(3, 4))
    assert set(np.unique(everything(small)["map"])) <= set(np.unique(everything(source)["map"]))
    fields["map"]["classes"] = 11
    with pytest.raises(ValueError, match=r"labels/[01]\.png holds the id 11, but the field has 11 classes"):
        opened(tmp_path, fields=fields)
    save(tmp_path / "train" / "labels" / "0.png", noise(6, 8, 3))
    with pytest.raises(ValueError, match=r"labels/0\.png: a label map must have one channel or a palette, .*mode RGB"):
        opened(tmp_path, fields=fields)


def test_deep_ids(tmp_path):
    ids = np.array([[0, 300], [65535, 7]], np.uint16)
    save(tmp_path / "A" / "0.png", noise(2, 2, 3))
    save(tmp_path / "B" / "0.png", Image.fromarray(ids))
    source = opened(tmp_path, fields={"map": {"key": "B", "kind": "map"}})
    np.testing.assert_array_equal(everything(source)["map"][0, ..., 0], ids)


def test_what_is_no_picture_is_left_out_and_named(tmp_path, caplog):
    two_folders(tmp_path)
    (tmp_path / "A" / "notes.txt").write_text("")
    assert opened(tmp_path).rejected == ("A/notes.txt",) and "A/notes.txt" in caplog.text


def test_what_cannot_be_read_is_left_out_with_its_partner(tmp_path, caplog):
    two_folders(tmp_path)
    whole = (tmp_path / "B" / "1.bmp").read_bytes()
    (tmp_path / "B" / "1.bmp").write_bytes(whole[: len(whole) // 2])
    source = opened(tmp_path)
    assert (source.length, set(source.rejected)) == (2, {"B/1.bmp", "A/1.png"})
    assert "A/1.png (its partner B/1.bmp is left out)" in caplog.text


def test_missing_partners_and_unequal_sizes(tmp_path):
    two_folders(tmp_path)
    save(tmp_path / "B" / "1.bmp", noise(6, 4, 3))
    with pytest.raises(ValueError, match=r"unequal sizes: .*A/1\.png is 6x8, .*B/1\.bmp 6x4"):
        opened(tmp_path, image_size=(4, 4))
    (tmp_path / "B" / "1.bmp").rename(tmp_path / "B" / "7.bmp")
    with pytest.raises(ValueError, match=r"2 without a partner of the same name .*: A/1, B/7; add the partners"):
        opened(tmp_path)


def test_sizes_that_differ_from_pair_to_pair_need_one(tmp_path):
    for index, width in enumerate((8, 16)):
        save(tmp_path / f"{index}.png", noise(6, width, 3))
    with pytest.raises(ValueError, match=r"0\.png is 6x8, .*1\.png 6x16; pass image_size=\(height, width\)"):
        opened(tmp_path)
    assert everything(opened(tmp_path, image_size=(4, 4)))["image_A"].shape == (2, 4, 4, 3)


def test_layouts_that_are_no_pairs(tmp_path):
    with pytest.raises(ValueError, match=r"is not a folder; give a folder of pictures A\|B side by side"):
        opened(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"has no picture \(\.png"):
        opened(tmp_path)
    save(tmp_path / "odd" / "a.png", noise(6, 9, 3))
    with pytest.raises(ValueError, match=r"a\.png is 9 wide, which is no pair"):
        opened(tmp_path / "odd")
    two_folders(tmp_path / "x")
    with pytest.raises(ValueError, match=r"field 'image' is of the side 'C'; the sides are \['A', 'B'\]"):
        opened(tmp_path / "x", fields={"image": "C"})
    with pytest.raises(ValueError, match=r"has no split 'test'; choose one of .*'train', 'all'"):
        opened(tmp_path / "x", split="test")
    save(tmp_path / "x" / "loose.png", noise(6, 8, 3))
    with pytest.raises(ValueError, match=r"pictures next to them, loose\.png"):
        opened(tmp_path / "x")
    save(tmp_path / "x" / "C" / "0.png", noise(6, 8, 3))
    with pytest.raises(ValueError, match=r"has the sub-folders \['A', 'B', 'C'\]; it must hold"):
        opened(tmp_path / "x")
    two_folders(tmp_path / "y" / "train")
    with pytest.raises(ValueError, match=r"no split 'test'; choose one of \['train'\], or add a sub-folder test/"):
        opened(tmp_path / "y", split="test")
    save(tmp_path / "y" / "train" / "A" / "0.jpg", noise(6, 8, 3))
    with pytest.raises(ValueError, match=r"0\.jpg and .*0\.png have one name"):
        opened(tmp_path / "y")
    (tmp_path / "odd" / "a.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"has no picture .* that can be read; left out 1: a\.png \(no image"):
        opened(tmp_path / "odd")
    save(tmp_path / "odd" / "a.png", noise(6, 8, 3))
    with pytest.raises(ValueError, match="maps have files of their own, in two sub-folders"):
        opened(tmp_path / "odd", fields={"map": {"key": "B", "kind": "map"}})
    with pytest.raises(ValueError, match="must be an 'image' or a 'map', without a length"):
        opened(tmp_path / "odd", fields={"map": {"key": "B", "kind": "value"}})
