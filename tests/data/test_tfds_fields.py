"""Any feature of a TFDS set as a field: maps, clips, text, variable lengths; without TensorFlow."""

import pickle

import numpy as np
import pytest

from jaxgan import data
from jaxgan.data.fields import FieldSpec
from jaxgan.data.tfds_fields import tfds_reader


@pytest.fixture(scope="module")
def features():
    from tensorflow_datasets import features as f

    return {
        "clip": f.Sequence(f.Image(shape=(6, 8, 3)), length=2),
        "video": f.Sequence(f.Image(shape=(6, 8, 3))),
        "labels": f.LabeledImage(labels=5, shape=(None, None, 1)),
        "photo": f.Image(shape=(None, None, 3)),
        "depth": f.Image(shape=(6, 8, 1), dtype=np.uint16),
        "caption": f.Text(),
        "captions": f.Sequence(f.Text()),
        "objects": f.Sequence({"box": f.BBoxFeature(), "kind": f.ClassLabel(num_classes=3)}),
        "grid": f.Tensor(shape=(2, None), dtype=np.float32),
        "pose": f.Tensor(shape=(17, 2), dtype=np.float64),
        "nested": f.FeaturesDict({"x": f.Scalar(np.int64)}),
        "kind": f.ClassLabel(names=["a", "b"]),
    }


def reader(features, key, size=None, **options):
    return tfds_reader("tfds:toy", "new", FieldSpec(key, **options), features, size, 3)


def test_pictures_and_clips(features):
    frames = np.random.default_rng(0).integers(0, 256, (3, 6, 8, 3), np.uint8)
    fixed = reader(features, "clip")
    assert fixed.fields == {"new": data.Field((2, 6, 8, 3), np.uint8, "image")}
    np.testing.assert_array_equal(fixed.read({"clip": frames[:2]}, "x")["new"], frames[:2])
    padded = reader(features, "video", length=4)
    assert {k: f.shape for k, f in padded.fields.items()} == {"new": (4, 6, 8, 3), "new_mask": (4,)}
    made = padded.read({"video": list(frames)}, "x")
    np.testing.assert_array_equal(made["new"][:3], frames)
    assert not made["new"][3].any() and made["new_mask"].tolist() == [True, True, True, False]
    assert reader(features, "video", size=(3, 4), length=2).fields["new"].shape == (2, 3, 4, 3)
    with pytest.raises(ValueError, match="x: video has 3 entries where the field's length is 2"):
        reader(features, "video", length=2).read({"video": list(frames)}, "x")


def test_labelled_images_are_maps(features):
    made = reader(features, "labels", size=(4, 4))
    assert made.fields["new"] == data.Field((4, 4, 1), np.uint8, "map", 5)
    ids = np.random.default_rng(0).integers(0, 2, (12, 12, 1)).astype(np.uint8) * 4
    assert set(np.unique(made.read({"labels": ids}, "x")["new"])) == {0, 4}
    with pytest.raises(ValueError, match="x: labels holds the id 5"):
        made.read({"labels": ids + np.uint8(1)}, "x")
    assert reader(features, "depth", kind="map").fields["new"].dtype == np.int32


def test_text_is_bytes(features):
    made = reader(features, "caption", length=8).read({"caption": "né".encode()}, "x")
    assert bytes(made["new"][made["new_mask"]]).decode() == "né"
    many = reader(features, "captions", length=(3, 4))
    made = many.read({"captions": [b"ab", b"abcd"]}, "x")
    assert made["new"].shape == (3, 4) and made["new_mask"].sum(1).tolist() == [2, 4, 0]
    with pytest.raises(ValueError, match="has 5 entries where the field's length is 4"):
        many.read({"captions": [b"abcde"]}, "x")
    cut = reader(features, "captions", length=(1, 4), truncate=True).read({"captions": [b"abcde", b"x"]}, "x")
    assert bytes(cut["new"][0]) == b"abcd"


