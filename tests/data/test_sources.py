import errno
import logging
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from array_record.python.array_record_data_source import ArrayRecordDataSource
from PIL import Image

from jaxgan import data

TFDS = pathlib.Path(__file__).parents[2].parent / "shared" / "tfds"
needs_tfds = pytest.mark.skipif(not TFDS.is_dir(), reason=f"no prepared TFDS sets at {TFDS}")


def save(path: pathlib.Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_digits_splits_are_the_set_cut_in_two():
    parts = {split: data.digits_source(split, (8, 8)) for split in ("train", "test", "all")}
    assert {split: source.length for split, source in parts.items()} == {"train": 1438, "test": 359, "all": 1797}
    images, labels = (
        {split: source.fetch(np.arange(source.length))[key] for split, source in parts.items()}
        for key in ("image", "label")
    )
    np.testing.assert_array_equal(images["test"], images["all"][4::5])
    np.testing.assert_array_equal(images["train"], np.delete(images["all"], np.s_[4::5], axis=0))
    np.testing.assert_array_equal(labels["test"], labels["all"][4::5])
    assert (images["all"].min(), images["all"].max()) == (0, 255)


def test_digits_sizes_and_channels():
    source = data.open_dataset("digits", image_size=(16, 16), channels=3)
    assert source.image_shape == (16, 16, 3)
    assert source.class_names == tuple("0123456789")
    image = source.fetch(np.array([5]))["image"]
    assert image.shape == (1, 16, 16, 3)
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


def test_folder_reports_everything_it_leaves_out_by_name(tmp_path, caplog):
    save(tmp_path / "cat" / "a.png", noise(8, 8, 3))
    save(tmp_path / "dog" / "deep" / "b.JPG", noise(8, 8, 3))
    (tmp_path / "cat" / "notes.txt").write_text("hello")
    (tmp_path / "cat" / ".hidden").write_text("not mentioned")
    (tmp_path / "cat" / "cut.png").write_bytes((tmp_path / "cat" / "a.png").read_bytes()[:100])
    (tmp_path / "empty").mkdir()
    save(tmp_path / "stray.png", noise(8, 8, 3))
    with caplog.at_level(logging.WARNING, "jaxgan.data"):
        source = data.folder_source(tmp_path, (4, 4), 3)
    assert set(source.rejected) == {"cat/notes.txt", "cat/cut.png", "stray.png", "empty/"}
    (record,) = caplog.records
    assert "left out 4: " in record.getMessage()
    assert all(name in record.getMessage() for name in source.rejected)
    assert (source.class_names, source.length) == (("cat", "dog"), 2)
    np.testing.assert_array_equal(source.fetch(np.array([0, 1]))["label"], [0, 1])
    assert data.load(source).rejected == source.rejected


def test_folder_warning_counts_what_it_does_not_name(tmp_path, caplog):
    save(tmp_path / "cat" / "a.png", noise(8, 8, 3))
    for index in range(25):
        (tmp_path / "cat" / f"{index:02}.txt").write_text("")
    source = data.folder_source(tmp_path, (4, 4), 3)
    assert len(source.rejected) == 25
    assert "19.txt" in caplog.text and "20.txt" not in caplog.text and "and 5 more" in caplog.text


def test_folder_reads_every_kind_of_pixel_as_a_viewer_shows_it(tmp_path):
    clear = np.zeros((4, 4, 4), np.uint8)
    grey = np.full((4, 4), 100, np.uint8)
    kinds = {
        "0_grey.png": Image.fromarray(grey),
        "1_deep.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "2_bits.png": Image.fromarray(grey > 50),
        "3_clear.png": Image.fromarray(clear),
        "4_clear_palette.png": Image.fromarray(clear).quantize(4),
        "5_cmyk.jpg": Image.fromarray(np.full((4, 4, 3), 100, np.uint8)).convert("CMYK"),
    }
    (tmp_path / "all").mkdir()
    for name, picture in kinds.items():
        picture.save(tmp_path / "all" / name)
    images = data.folder_source(tmp_path, (4, 4), 3).fetch(np.arange(len(kinds)))["image"]
    assert images.shape == (6, 4, 4, 3)
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), [100, 100, 255, 255, 255, 100], atol=2)


