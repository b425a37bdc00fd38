"""Image sets as they are given: what is read, what is refused, and by what a set is known."""

import pickle

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import open_dataset, picture_scan
from jaxgan.data.image_set import describe_source, open_images


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def everything(found):
    return found.source.fetch(np.arange(found.source.length))


def identity(found):
    return found.name, found.version, found.split, found.crop


def test_flat_folder_is_read_in_sorted_order(tmp_path):
    pixels = noise(12, 6, 4, 3)
    for index in (3, 11, 0, 7, *set(range(12)) - {3, 11, 0, 7}):
        save(tmp_path / "set" / f"{index:02}.png", pixels[index])
    (tmp_path / "set" / "notes.txt").write_text("no image")
    found = open_images(str(tmp_path / "set"))
    assert identity(found) == ("folder:set", found.version, "all", "none")
    assert not found.labeled and found.source.image_shape == (6, 4, 3)
    np.testing.assert_array_equal(everything(found)["image"], pixels)
    picked = pickle.loads(pickle.dumps(found.source)).fetch(np.array([5, 2]))
    np.testing.assert_array_equal(picked["image"], pixels[[5, 2]])


def test_first_level_of_folders_is_the_class(tmp_path, caplog):
    for name in ("b/1.png", "a/deep/2.png", "c/0.png", "a/3.png"):
        save(tmp_path / name, noise(4, 4))
    found = open_images(f"folder:{tmp_path}")
    assert found.labeled and found.source.class_names == ("a", "b", "c")
    np.testing.assert_array_equal(everything(found)["label"], [0, 0, 1, 2])
    save(tmp_path / "stray.png", noise(4, 4))
    strayed = open_images(str(tmp_path))
    assert strayed.labeled and strayed.source.rejected == ("stray.png",) and strayed.version == found.version
    assert "left out 1: stray.png (not in a class's sub-folder)" in caplog.text
    for index in range(5):
        save(tmp_path / f"{index}.png", noise(4, 4))
    caplog.clear()
    assert not (flat := open_images(str(tmp_path))).labeled and flat.source.length == 10
    assert "6 pictures lie next to sub-folders with 4: all are taken, and none has a label" in caplog.text


def test_pixels_as_a_viewer_shows_them(tmp_path):
    grey, rgb = noise(4, 6), noise(4, 6, 3, seed=1)
    save(tmp_path / "0.png", grey)
    assert open_images(str(tmp_path)).source.image_shape == (4, 6, 1)
    save(tmp_path / "1.png", rgb)
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees clockwise
    save(tmp_path / "2.png", np.rot90(rgb).copy(), exif=turned)
    images = everything(open_images(str(tmp_path)))["image"]
    np.testing.assert_array_equal(images, [np.repeat(grey[..., None], 3, -1), rgb, rgb])


def test_mixed_sizes_need_one(tmp_path):
    for name, shape in (("a.png", (4, 6)), ("b.png", (4, 6)), ("deep/c.png", (6, 4)), ("d.png", (9, 9))):
        save(tmp_path / name, noise(*shape))
    with pytest.raises(ValueError, match=r"a\.png is 4x6, d\.png 9x9; pass --image_size=H,W"):
        open_images(str(tmp_path))
    found = open_images(str(tmp_path), image_size=(5, 5))
    assert found.crop == "center 5x5" and everything(found)["image"].shape == (4, 5, 5, 1)


def test_a_size_that_images_have_is_no_crop(tmp_path):
    save(tmp_path / "set" / "a.png", noise(4, 6))
    np.savez(tmp_path / "x.npz", images=noise(2, 4, 6, 3))
    for name in (tmp_path / "set", tmp_path / "x.npz"):
        own, sized, other = (open_images(str(name), image_size=size) for size in (None, (4, 6), (2, 2)))
        assert identity(own) == identity(sized)
        assert (own.crop, other.crop, other.version) == ("none", "center 2x2", own.version)


