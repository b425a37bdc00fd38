"""Fields, padding, and sources of several fields: joined, renamed, loaded."""

import pickle

import numpy as np
import pytest

from jaxgan import data
from jaxgan.data.fields import Field, FieldSpec, check_ids, field_specs, pad


def photos(length=6, name="photos"):
    images = np.random.default_rng(0).integers(0, 256, (length, 4, 6, 3), np.uint8)
    return data.in_memory(images, np.arange(length) % 2, class_names=["cat", "dog"], name=name)


def maps(length=6):
    ids = np.random.default_rng(1).integers(0, 5, (length, 4, 6, 1), np.uint8)
    return data.array_source({"map": ids}, {"map": Field((4, 6, 1), np.uint8, "map", 5)}, name="maps")


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "classes", "message"),
    [
        ((4, 4, 3), np.float32, "image", 0, r"image field must be uint8 .* got float32 \[4, 4, 3\]"),
        ((4, 4), np.uint8, "image", 0, r"\[H, W, C\] or \[T, H, W, C\], got uint8 \[4, 4\]"),
        ((4, 4, 3), np.int32, "map", 0, r"map field must be of integers .* got int32 \[4, 4, 3\]"),
        ((4, 4), np.float32, "map", 0, "map field must be of integers"),
        ((4, 0), np.float32, "value", 0, "sizes must be positive"),
        ((), np.float32, "value", 3, "only integers have classes"),
        ((), np.int32, "label", 3, r"one of \['image', 'map', 'value'\], got 'label'"),
    ],
)
def test_a_field_fits_its_kind(shape, dtype, kind, classes, message):
    with pytest.raises(ValueError, match=message):
        Field(shape, dtype, kind, classes)


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "resized"),
    [
        ((4, 6, 3), np.uint8, "image", (2, 3, 3)),
        ((5, 4, 6, 3), np.uint8, "image", (5, 2, 3, 3)),
        ((4, 6), np.int64, "map", (2, 3)),
        ((4, 6, 1), np.uint8, "map", (2, 3, 1)),
        ((5, 4, 6, 1), np.uint8, "map", (5, 2, 3, 1)),
    ],
)
def test_a_pictures_size(shape, dtype, kind, resized):
    field = Field(shape, dtype, kind)
    assert field.size == (4, 6) and field.with_size((2, 3)).shape == resized
    assert field.num_bytes == np.prod(shape) * np.dtype(dtype).itemsize


def test_ids_are_checked_where_classes_are_declared():
    ids = np.array([[0, 11]])
    check_ids(ids, Field((1, 2), np.int64, "map", 12), "here")
    check_ids(ids, Field((1, 2), np.int64, "map"), "here")
    with pytest.raises(ValueError, match=r"b\.png holds the id 11, but the field has 11 classes, ids 0 to 10"):
        check_ids(ids, Field((1, 2), np.int64, "map", 11), "b.png")
    with pytest.raises(ValueError, match="holds the id -1"):
        check_ids(-ids[:, :1] - 1, Field((1, 2), np.int64, "map", 11), "b.png")


def test_padding_says_where_values_are():
    padded, mask = pad(np.ones((2, 3), np.float32), (4,), (3,), np.float32, truncate=False, where="x")
    np.testing.assert_array_equal(padded, [[1] * 3, [1] * 3, [0] * 3, [0] * 3])
    assert mask.tolist() == [True, True, False, False]
    nested, mask = pad([np.array([1, 2, 3]), np.array([], int)], (3, 4), (), np.int32, truncate=False, where="x")
    assert nested.tolist() == [[1, 2, 3, 0], [0] * 4, [0] * 4]
    assert mask.tolist() == [[True, True, True, False], [False] * 4, [False] * 4]
    with pytest.raises(ValueError, match="x has 3 entries where the field's length is 2; declare a longer one"):
        pad(np.arange(3), (2,), (), np.int32, truncate=False, where="x")
    assert pad(np.arange(3), (2,), (), np.int32, truncate=True, where="x")[0].tolist() == [0, 1]