def test_folder_loads_into_memory_unchanged(tmp_path):
    for index in range(70):
        save(tmp_path / f"{index % 3}" / f"{index:02}.png", np.full((4, 6, 3), index, np.uint8))
    where = f"folder:{tmp_path}"
    lazy = data.open_dataset(where, image_size=(4, 4), channels=1, in_memory=False)
    loaded = data.open_dataset(where, image_size=(4, 4), channels=1)
    assert (lazy.in_memory, loaded.in_memory) == (False, True)
    everything = np.arange(70)
    for key in ("image", "label"):
        np.testing.assert_array_equal(lazy.fetch(everything)[key], loaded.fetch(everything)[key])


def test_folder_errors(tmp_path):
    with pytest.raises(ValueError, match="is not a folder; give the path of a folder with one sub-folder per class"):
        data.folder_source(tmp_path / "nowhere", (4, 4), 3)
    with pytest.raises(ValueError, match=r"has no sub-folders and no readable image; accepted are \.png"):
        data.folder_source(tmp_path, (4, 4), 3)
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.txt").write_text("")
    with pytest.raises(ValueError, match=r"no readable image among 1 files; accepted are \.png .*cat/a\.txt"):
        data.folder_source(tmp_path, (4, 4), 3)
    save(tmp_path / "cat" / "b.png", noise(8, 8, 3))
    with pytest.raises(ValueError, match=r"channels must be 1 \(grey\) or 3 \(RGB\), got 2"):
        data.folder_source(tmp_path, (4, 4), 2)
    (tmp_path / "cat" / "a.txt").unlink()
    source = data.folder_source(tmp_path, (4, 4), 3)
    (tmp_path / "cat" / "b.png").write_bytes(b"gone")
    with pytest.raises(ValueError, match=r"cannot read .*cat/b\.png, which was readable .*: .* --accept_data_change"):
        data.load(source)
    with pytest.raises(ValueError, match=r"cannot read .*cat/b\.png"):
        next(data.batches(source, batch_size=2, seed=0))


@needs_tfds
def test_tfds_cifar10():
    source = data.open_dataset("tfds:cifar10", split="test", data_dir=TFDS, image_size=None, channels=3)
    assert (source.length, source.image_shape, source.in_memory) == (10_000, (32, 32, 3), True)
    assert source.class_names[:3] == ("airplane", "automobile", "bird")
    total, labels = np.zeros(3), []
    stream = data.batches(source, batch_size=500, seed=0)
    for _ in range(20):
        batch = next(stream)
        total += batch["image"].mean(axis=(0, 1, 2)) / 20
        labels.append(batch["label"])
    # The published channel means of CIFAR-10, 0.491 0.482 0.447, which lossy copies keep.
    np.testing.assert_allclose(total / 255, [0.491, 0.482, 0.447], atol=0.006)
    np.testing.assert_array_equal(np.bincount(np.concatenate(labels)), np.full(10, 1000))


@needs_tfds
def test_tfds_prepared_directory_by_name_resized_and_without_labels():
    flowers = data.tfds_source("flowers5", "train[:10]", TFDS, image_size=(16, 24), channels=1)
    assert flowers.class_names == ("daisy", "dandelion", "rose", "sunflower", "tulip")
    assert flowers.fetch(np.array([3, 0]))["image"].shape == (2, 16, 24, 1)
    plain = data.tfds_source("flowers5", "test", TFDS, label_key=None)
    assert (plain.class_names, plain.num_classes, plain.image_shape) == (("all",), 1, (128, 128, 3))
    assert not plain.fetch(np.arange(8))["label"].any()
    paired = data.tfds_source("camvid_pairs256", "test", TFDS, image_size=(8, 8), label_key=None)
    assert paired.fetch(np.array([2]))["image"].shape == (1, 8, 8, 3)