def test_damage_is_named(tmp_path, caplog):
    save(tmp_path / "a.png", noise(32, 32, 3))
    save(tmp_path / "b.png", noise(32, 32, 3))
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    for content in (whole[: len(whole) // 2], b"no image"):
        (tmp_path / "b.png").write_bytes(content)
        caplog.clear()
        found = open_images(str(tmp_path))
        assert found.source.length == 1 and found.source.rejected == ("b.png",)
        assert "left out 1: b.png (" in caplog.text
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"cannot read .*a\.png: no image .*restore it, or remove it"):
        everything(found)
    with pytest.raises(ValueError, match=r"holds no image .* that can be read; left out 2: a\.png \(no image"):
        open_images(str(tmp_path))


def test_nothing_to_read(tmp_path):
    with pytest.raises(ValueError, match=r"holds no image \(\.png"):
        open_images(str(tmp_path))
    with pytest.raises(ValueError, match=r"no images at .*nowhere.*: give a folder of images, an \.npz"):
        open_images(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("full_scan", [50_000, 1])
def test_version_is_that_of_content(tmp_path, monkeypatch, full_scan):
    monkeypatch.setattr(picture_scan, "FULL_SCAN_FILES", full_scan)
    for name in ("a", "b"):
        for index in range(3):
            save(tmp_path / name / f"{index}.bmp", noise(4, 4, 3, seed=index))
    versions = [open_images(str(tmp_path / name)).version for name in ("a", "b", "a")]
    assert len(set(versions)) == 1 and versions[0].startswith("sizes-") == (full_scan == 1)
    (tmp_path / "a" / ".hidden").write_text("of no account")
    assert open_images(str(tmp_path / "a")).version == versions[0]
    (tmp_path / "a" / "2.bmp").rename(tmp_path / "a" / "3.bmp")
    assert open_images(str(tmp_path / "a")).version != versions[0]
    save(tmp_path / "b" / "1.bmp", noise(4, 4, 3, seed=9))
    # Of the same size: what a set of more files than are read does not tell.
    assert (open_images(str(tmp_path / "b")).version == versions[0]) == (full_scan == 1)


def test_a_folder_as_training_reads_it_is_the_same_set(tmp_path, monkeypatch):
    for name in ("cat/0.png", "dog/1.png"):
        save(tmp_path / name, noise(8, 8, 3))
    (tmp_path / "cat" / "notes.txt").write_text("left out")
    for size in ((8, 8), (4, 4)):
        source = open_dataset(f"folder:{tmp_path}", image_size=size, channels=3)
        trained = describe_source(f"folder:{tmp_path}", source, "train", image_size=size)
        opened = open_images(str(tmp_path), image_size=size)
        assert identity(trained) == identity(opened)
        np.testing.assert_array_equal(everything(trained)["image"], everything(opened)["image"])
    monkeypatch.chdir(tmp_path)
    assert open_images(".").name == f"folder:{tmp_path.name}"


def test_npz_of_bytes_and_of_floats(tmp_path):
    pixels, labels = noise(5, 4, 6, 3), np.array([2, 0, 1, 1, 0])
    np.savez(tmp_path / "bytes.npz", images=pixels, labels=labels)
    found = open_images(str(tmp_path / "bytes.npz"))
    assert identity(found) == ("npz:bytes.npz", found.version, "all", "none") and found.labeled
    np.testing.assert_array_equal(everything(found)["image"], pixels)
    np.testing.assert_array_equal(everything(found)["label"], labels)
    for dtype in (np.float16, np.float32, np.float64):
        np.savez(tmp_path / "floats.npz", images=(pixels / 255).astype(dtype), labels=labels)
        same = open_images(str(tmp_path / "floats.npz"))
        np.testing.assert_array_equal(everything(same)["image"], pixels)
        assert same.version == found.version
    # Halves are rounded up, and nothing wraps at the ends.
    np.savez(tmp_path / "ends.npz", images=np.array([0, 0.49 / 255, 0.51 / 255, 254.51 / 255, 1]).reshape(5, 1, 1, 1))
    np.testing.assert_array_equal(
        everything(open_images(str(tmp_path / "ends.npz")))["image"].ravel(), [0, 0, 1, 255, 255]
    )


def test_npz_of_grey_and_its_version(tmp_path):
    path = tmp_path / "x.npz"
    versions = []
    for images in (noise(3, 4, 5), noise(3, 4, 5, 1), noise(3, 5, 4)):
        np.savez(path, images=images)
        found = open_images(str(path))
        assert found.source.image_shape == (*images.shape[1:3], 1) and not found.labeled
        versions.append(found.version)
    np.savez(path, images=noise(3, 4, 5), labels=np.zeros(3, int))
    versions.append(open_images(str(path)).version)
    assert versions[0] == versions[1] and len(set(versions)) == 3


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.linspace(-1, 1, 16).reshape(1, 4, 4, 1), r"must lie in \[0, 1\], got -1 to 1; convert them"),
        (np.linspace(0, 255, 16).reshape(1, 4, 4, 1), r"must lie in \[0, 1\], got 0 to 255"),
        (np.full((1, 4, 4, 1), np.nan), "not finite"),
        (np.full((1, 4, 4, 1), np.inf), "not finite"),
        (np.zeros((1, 4, 4, 1), int), r"must be uint8, or float in \[0, 1\], got int64"),
        (noise(2, 3, 4, 4), r"\[N >= 1, H, W, 1 or 3\].*got \[2, 3, 4, 4\]"),
        (noise(0, 4, 4, 3), r"\[N >= 1, H, W, 1 or 3\]"),
        (noise(4, 4), r"got \[4, 4\]"),
        (noise(4, 4, 3), r"\[4, 4, 3\] look like a single one; store it as \[1, H, W, C\]"),
        (np.array([{"a": 1}], dtype=object), r"cannot read .*x\.npz"),
    ],
)
def test_npz_of_something_else(tmp_path, images, message):
    np.savez(tmp_path / "x.npz", images=images)
    with pytest.raises(ValueError, match=message):
        open_images(str(tmp_path / "x.npz"))