def test_specs_from_plain_data():
    given = {
        "map": {"key": "label_map", "kind": "map", "classes": 12},
        "image": "photo",
        "text": FieldSpec("t", length=9),
    }
    assert field_specs(given) == {
        "map": FieldSpec("label_map", "map", 12),
        "image": FieldSpec("photo"),
        "text": FieldSpec("t", length=9),
    }
    with pytest.raises(
        ValueError, match=r"a mapping with 'key' and any of \['kind', 'classes', 'length', 'truncate'\]"
    ):
        field_specs({"map": {"kind": "map"}})
    with pytest.raises(ValueError, match=r"kind must be one of .* got 'ids'"):
        field_specs({"map": {"key": "x", "kind": "ids"}})
    with pytest.raises(ValueError, match="lengths must be positive"):
        field_specs({"map": {"key": "x", "length": (2, 0)}})


def test_joined_views_are_one_set():
    photo, ids = photos(), maps()
    both = pickle.loads(pickle.dumps(data.joined(photo=photo, map=ids)))
    assert list(both.fields) == ["photo", "label", "map"] and both.in_memory
    assert (both.num_classes, both.class_names) == (2, ("cat", "dog"))
    batch = both.fetch(np.array([4, 1]))
    for key, source, old in (("photo", photo, "image"), ("label", photo, "label"), ("map", ids, "map")):
        np.testing.assert_array_equal(batch[key], source.fetch(np.array([4, 1]))[old])
    np.testing.assert_array_equal(both.labels(np.array([4, 1])), batch["label"])


def test_joined_views_must_fit():
    with pytest.raises(ValueError, match="one length, got photo: 6, map: 5"):
        data.joined(photo=photos(), map=maps(5))
    with pytest.raises(ValueError, match="'high' and 'low' both have a field 'label'; rename or drop one with select"):
        data.joined(high=photos(), low=photos())
    with pytest.raises(ValueError, match="at least one view"):
        data.joined()
    fine = data.joined(high=photos(), low=data.select(photos(), image="image"))
    assert list(fine.fields) == ["high", "label", "low"]


def test_select_renames_and_drops():
    source = data.select(photos(), photo="image", label="label", again="image")
    batch = source.fetch(np.array([2, 3]))
    np.testing.assert_array_equal(batch["photo"], photos().fetch(np.array([2, 3]))["image"])
    batch["photo"][:] = 0
    assert batch["again"].any() and source.class_names == ("cat", "dog")
    without = data.select(photos(), image="image")
    assert (without.num_classes, without.class_names, without.labels) == (0, (), None)
    with pytest.raises(ValueError, match=r"photos has no field \['map'\]; its fields are \['image', 'label'\]"):
        data.select(photos(), map="map")


def test_every_field_is_loaded():
    source = data.joined(image=photos(70), map=maps(70))
    loaded = data.load(data.Source(**{**vars(source), "in_memory": False}))
    assert loaded.in_memory and loaded.fields == source.fields and loaded.num_bytes == 70 * (4 * 6 * 4 + 4)
    for key, value in source.fetch(np.arange(70)).items():
        np.testing.assert_array_equal(loaded.fetch(np.arange(70))[key], value)


def test_array_source_errors():
    ids = np.zeros((3, 4, 4, 1), np.uint8)
    ids[1] = 7
    field = Field((4, 4, 1), np.uint8, "map", 5)
    with pytest.raises(ValueError, match="maps: map of example 1 holds the id 7, but the field has 5 classes"):
        data.array_source({"map": ids}, {"map": field}, name="maps")
    with pytest.raises(ValueError, match="maps: map of example b holds the id 7"):
        data.array_source({"map": ids}, {"map": field}, name="maps", names="abc".__getitem__)
    with pytest.raises(ValueError, match=r"map must be uint8 \[N >= 1, 4, 4, 1\]"):
        data.array_source({"map": ids.astype(int)}, {"map": field})
    with pytest.raises(ValueError, match=r"\['map'\] and fields \['ids'\] must have the same names"):
        data.array_source({"map": ids}, {"ids": field})
    with pytest.raises(ValueError, match=r"maps has no field 'image'; its fields are \['map'\]"):
        _ = maps().image_shape
