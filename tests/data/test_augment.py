"""Augmentation of whole examples: image and map move together, ids stay ids, rows are functions of (seed, position)."""

import itertools

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from jaxgan import data
from jaxgan.data.augment import augment_example, fields_after
from jaxgan.data.fields import Field
from jaxgan.data.keys import Key
from jaxgan.data.transforms import resize_ids, resize_image

H, W, CLASSES = 24, 32, 7


def blocks(count=8, cell=8):
    """Pictures of flat squares: grey levels that are a function of the map's ids, 20 to 32 an id."""
    ids = np.random.default_rng(0).integers(0, CLASSES, (count, H // cell, W // cell, 1))
    ids = ids.repeat(cell, 1).repeat(cell, 2).astype(np.uint8)
    return (ids * 31 + 20).repeat(3, -1), ids


def paired(count=8):
    images, ids = blocks(count)
    small = images[:, 4::8, 4::8]
    return data.array_source(
        {"image": images, "map": ids, "small": small, "tag": np.arange(count, dtype=np.float32)},
        {
            "image": Field((H, W, 3), np.uint8, "image"),
            "map": Field((H, W, 1), np.uint8, "map", CLASSES),
            "small": Field(small.shape[1:], np.uint8, "image"),
            "tag": Field((), np.float32, "value"),
        },
    )


def example(source, index=0):
    return {key: value[0] for key, value in source.fetch(np.array([index])).items()}


def drawn(operation, count=30, source=None):
    """``count`` draws of one operation on one example."""
    source = source or paired()
    return [augment_example((operation,), source.fields, example(source), 5, p) for p in range(count)]


MOVES = [
    data.Flip(),
    data.RandomCrop((16, 24)),
    data.Resize((48, 48)),
    data.Jitter((36, 48), (24, 32)),
    data.Rescale(0.75, 2.0, (16, 24)),
]


@pytest.mark.parametrize("operation", MOVES, ids=lambda o: type(o).__name__)
def test_image_and_map_move_by_one_draw(operation):
    """The map is still that of the image, except where squares are blended: at their edges."""
    source = data.select(paired(), image="image", map="map", tag="tag")
    fields = operation.fields_after(source.fields)
    seen = set()
    for position in range(30):
        moved = augment_example((operation,), source.fields, example(source, 3), 5, position)
        assert {k: (v.shape, v.dtype) for k, v in moved.items()} == {k: (f.shape, f.dtype) for k, f in fields.items()}
        assert moved["tag"] == 3
        # At least two pixels from squares of another id, and from the crop's border, where one may lie just outside.
        lowest, highest = (
            f(moved["map"][..., 0], 5, mode="constant", cval=99)
            for f in (ndimage.minimum_filter, ndimage.maximum_filter)
        )
        inside = lowest == highest
        off = np.abs(moved["image"][..., :1].astype(int) - (moved["map"].astype(int) * 31 + 20))
        # Less than half an id's step, whatever the cubic overshoots at the squares' borders.
        assert inside.any() and off[inside].max() <= 15
        seen.add(moved["map"].tobytes())
    assert len(seen) == (1 if isinstance(operation, data.Resize) else 2) or len(seen) > 4


@pytest.mark.parametrize("operation", [data.Flip(), data.RandomCrop((16, 24))], ids=lambda o: type(o).__name__)
def test_what_moves_whole_pixels_keeps_them(operation):
    for moved in drawn(operation):
        np.testing.assert_array_equal(moved["image"], (moved["map"] * 31 + 20).repeat(3, -1))


def test_pictures_of_several_scales_are_cropped_in_step():
    for moved in drawn(data.RandomCrop((8, 16))):
        assert moved["small"].shape == (1, 2, 3)
        np.testing.assert_array_equal(moved["image"], moved["small"].repeat(8, 0).repeat(8, 1))


def test_maps_are_never_blended():
    ids = np.where(np.random.default_rng(0).random((20, 30, 1)) < 0.5, 0, 200).astype(np.uint8)
    field = {"map": Field((20, 30, 1), np.uint8, "map", 201)}
    operations = (data.Resize((13, 41)), data.Jitter((26, 33), (16, 16)), data.Rescale(0.9, 3, (16, 16)))
    for operation, position in itertools.product(operations, range(10)):
        moved = operation(field, {"map": ids}, Key(0, position))["map"]
        assert set(np.unique(moved)) == {0, 200}
    # What an image of the same pixels becomes: the ids in between, which are classes too.
    assert len(np.unique(resize_image(ids, (13, 41), "bilinear"))) > 20


def test_nearest_is_pillows_and_keeps_wide_ids():
    ids = np.random.default_rng(0).integers(0, 256, (17, 23), np.uint8)
    for size in ((8, 8), (40, 31), (17, 23)):
        expected = np.asarray(Image.fromarray(ids).resize(size[::-1], Image.Resampling.NEAREST))
        np.testing.assert_array_equal(resize_ids(ids[..., None], size)[..., 0], expected)
    wide = ids.astype(np.int32) * 1000
    np.testing.assert_array_equal(resize_ids(wide, (8, 8), axis=-2), resize_ids(ids, (8, 8), axis=-2) * np.int32(1000))


def test_all_frames_of_a_clip_move_by_one_draw():
    clip = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 3), np.uint8)
    clip[1:] = clip[:1]
    fields = {"clip": Field(clip.shape, np.uint8, "image"), "map": Field((12, 12), np.int32, "map")}
    chain = (data.Jitter((16, 16), (8, 8)), data.Flip(), data.Degrade(2, "clip"), data.Grey("clip"), data.Edges("clip"))
    for position in range(5):
        moved = augment_example(chain, fields, {"clip": clip, "map": clip[0, :, :, 0].astype(np.int32)}, 1, position)
        assert {k: v.shape for k, v in moved.items()} == {k: f.shape for k, f in fields_after(chain, fields).items()}
        for key in ("clip", "low", "grey", "edges"):
            np.testing.assert_array_equal(moved[key], np.broadcast_to(moved[key][:1], moved[key].shape))