def test_tensors_and_nested_sequences(features):
    boxes = np.random.default_rng(0).random((2, 4), np.float32)
    record = {"objects": {"box": boxes, "kind": np.array([2, 1])}, "nested": {"x": 5}, "pose": np.ones((17, 2))}
    made = reader(features, "objects/box", length=3).read(record, "x")
    np.testing.assert_array_equal(made["new"], np.concatenate([boxes, np.zeros((1, 4), np.float32)]))
    kinds = reader(features, "objects/kind", length=3)
    assert kinds.fields["new"].classes == 3 and kinds.read(record, "x")["new"].tolist() == [2, 1, 0]
    assert reader(features, "nested/x").read(record, "x")["new"] == 5
    pose = reader(features, "pose")
    assert pose.fields["new"] == data.Field((17, 2), np.float64, "value")
    np.testing.assert_array_equal(pose.read(record, "x")["new"], 1)
    grid = reader(features, "grid", length=(2, 3)).read({"grid": [np.ones(1), np.ones(3)]}, "x")
    assert grid["new"].tolist() == [[1, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize(
    ("key", "options", "message"),
    [
        ("foto", {}, "has no feature 'foto', which field 'new' asks for; its features are .*'caption'"),
        ("objects", {}, "'objects' is nested; name one of its features, such as 'objects/box'"),
        ("photo", {}, "images of several sizes; pass image_size"),
        ("video", {}, "clips of any length, got length=None; give it one number of frames"),
        ("clip", {"length": 2}, "one shape, got length=2; leave the length out"),
        ("caption", {}, "1 axes of variable length .* give 'length' a number for each, the last one in bytes"),
        ("captions", {"length": 3}, "2 axes of variable length"),
        ("pose", {"kind": "map"}, "'new' is no map: 'pose' is Tensor.*; its kind is 'value'"),
        ("clip", {"kind": "map"}, r"a map has one channel, 'clip' is \[6, 8, 3\]"),
        ("depth", {}, "holds uint16, images are of uint8"),
    ],
)
def test_what_cannot_be_read(features, key, options, message):
    with pytest.raises(ValueError, match=message):
        reader(features, key, **options)


CAMVID = {"image": "image", "map": {"key": "label_map", "kind": "map", "classes": 12}}


def test_camvid_pairs(tfds_dir):
    options = {"split": "test", "data_dir": tfds_dir, "channels": 3, "in_memory": False}
    stored = data.open_dataset("tfds:camvid_pairs256", image_size=None, fields=CAMVID, **options)
    assert stored.fields["map"] == data.Field((256, 256, 1), np.uint8, "map", 12)
    assert stored.names(0) == "Seq05VD_f02100" and stored.version.startswith("1.0.0+") and stored.num_classes == 0
    small = data.open_dataset("tfds:camvid_pairs256", image_size=(64, 64), fields=CAMVID, **options)
    chosen = np.array([7, 3])
    whole, shrunk = stored.fetch(chosen)["map"], small.fetch(chosen)["map"]
    np.testing.assert_array_equal(shrunk, whole[:, 2::4, 2::4])
    chain = (data.Jitter((72, 72), (64, 64)), data.Flip())
    batch = next(data.batches(pickle.loads(pickle.dumps(small)), batch_size=4, seed=0, augment=chain, with_index=True))
    assert batch["map"].max() < 12 and batch["image"].shape == (4, 64, 64, 3)
    for row, index in enumerate(batch["index"]):
        assert set(np.unique(batch["map"][row])) <= set(np.unique(small.fetch(np.array([index]))["map"]))
    few = {**CAMVID, "map": {**CAMVID["map"], "classes": 11}}
    wrong = data.open_dataset("tfds:camvid_pairs256", image_size=(64, 64), fields=few, **options)
    with pytest.raises(ValueError, match=r"example 0 \(Seq05VD_f02100\): label_map holds the id 11, .* has 11 classes"):
        wrong.fetch(np.array([0]))


def test_captions_and_labels(tfds_dir):
    fields = {"image": "image", "label": "category", "text": {"key": "captions", "length": (4, 200)}}
    options = {"split": "test[:20]", "data_dir": tfds_dir, "image_size": (16, 16), "channels": 3, "fields": fields}
    source = data.open_dataset("tfds:noto_emoji_captions", **options)
    assert source.in_memory and source.num_classes == 10 == len(source.class_names)
    batch = next(data.batches(source, batch_size=4, seed=0, with_index=True))
    texts, mask = batch["text"], batch["text_mask"]
    first = bytes(texts[0, 0][mask[0, 0]]).decode()
    assert first and first == bytes(source.fetch(batch["index"][:1])["text"][0, 0]).decode().rstrip("\0")
    lazy = data.open_dataset("tfds:noto_emoji_captions", in_memory=False, **options)
    np.testing.assert_array_equal(lazy.labels(np.arange(20)), source.labels(np.arange(20)))


def test_trajectories_are_padded(tfds_dir):
    fields = {"path": {"key": "traj", "length": 60}, "frame": "frame"}
    options = {"split": "biwi_eth_val", "data_dir": tfds_dir, "image_size": None, "channels": 3, "fields": fields}
    source = data.open_dataset("tfds:eth_ucy", **options)
    assert {k: f.shape for k, f in source.fields.items()} == {"path": (60, 20, 2), "path_mask": (60,), "frame": ()}
    batch = source.fetch(np.arange(source.length))
    assert batch["path_mask"].sum(1).min() >= 2 and not batch["path"][~batch["path_mask"]].any()
    with pytest.raises(ValueError, match=r"example \d+: traj has \d+ entries where the field's length is 2"):
        data.open_dataset("tfds:eth_ucy", **{**options, "fields": {"path": {"key": "traj", "length": 2}}})
    with pytest.raises(ValueError, match="only 'tfds:NAME' and 'pairs:DIR' sets take fields"):
        data.open_dataset("digits", **{**options, "split": "test", "image_size": (4, 4), "channels": 1})


def test_more_classes_than_there_can_be_are_refused_before_their_names_are_made():
    from tensorflow_datasets import features as f

    with pytest.raises(ValueError, match=r"tfds:toy: 'kind' has 50,000,000 classes, more than the 1,000,000"):
        reader({"kind": f.ClassLabel(num_classes=50_000_000)}, "kind")