def test_npz_that_lacks_images_or_is_damaged(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, mu=np.zeros(3))
    with pytest.raises(ValueError, match=r"x\.npz holds \['mu'\]; it must hold `images`"):
        open_images(str(path))
    np.savez_compressed(path, images=noise(20, 8, 8, 3))
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for data in (whole[:-30], bytes(flipped), b"", b"no archive"):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"cannot read .*x\.npz"):
            open_images(str(path))
    with path.open("wb") as file:
        np.save(file, noise(2, 4, 4, 3))
    with pytest.raises(ValueError, match=r"cannot read .*x\.npz"):
        open_images(str(path))
    np.savez(path, images=noise(2, 4, 4, 3), labels=np.zeros(3, int))
    with pytest.raises(ValueError, match=r"x\.npz: labels must be int \[2\]"):
        open_images(str(path))


def test_digits():
    found = open_images("digits:test")
    assert identity(found) == ("digits", found.version, "test", "none")
    assert found.labeled and (found.source.length, found.source.image_shape) == (359, (8, 8, 1))
    assert open_images("digits:train").version != found.version
    for size in ((8, 8), (16, 16)):
        source = open_dataset("digits", split="test", image_size=size, channels=1)
        described = describe_source("digits", source, "test", image_size=size)
        assert identity(described) == identity(open_images("digits:test", image_size=size))
    with pytest.raises(ValueError, match="'digits' names no split: write digits:SPLIT"):
        open_images("digits")
    with pytest.raises(ValueError, match="no split 'valid'"):
        open_images("digits:valid")


def test_tfds(tfds_dir):
    found = open_images("tfds:cifar10:test", data_dir=tfds_dir)
    assert identity(found) == ("tfds:cifar10", found.version, "test", "none") and found.version.startswith("3.0.2+")
    assert found.labeled and (found.source.length, found.source.image_shape) == (10_000, (32, 32, 3))
    part = open_images("tfds:cifar10:train[:10%]", data_dir=tfds_dir)
    assert (part.split, part.source.length, part.version) == ("train[:10%]", 5_000, found.version)
    versioned = open_images("tfds:cifar10:3.0.2:test", data_dir=tfds_dir)
    assert identity(versioned)[1:] == identity(found)[1:]
    np.testing.assert_array_equal(*(s.source.fetch(np.arange(4))["image"] for s in (found, versioned)))
    with pytest.raises(ValueError, match="'tfds:cifar10' names no split: write tfds:NAME:SPLIT"):
        open_images("tfds:cifar10", data_dir=tfds_dir)
    with pytest.raises(ValueError, match="has no split 'valid'"):
        open_images("tfds:cifar10:valid", data_dir=tfds_dir)


def test_a_tfds_set_as_training_reads_it_is_the_same_set(tfds_dir):
    for size in ((32, 32), (16, 16)):
        options = dict(image_size=size, data_dir=tfds_dir)
        source = open_dataset("tfds:cifar10", split="test", channels=3, in_memory=False, **options)
        trained = describe_source("tfds:cifar10", source, "test", **options)
        opened = open_images("tfds:cifar10:test", **options)
        assert identity(trained) == identity(opened)
        assert opened.crop == ("none" if size == (32, 32) else "center 16x16")
        few = np.array([9, 4, 9_999])
        np.testing.assert_array_equal(trained.source.fetch(few)["image"], opened.source.fetch(few)["image"])
    assert identity(open_images("tfds:cifar10:test", data_dir=tfds_dir)) == identity(
        open_images("tfds:cifar10:test", image_size=(32, 32), data_dir=tfds_dir)
    )


def test_tfds_version_tells_a_set_prepared_anew(tfds_dir, tmp_path):
    from jaxgan.data.tfds_source import describe_tfds

    copy = tmp_path / "mnist" / "3.0.1"
    copy.mkdir(parents=True)
    for file in (tfds_dir / "mnist" / "3.0.1").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    original, copied = (describe_tfds("mnist", folder) for folder in (tfds_dir, tmp_path))
    assert copied == original and (copied.image_size, copied.channels, copied.labeled) == ((28, 28), 1, True)
    with next(copy.glob("*test*")).open("ab") as file:
        file.write(b"one more")
    assert describe_tfds("mnist", tmp_path).version != original.version