def test_draws_are_uniform_and_independent_of_each_other():
    u = np.stack([Key(7, position, 1).uniform(6) for position in range(4000)])
    np.testing.assert_allclose(u.mean(0), 0.5, atol=0.02)
    np.testing.assert_allclose(np.corrcoef(u[:, 0], u[:, 1])[0, 1], 0, atol=0.05)
    # Neither a position's numbers nor those of the next one come again.
    assert len(np.unique(u)) == u.size
    other = np.stack([Key(7, position, 2).uniform(1) for position in range(4000)])
    assert abs(np.corrcoef(u[:, 0], other[:, 0])[0, 1]) < 0.05
    corners = [example["map"].tobytes() for example in drawn(data.RandomCrop((24, 24)), 400)]
    counts = np.unique(corners, return_counts=True)[1]
    # The map is of squares 8 wide and the grid is that of the small picture, so there are two corners.
    assert len(counts) == 2 and counts.min() > 160


CHAIN = (data.Jitter((36, 48), (24, 32)), data.Rescale(1, 2, (16, 16)), data.Flip(), data.Degrade(4), data.Edges())


def take(count, source, **options):
    stream = data.batches(source, **{"batch_size": 8, "seed": 3, "augment": CHAIN, **options})
    steps = list(itertools.islice(stream, count))
    stream.close()
    return {key: np.stack([step[key] for step in steps]) for key in steps[0]}


def assert_same(a, b):
    assert set(a) == set(b)
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


def test_rows_depend_on_seed_and_position_alone():
    source = data.select(paired(), image="image", map="map", tag="tag")
    disk = data.Source(**{**vars(source), "in_memory": False})
    whole = take(6, source, with_index=True)
    fields = data.batch_fields(source, augment=CHAIN, with_index=True)
    assert {k: (v.shape[2:], v.dtype) for k, v in whole.items()} == {k: (f.shape, f.dtype) for k, f in fields.items()}
    assert_same(take(6, disk, with_index=True), whole)
    assert_same(take(2, disk, with_index=True, start_step=4), {k: v[4:] for k, v in whole.items()})
    halves = [take(6, s, with_index=True, process_index=p, process_count=2) for p, s in enumerate((source, disk))]
    assert_same({k: np.concatenate([h[k] for h in halves], 1) for k in whole}, whole)
    np.testing.assert_array_equal(whole["tag"], whole["index"])
    assert (take(6, source, seed=4)["image"] != whole["image"]).any()


