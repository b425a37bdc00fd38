"""One image, and unpaired domains, from files and from a prepared set."""

import numpy as np
import pytest
from PIL import Image

from jaxgan import data


def save(path, shape, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def domains(path, **options):
    return data.open_domains(f"domains:{path}", **{"image_size": None, "channels": 3, **options})


def test_one_image(tmp_path):
    pixels = save(tmp_path / "lake.png", (6, 9, 3))
    source = data.open_dataset(f"image:{tmp_path / 'lake.png'}", image_size=None, channels=3)
    assert (source.length, source.image_shape, source.names(0)) == (1, (6, 9, 3), "lake")
    stream = data.batches(source, batch_size=3, seed=0, augment=(data.RandomCrop((6, 9)),))
    np.testing.assert_array_equal(next(stream)["image"], np.stack([pixels] * 3))
    assert data.open_dataset(f"image:{tmp_path / 'lake.png'}", image_size=(3, 3), channels=1).image_shape == (3, 3, 1)
    with pytest.raises(ValueError, match="is not a file; give the path of one image"):
        data.open_dataset(f"image:{tmp_path}", image_size=None, channels=3)
    with pytest.raises(ValueError, match=r"has no split 'test', only 'train'.* the whole image"):
        data.open_dataset(f"image:{tmp_path / 'lake.png'}", split="test", image_size=None, channels=3)
    (tmp_path / "lake.png").write_bytes(b"dry")
    with pytest.raises(ValueError, match=r"cannot read .*lake\.png"):
        data.open_dataset(f"image:{tmp_path / 'lake.png'}", image_size=None, channels=3)


def test_domains_of_folders(tmp_path):
    pixels = [save(tmp_path / "trainA" / f"{index}.png", (4, 4, 3), index) for index in range(3)]
    save(tmp_path / "trainB" / "x.png", (4, 6, 3))
    save(tmp_path / "testA" / "t.png", (4, 4, 3))
    opened = domains(tmp_path)
    assert {k: (s.length, s.image_shape) for k, s in opened.items()} == {"A": (3, (4, 4, 3)), "B": (1, (4, 6, 3))}
    np.testing.assert_array_equal(opened["A"].fetch(np.arange(3))["image"], pixels)
    assert opened["A"].names(2) == "2" and opened["A"].version not in ("", opened["B"].version)
    one = data.open_dataset(f"domains:{tmp_path}", split="testA", image_size=None, channels=3)
    assert one.names(0) == "t" and one.fields.keys() == {"image"}
    batch = next(data.batches(domains(tmp_path, image_size=(4, 4)), batch_size=2, seed=0))
    assert {k: v.shape for k, v in batch.items()} == {"image_A": (2, 4, 4, 3), "image_B": (2, 4, 4, 3)}


def test_domains_that_lack_something(tmp_path):
    with pytest.raises(ValueError, match="is not a folder; give a folder with the sub-folders trainA"):
        domains(tmp_path / "nowhere")
    save(tmp_path / "trainA" / "0.png", (4, 4, 3))
    save(tmp_path / "trainA" / "1.png", (5, 4, 3))
    with pytest.raises(
        ValueError, match=r"has the sub-folders \['trainA'\]; the split 'train' needs trainA and trainB"
    ):
        domains(tmp_path)
    (tmp_path / "trainB").mkdir()
    with pytest.raises(ValueError, match=r"trainB has no picture .*; fill it or remove it"):
        domains(tmp_path, image_size=(4, 4))
    with pytest.raises(ValueError, match=r"0\.png is 4x4, .*1\.png 5x4; pass image_size"):
        domains(tmp_path)
    with pytest.raises(ValueError, match=r"has the domains \['trainA', 'trainB'\], not 'train'; name one"):
        data.open_dataset(f"domains:{tmp_path}", image_size=None, channels=3)
    with pytest.raises(
        ValueError, match="'folder:x' is no set of unpaired domains; write 'domains:DIR' or 'tfds:NAME'"
    ):
        data.open_domains("folder:x", image_size=None, channels=3)


def test_domains_of_a_prepared_set(tfds_dir):
    options = {"data_dir": tfds_dir, "image_size": None, "channels": 3}
    train = data.open_domains("tfds:orange2lemon", **options)
    assert {k: (s.length, s.image_shape) for k, s in train.items()} == {
        "A": (500, (64, 64, 3)),
        "B": (500, (64, 64, 3)),
    }
    batch = next(data.batches(train, batch_size=4, seed=0, augment=(data.Jitter((72, 72), (64, 64)), data.Flip())))
    assert {k: v.shape for k, v in batch.items()} == {"image_A": (4, 64, 64, 3), "image_B": (4, 64, 64, 3)}
    # Lemons are less red of hue than oranges: the domains are not mixed up.
    greens = [s.fetch(np.arange(100))["image"][..., 1].mean() for s in train.values()]
    assert greens[1] > greens[0]
    with pytest.raises(ValueError, match="the split 'dev' needs devA and devB"):
        data.open_domains("tfds:orange2lemon", split="dev", **options)
