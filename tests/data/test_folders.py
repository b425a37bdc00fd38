"""Folders as they come: links, sub-folders that may not be listed, numeric classes, splits, large sets, bad disks."""

import errno
import logging
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan import data
from jaxgan.data import picture_scan, reading
from jaxgan.data.folder import held_out_share
from jaxgan.data.image_set import describe_source, open_images
from jaxgan.data.walk import walk


def save(path: Path, value: int = 0, size=(4, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, np.uint8)).save(path)


def opened(path, **options):
    return data.open_dataset(f"folder:{path}", **{"image_size": (4, 4), "channels": 1, **options})


def named(source):
    return [source.names(index) for index in range(source.length)]


def test_links_in_a_circle_and_second_ways_to_a_folder(tmp_path, caplog):
    root = tmp_path / "set"
    for index in range(6):
        save(root / "ab"[index % 2] / f"{index}.png", index)
    (root / "a" / "up").symlink_to("..")
    (root / "a" / "b").symlink_to("../b")
    (root / "b" / "a").symlink_to("../a")
    (root / "b" / "self").symlink_to(".")
    for found in (opened(root), open_images(str(root)).source):
        assert named(found) == ["a/0", "a/2", "a/4", "b/1", "b/3", "b/5"]
        assert found.rejected == ("a/b/", "a/up/", "b/a/", "b/self/")
    assert "a/up/ (a link to a folder that holds this one)" in caplog.text
    assert "b/a/ (a link to a folder that is read already)" in caplog.text


def test_links_that_lead_outside_are_followed_and_said(tmp_path, caplog):
    root = tmp_path / "set"
    save(root / "a" / "0.png")
    save(tmp_path / "elsewhere" / "1.png")
    save(tmp_path / "one.png")
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "2.png").symlink_to(tmp_path / "one.png")
    (root / "a" / "all").symlink_to("/")
    for found in (opened(root), open_images(str(root)).source):
        assert named(found) == ["a/0", "a/2", "b/1"] and found.rejected == ("a/all/",)
    assert f"2 links lead outside of it: a/2.png -> {tmp_path}/one.png, b -> {tmp_path}/elsewhere" in caplog.text


def test_a_folder_that_may_not_be_listed_is_named(tmp_path, monkeypatch, caplog):
    save(tmp_path / "a" / "0.png")
    save(tmp_path / "a" / "private" / "1.png")
    listed = os.scandir

    def scandir(path):
        if Path(path).name == "private":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    for found in (opened(tmp_path), open_images(str(tmp_path)).source):
        assert found.length == 1 and found.rejected == ("a/private/",)
    assert "a/private/ (cannot be listed: Permission denied)" in caplog.text


@pytest.mark.parametrize("fails", ["scandir", "stat"])
def test_a_disk_that_fails_takes_nothing_out_of_a_set(tmp_path, monkeypatch, fails):
    """A passing error is tried again; one that stays ends the reading and names the file."""
    monkeypatch.setattr(reading, "PAUSES_SECONDS", (0, 0))
    for index in range(3):
        save(tmp_path / "a" / f"{index}.png")
    real, left = getattr(os, fails), [2]

    def failing(path, *rest, **more):
        if Path(path).name == {"scandir": "a", "stat": "1.png"}[fails] and left[0]:
            left[0] -= 1
            raise OSError(errno.EIO, "Input/output error", str(path))
        return real(path, *rest, **more)

    monkeypatch.setattr(os, fails, failing)
    assert opened(tmp_path).length == 3 and left == [0]
    left[0] = 10**6
    place = {"scandir": "a'", "stat": "1.png"}[fails]
    for read in (opened, lambda path: open_images(str(path)), lambda path: walk(path) and opened(path)):
        with pytest.raises(OSError, match=rf"\(3 tries\); this says nothing against the file: mend.*{place}") as raised:
            read(tmp_path)
        assert raised.value.errno == errno.EIO


def test_classes_that_are_numbers_are_in_the_order_of_numbers(tmp_path):
    for name in (10, 9, 2, 1, 0):
        save(tmp_path / str(name) / "x.png", name)
    for found in (opened(tmp_path), open_images(str(tmp_path)).source):
        assert found.class_names == ("0", "1", "2", "9", "10")
        batch = found.fetch(np.arange(5))
        assert [found.class_names[label] for label in batch["label"]] == [str(v) for v in batch["image"][:, 0, 0, 0]]
    save(tmp_path / "two" / "x.png")
    assert opened(tmp_path).class_names == ("0", "1", "10", "2", "9", "two")