@needs_tfds
def test_tfds_imports_no_tensorflow_and_the_package_imports_little():
    code = f"""
import sys
import jaxgan.data as data
heavy = {{"jax", "grain", "tensorflow_datasets", "sklearn"}} & set(sys.modules)
assert not heavy, heavy
source = data.tfds_source("cifar10", "train", {str(TFDS)!r})
next(data.batches(source, batch_size=4, seed=0))
assert "tensorflow" not in sys.modules
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert run.returncode == 0, run.stderr


@needs_tfds
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"name": "cifar100"}, r"cifar100 is not prepared in .*needs TensorFlow once: pip install 'jaxgan\[prepare\]'"),
        ({"name": "cifra10"}, "cifra10 is neither an official data set nor prepared in .*did you mean cifar10"),
        ({"split": "dev"}, r"has no split 'dev'; its splits are \['train', 'test'\]"),
        (
            {"label_key": "kind"},
            r"no class label feature 'kind'; its class labels are \['label'\]; pass label_key=None",
        ),
        ({"image_key": "photo"}, r"has no uint8 image feature 'photo'; its image features are \['image'\]"),
        ({"channels": 4}, "channels must be 1"),
        ({"name": "cifar10/none"}, "tfds:cifar10/none: "),
        ({"name": "cifar10:9.9.9"}, "tfds:cifar10:9.9.9"),
    ],
)
def test_tfds_errors_are_one_line(kwargs, message):
    with pytest.raises(ValueError, match=message) as raised:
        data.tfds_source(**{"name": "cifar10", "split": "train", "data_dir": TFDS, **kwargs})
    assert "\n" not in str(raised.value)


@needs_tfds
@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("features.json", '"128"', '"-1"', r"has images of several sizes; pass image_size=\(height, width\)"),
        (
            "dataset_info.json",
            "array_record",
            "tfrecord",
            "as tfrecord, which has no random access; prepare",
        ),
    ],
)
def test_tfds_sets_that_need_more(tmp_path, file, old, new, message):
    there = tmp_path / "flowers5" / "1.0.0"
    there.mkdir(parents=True)
    for path in (TFDS / "flowers5" / "1.0.0").glob("*.*"):
        if path.suffix in (".json", ".txt"):
            text = path.read_text()
            (there / path.name).write_text(text.replace(old, new) if path.name == file else text)
        else:
            (there / path.name).symlink_to(path)
    with pytest.raises(ValueError, match=message):
        data.tfds_source("flowers5", "test", tmp_path)


@needs_tfds
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: None, r"lacks 1 of its 1 files, .*flowers5-test.array_record-00000-of-00001: restore them"),
        (lambda content: b"", r"lacks 1 of its 1 files, .*flowers5-test.array_record-00000-of-00001: restore them"),
        (
            lambda content: content[: len(content) // 2],
            r"cannot read example 0 of tfds:flowers5/test, in .*00001: Runt",
        ),
        (
            lambda content: content[: len(content) // 2] + bytes(65536) + content[len(content) // 2 + 65536 :],
            r"cannot read example \d+ of tfds:flowers5/test, in .*00001: RuntimeError: Corrupted .*; restore the file",
        ),
    ],
)
def test_a_missing_or_damaged_shard_is_named(tmp_path, damage, message):
    there = tmp_path / "flowers5" / "1.0.0"
    there.mkdir(parents=True)
    for path in (TFDS / "flowers5" / "1.0.0").glob("*.*"):
        (there / path.name).symlink_to(path)
    shard = there / "flowers5-test.array_record-00000-of-00001"
    content = damage(shard.read_bytes())
    shard.unlink()
    if content is not None:
        shard.write_bytes(content)
    with pytest.raises(ValueError, match=message) as raised:
        data.load(data.tfds_source("flowers5", "test", tmp_path))
    assert "\n" not in str(raised.value)


@needs_tfds
def test_a_read_error_passes_or_is_no_damage(monkeypatch):
    source = data.tfds_source("flowers5", "test", TFDS)
    whole = source.fetch(np.array([3]))["image"]
    read, failing = ArrayRecordDataSource.__getitems__, iter([True, True, False])

    def fails(records, indices):
        if next(failing, True):
            raise RuntimeError("UNKNOWN: pread() failed: Input/output error [5]")
        return read(records, indices)

    monkeypatch.setattr(ArrayRecordDataSource, "__getitems__", fails)
    monkeypatch.setattr("jaxgan.data.reading.PAUSES_SECONDS", (0, 0))
    np.testing.assert_array_equal(source.fetch(np.array([3]))["image"], whole)
    with pytest.raises(OSError, match=r"3 tries.*nothing against the file.*flowers5-test.array_record-000") as raised:
        source.fetch(np.array([3]))
    assert raised.value.errno == errno.EIO


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"name": "cifar10"},
            "unknown data set 'cifar10'; write 'digits', 'stacked_mnist', 'folder:PATH', 'pairs:DIR', 'domains:DIR'",
        ),
        ({"name": "stacked_mnist"}, "set channels=3, got 1"),
        ({"name": "folder:"}, "unknown data set 'folder:'"),
        ({"name": "digits", "split": "dev"}, r"digits has no split 'dev'; choose one of \['train', 'test', 'all'\]"),
        ({"name": "digits", "image_size": None}, r"digits needs an image_size=\(height, width\)"),
        ({"name": "digits", "image_size": (0, 4)}, "image_size must be two positive numbers"),
        (
            {"name": "digits", "test_share": 0.1},
            "digits has its own splits; only 'folder:PATH' and 'pairs:DIR' take a test_share",
        ),
        ({"name": "digits", "in_memory": "yes"}, "in_memory must be 'auto', True or False, got 'yes'"),
    ],
)
def test_open_source_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        data.open_dataset(**{"image_size": (4, 4), "channels": 1, **kwargs})


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            np.zeros((2, 4, 4, 1)),
            np.zeros(2, int),
            r"images must be uint8 \[N >= 1, H, W, C\], got float64 \[2, 4, 4, 1\]",
        ),
        (noise(2, 4, 4, 1), np.zeros(3, int), r"labels must be int \[2\], got int64 \[3\]"),
        (noise(2, 4, 4, 1), np.array([0, 2]), r"labels must lie in \[0, 2\), got 0 to 2"),
    ],
)
def test_in_memory_errors(images, labels, message):
    with pytest.raises(ValueError, match=message):
        data.in_memory(images, labels, class_names=["a", "b"])


def test_a_set_larger_than_the_free_memory_stays_on_disk(tmp_path, monkeypatch, caplog):
    (tmp_path / "cat").mkdir()
    for number in range(2):
        save(tmp_path / "cat" / f"{number}.png", noise(8, 8, 3))
    options = {"image_size": (8, 8), "channels": 3}
    assert data.open_dataset(f"folder:{tmp_path}", **options).in_memory
    monkeypatch.setattr("jaxgan.data.source.free_memory", lambda: 700)
    with caplog.at_level("INFO", logger="jaxgan.data"):
        assert not data.open_dataset(f"folder:{tmp_path}", **options).in_memory
    assert "stays on disk" in caplog.text
    with pytest.raises(ValueError, match=r"more than half of the .* GB that are free; leave it where it is"):
        data.open_dataset(f"folder:{tmp_path}", in_memory=True, **options)


def test_free_memory_is_what_the_control_group_leaves(tmp_path):
    from jaxgan.data.npz import free_memory

    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 90 kB\nMemAvailable: 80 kB\n")
    (group / "memory.max").write_text("max\n")
    assert free_memory(tmp_path) == 80 * 1024
    (group / "memory.max").write_text("9000\n")
    (group / "memory.current").write_text("5000\n")
    (group / "memory.stat").write_text("anon 4000\ninactive_file 1000\n")
    assert free_memory(tmp_path) == 5000