def test_flip_is_the_flag_and_moves_maps():
    source = data.select(paired(), image="image", map="map")
    flag, operation = take(5, source, augment=(), flip=True), take(5, source, augment=(data.Flip(),))
    assert_same(flag, operation)
    assert_same(take(5, data.Source(**{**vars(source), "in_memory": False}), augment=(), flip=True), flag)
    np.testing.assert_array_equal(flag["image"], (flag["map"] * 31 + 20).repeat(3, -1))
    before = source.fetch(np.arange(8))["image"]
    np.testing.assert_array_equal(before, blocks()[0])


def test_augmented_is_a_set_that_reads_the_same_each_time():
    held = data.augmented(data.select(paired(), image="image"), (data.RandomCrop((16, 16)), data.Degrade(2)))
    assert held.fields["low"].shape == (8, 8, 3) and held.image_shape == (16, 16, 3)
    all_at_once, one = held.fetch(np.arange(8)), held.fetch(np.array([5]))
    loaded = data.load(held).fetch(np.arange(8))
    assert_same(loaded, all_at_once)
    assert_same({k: v[5:6] for k, v in all_at_once.items()}, one)


def test_chains_from_plain_data():
    chain = data.augmentations(
        [{"op": "jitter", "resize": [36, 48], "size": (24, 32)}, "flip", data.Grey(), {"op": "degrade", "factor": 4}]
    )
    assert chain == (data.Jitter((36, 48), (24, 32)), data.Flip(), data.Grey(), data.Degrade(4))
    with pytest.raises(ValueError, match=r"unknown augmentation 'crop'; write one of \['flip', 'random_crop'"):
        data.augmentations(["crop"])
    with pytest.raises(ValueError, match=r"'degrade' takes \['factor', 'field', 'output', 'kernel'\], got \['scale'\]"):
        data.augmentations([{"op": "degrade", "scale": 4}])


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda: data.RandomCrop((32, 32)), "random_crop to 32x32 of a picture of 24x32; resize it first"),
        (lambda: data.RandomCrop((8, 12)), "to 8x12: 'small' is 8 times smaller, which must divide the size"),
        (lambda: data.Jitter((32, 40), (40, 40)), "random_crop to 40x40 of a picture of 32x40"),
        (lambda: data.Rescale(0.5, 2, (16, 16)), "smaller than 16x16; low must be at least 0.6667"),
        (lambda: data.Degrade(5), "a factor of 5 does not divide 24x32"),
        (lambda: data.Degrade(4, "map"), r"degrade needs an image 'map'; the images are \['image', 'small'\]"),
        (lambda: data.Degrade(4, output="small"), "would make a field 'small', which there is already"),
        (lambda: data.Degrade(0), "factor of at least 1"),
        (lambda: data.Degrade(2, kernel="opencv"), "kernel must be one of"),
        (lambda: data.Resize((0, 3)), "two positive numbers"),
        (lambda: data.Resize((8, 8), "nearest"), r"method must be one of \['bilinear', 'bicubic'\], got 'nearest'"),
        (lambda: data.Rescale(2, 1, (8, 8)), "0 < low <= high"),
        (lambda: data.Edges(low=0.3, high=0.2), "0 < low <= high"),
    ],
)
def test_errors_come_before_anything_is_read(operation, message):
    with pytest.raises(ValueError, match=message):
        data.batches(paired(), batch_size=4, seed=0, augment=(operation(),))


def test_pictures_that_do_not_fit_each_other():
    source = data.joined(
        image=data.select(paired(), image="image"),
        odd=data.array_source(
            {"image": np.zeros((8, 10, 10, 3), np.uint8)}, {"image": Field((10, 10, 3), np.uint8, "image")}
        ),
    )
    with pytest.raises(ValueError, match="'odd' is 10x10, the largest 24x32"):
        data.batches(source, batch_size=4, seed=0, augment=(data.RandomCrop((8, 8)),))
    values = data.select(paired(), tag="tag")
    with pytest.raises(ValueError, match=r"needs an image or a map; the fields are \['tag'\]"):
        data.batches(values, batch_size=4, seed=0, augment=(data.RandomCrop((8, 8)),))