def test_sub_folders_train_and_test_are_splits(tmp_path, caplog):
    for split, names in {"train": ("10", "9", "2"), "test": ("9", "10")}.items():
        for name in names:
            save(tmp_path / split / name / f"{split}.png", int(name))
    (tmp_path / "train" / "0").mkdir()
    (tmp_path / "LICENCE").write_text("")
    train, test = opened(tmp_path), opened(tmp_path, split="test")
    assert train.class_names == test.class_names == ("2", "9", "10")
    assert test.fetch(np.arange(2))["label"].tolist() == [2, 1] and named(test) == ["10/test", "9/test"]
    assert train.rejected == ("0/", "../LICENCE") and "../LICENCE (not in the folder of a split)" in caplog.text
    described = describe_source(f"folder:{tmp_path}", test, "test", image_size=(4, 4))
    alone = open_images(str(tmp_path / "test"))
    assert (described.version, described.split, described.crop) == (alone.version, "test", "none")
    assert described.version != train.version
    with pytest.raises(ValueError, match="has no split 'validation': choose one of train, test"):
        opened(tmp_path, split="validation")
    with pytest.raises(ValueError, match="has the splits train, test as sub-folders; set test_share=0"):
        opened(tmp_path, test_share=0.5)
    with pytest.raises(ValueError, match=r"holds the splits train, test; give one of them: .*/train or .*/test"):
        open_images(str(tmp_path))
    half = tmp_path / ".half"
    save(half / "train" / "1" / "0.png")
    save(half / "test" / "0.png")
    with pytest.raises(ValueError, match=r"half/test has no sub-folders, and train/ has the classes 1; make their"):
        opened(half, split="test")
    save(tmp_path / "test" / "11" / "x.png")
    with pytest.raises(ValueError, match=r"has the classes 11 \(not in train/\); give train/ images of them"):
        opened(tmp_path, split="test")


def test_a_folder_without_sub_folders_is_one_class(tmp_path):
    for split, count in (("train", 4), ("test", 2)):
        for index in range(count):
            save(tmp_path / "splits" / split / f"{index}.png", index)
            save(tmp_path / "whole" / f"{split}{index}.png", index)
    (tmp_path / "whole" / "notes.txt").write_text("no picture")
    train, test = opened(tmp_path / "splits"), opened(tmp_path / "splits", split="test")
    assert (train.length, test.length, train.class_names, test.class_names) == (4, 2, ("all",), ("all",))
    whole = opened(tmp_path / "whole")
    assert (whole.length, whole.num_classes, whole.rejected) == (6, 1, ("notes.txt",))
    assert whole.fetch(np.arange(6))["label"].tolist() == [0] * 6
    held = opened(tmp_path / "whole", split="test", test_share=0.3)
    assert held.length == 2 and set(named(held)) <= set(named(whole))


def test_a_share_of_each_class_is_held_out(tmp_path):
    for index in range(45):
        save(tmp_path / ("a" if index < 20 else "b" if index < 44 else "lone") / f"{index}.png", index)
    whole = opened(tmp_path, split="all", test_share=0.25)
    train, test = (opened(tmp_path, split=split, test_share=0.25) for split in ("train", "test"))
    assert sorted(named(train) + named(test)) == named(whole) == named(opened(tmp_path))
    assert np.bincount(test.labels(np.arange(test.length)), minlength=3).tolist() == [5, 6, 0]
    assert train.class_names == test.class_names == ("a", "b", "lone")
    assert len({whole.version, train.version, test.version}) == 3 and whole.version == opened(tmp_path).version
    assert (
        named(pickle.loads(pickle.dumps(test))) == named(test) == named(opened(tmp_path, split="test", test_share=0.25))
    )
    with pytest.raises(
        ValueError, match=r"has no split 'test', only 'train' \(or 'all'\).*--config.data.test_share=0.1"
    ):
        opened(tmp_path, split="test")
    with pytest.raises(ValueError, match=r"test_share=1\.5 must be at least 0 and less than 1"):
        opened(tmp_path, test_share=1.5)
    # A file more moves no file that was not next in line.
    names, labels = [f"{index}.png" for index in range(100)], np.zeros(100, int)
    before = {name for name, held in zip(names, held_out_share(names, labels, 0.3)) if held}
    after = {
        n for n, held in zip([*names, "new.png"], held_out_share([*names, "new.png"], np.zeros(101, int), 0.3)) if held
    }
    assert len(before) == 30 and len(before ^ after) <= 2


