"""Data of image-to-image translation: a share of pairs held out, classes as domains, jitter by a factor, levels,
colours.
"""

import numpy as np
import pytest
from PIL import Image

from jaxgan import data
from jaxgan.data.fields import Field
from jaxgan.data.keys import Key
from jaxgan.data.palette import nearest_colour, palette


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.fixture
def pairs(tmp_path):
    for number in range(10):
        Image.fromarray(noise(4, 8, 3, seed=number)).save(tmp_path / f"{number}.png")
    return f"pairs:{tmp_path}"


def names(source):
    return {source.names(index) for index in range(source.length)}


def test_a_share_of_the_pairs_is_held_out_the_same_each_time(pairs):
    def opened(split, share=0.2):
        return data.open_dataset(pairs, split=split, image_size=None, channels=3, test_share=share)

    train, test = opened("train"), opened("test")
    assert (train.length, test.length) == (8, 2) and names(train) | names(test) == set(map(str, range(10)))
    assert not names(train) & names(test) and names(opened("test")) == names(test)
    assert opened("all").length == 10
    # Each keeps its own pixels.
    found = test.fetch(np.arange(2))
    for index in range(2):
        whole = noise(4, 8, 3, seed=int(test.names(index)))
        np.testing.assert_array_equal(found["image_A"][index], whole[:, :4])
    with pytest.raises(ValueError, match=r"no split 'test'; choose one of \['train', 'all'\]"):
        opened("test", 0.0)
    with pytest.raises(ValueError, match="test_share=1 must be at least 0 and less than 1"):
        opened("train", 1)


def test_one_pair_cannot_be_parted(tmp_path):
    Image.fromarray(noise(4, 8, 3)).save(tmp_path / "0.png")
    with pytest.raises(ValueError, match="there is one pair, and none to hold out; set test_share=0"):
        data.open_dataset(f"pairs:{tmp_path}", split="test", image_size=None, channels=3, test_share=0.5)


def test_classes_are_domains():
    images, labels = noise(9, 4, 4, 1), np.arange(9) % 3
    source = data.in_memory(images, labels, class_names=("daisy", "rose", "tulip"))
    found = data.class_domains(source, {"A": "tulip", "B": "daisy"})
    assert {domain: (s.length, set(s.fields)) for domain, s in found.items()} == {
        "A": (3, {"image"}),
        "B": (3, {"image"}),
    }
    np.testing.assert_array_equal(found["A"].fetch(np.array([2, 0]))["image"], images[[8, 2]])
    assert found["A"].version != found["B"].version != ""
    with pytest.raises(ValueError, match="has no class 'lily'; choose from daisy, rose, tulip"):
        data.class_domains(source, {"A": "lily", "B": "daisy"})


def test_jitter_by_a_factor_keeps_the_size_whatever_it_is():
    image = Field((32, 48, 3), np.uint8, "image")
    fields = {"image": image, "map": Field((32, 48, 1), np.uint8, "map")}
    example = {"image": noise(32, 48, 3), "map": noise(32, 48, 1) % 5}
    by_factor, by_sizes = data.Jitter(factor=1.25), data.Jitter((40, 60), (32, 48))
    assert by_factor.fields_after(fields) == fields
    for position in range(4):
        one, other = (op(fields, example, Key(0, position, 0)) for op in (by_factor, by_sizes))
        for name in fields:
            np.testing.assert_array_equal(one[name], other[name])
    for wrong in (dict(), dict(factor=1.1, size=(2, 2)), dict(resize=(4, 4))):
        with pytest.raises(ValueError, match="jitter takes a factor, or resize and size"):
            data.Jitter(**wrong)
    with pytest.raises(ValueError, match=r"give a factor from 1 and below 16, got 0\.5"):
        data.Jitter(factor=0.5)


def test_levels_are_equal_ranges_of_luma():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    fields = {"image": Field(grey.shape, np.uint8, "image")}
    made = data.Levels(classes=4)
    assert made.fields_after(fields)["levels"] == Field((16, 16, 1), np.uint8, "map", 4)
    found = made(fields, {"image": grey}, Key(0, 0))["levels"]
    np.testing.assert_array_equal(found.ravel(), np.arange(256) // 64)
    with pytest.raises(ValueError, match="levels needs 2 to 256 classes, got 1"):
        data.Levels(classes=1)


def test_colours_of_a_map_are_read_back():
    ids = (noise(6, 7, 1) % 12).astype(np.uint8)
    fields = {"label_map": Field(ids.shape, np.uint8, "map", 12)}
    found = data.Colours()(fields, {"label_map": ids}, Key(0, 0))["colours"]
    np.testing.assert_array_equal(found, palette()[ids[..., 0]])
    blurred = np.clip(found.astype(int) + np.random.default_rng(0).integers(-8, 9, found.shape), 0, 255)
    np.testing.assert_array_equal(nearest_colour(blurred.astype(np.uint8), 12), ids[..., 0])
    with pytest.raises(ValueError, match="colours needs a map 'image'; the maps are"):
        data.Colours("image").fields_after(fields)