@pytest.mark.parametrize("damage", ["half", "trailer"])
def test_of_a_large_set_a_truncated_file_is_left_out(tmp_path, monkeypatch, caplog, damage):
    monkeypatch.setattr(picture_scan, "FULL_SCAN_FILES", 3)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for kind in ("png", "jpg", "webp", "bmp"):
        (tmp_path / "a").mkdir(exist_ok=True)
        for name in ("whole", "bad"):
            Image.fromarray(pixels).save(tmp_path / "a" / f"{name}.{kind}")
        bad = tmp_path / "a" / f"bad.{kind}"
        if damage == "half":
            bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
        else:
            bad.write_bytes(bad.read_bytes() + b"bytes that a camera adds")
    kept = 4 if damage == "half" else 8
    for found in (
        opened(tmp_path),
        opened(tmp_path, in_memory=False),
        open_images(str(tmp_path), image_size=(4, 4)).source,
    ):
        assert found.length == kept and len(found.rejected) == 8 - kept and found.version.startswith("sizes-")
        assert found.fetch(np.arange(kept))["image"].shape[0] == kept
    assert ("left out 4: a/bad.bmp" in caplog.text) == (damage == "half")


def test_every_kind_of_set_has_a_version_of_its_content(tmp_path):
    for part in ("trainA", "trainB"):
        save(tmp_path / "domains" / part / "0.png", 1)
    save(tmp_path / "pairs" / "A" / "0.png", 1)
    save(tmp_path / "pairs" / "B" / "0.png", 2)
    save(tmp_path / "folder" / "a" / "0.png", 1)
    options = {"image_size": (4, 4), "channels": 1}

    def versions():
        names = ("digits", f"folder:{tmp_path}/folder", f"pairs:{tmp_path}/pairs", f"image:{tmp_path}/folder/a/0.png")
        sources = [data.open_dataset(name, in_memory=flag, **options) for name in names for flag in (True, False)]
        sources += data.open_domains(f"domains:{tmp_path}/domains", **options).values()
        return [source.version for source in sources]

    before = versions()
    assert all(before) and before == versions() and before[0:8:2] == before[1:8:2]
    for place in ("domains/trainA", "domains/trainB", "pairs/B", "folder/a"):
        save(tmp_path / place / "0.png", 9)
    after = versions()
    assert [a == b for a, b in zip(before, after)] == [True] * 2 + [False] * 8


def test_what_is_left_out_is_counted_the_same_way_everywhere(tmp_path, caplog):
    for folder in ("set/a", "domains/trainA", "domains/trainB", "pairs"):
        save(tmp_path / folder / "0.png", 1, (4, 8))
        (tmp_path / folder / "bad.png").write_bytes(b"no image")
        (tmp_path / folder / "\x1b[31mnotes.txt").write_text("")
    for read in (
        lambda: opened(tmp_path / "set"),
        lambda: open_images(str(tmp_path / "set")),
        lambda: data.open_domains(f"domains:{tmp_path}/domains", image_size=(4, 4), channels=1),
        lambda: data.open_dataset(f"pairs:{tmp_path}/pairs", image_size=(4, 4), channels=1),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "jaxgan.data"):
            read()
        for record in caplog.records:
            assert "left out 2: " in record.getMessage() and "bad.png (no image (PNG" in record.getMessage()
            assert "\x1b" not in record.getMessage() and "\\x1b[31mnotes.txt (not one of" in record.getMessage()
        assert caplog.records


def test_other_folders_next_to_splits_are_refused(tmp_path):
    for name in ("train/cat", "test/cat", "extra"):
        (tmp_path / name).mkdir(parents=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / name / "0.png")
    with pytest.raises(ValueError, match=r"has the splits train, test and other folders next to them: extra; move tho"):
        opened(tmp_path)
    (tmp_path / "test").rename(tmp_path / "car")
    assert opened(tmp_path).class_names == ("car", "extra", "train")


def test_of_a_large_set_a_webp_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_scan, "FULL_SCAN_FILES", 0)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for name in ("whole", "bad"):
        Image.fromarray(pixels).save(tmp_path / f"{name}.webp", lossless=True)
    content = (tmp_path / "bad.webp").read_bytes()
    (tmp_path / "bad.webp").write_bytes(content[:200] + b"\xff" * (len(content) - 200))
    source = opened(tmp_path)
    assert source.length == 1 and source.rejected == ("bad.webp",)
