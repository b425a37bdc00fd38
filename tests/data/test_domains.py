"""Batches of several domains: an order each, flat names, the same rows whatever the processes."""

import itertools

import numpy as np
import pytest

from jaxgan import data
from jaxgan.data.fields import Field

LENGTH = 40


def numbered(length=LENGTH, classes=4):
    images = np.zeros((length, 2, 4, 1), np.uint8) + np.arange(length, dtype=np.uint8)[:, None, None, None]
    images[:, :, 2:] = 255
    return data.in_memory(images, np.arange(length) % classes)


def take(count, source, **options):
    stream = data.batches(source, **{"batch_size": 8, "seed": 3, "with_index": True, **options})
    steps = list(itertools.islice(stream, count))
    stream.close()
    return {key: np.stack([step[key] for step in steps]) for key in steps[0]}


def test_domains_of_one_length_do_not_arrive_as_pairs():
    epoch = take(LENGTH // 8, {"A": numbered(), "B": numbered()})
    assert set(epoch) == {"image_A", "label_A", "index_A", "image_B", "label_B", "index_B"}
    a, b = epoch["index_A"].reshape(-1), epoch["index_B"].reshape(-1)
    for order in (a, b):
        np.testing.assert_array_equal(np.sort(order), np.arange(LENGTH))
    # Of two independent orders one position in 40 is equal; paired ones would be equal everywhere.
    assert (a == b).sum() <= 6
    assert (take(1, {"A": numbered()})["index_A"] == take(1, numbered())["index"]).mean() < 0.5
    np.testing.assert_array_equal(epoch["label_A"].reshape(-1), a % 4)


def test_domains_of_other_lengths_have_epochs_of_their_own():
    stream = take(10, {"A": numbered(8), "B": numbered(20)})
    np.testing.assert_array_equal(np.sort(stream["index_A"], axis=1), np.tile(np.arange(8), (10, 1)))
    np.testing.assert_array_equal(np.bincount(stream["index_B"].reshape(-1)), np.full(20, 4))


def test_flips_are_tossed_for_each_domain():
    stream = take(50, {"A": numbered(), "B": numbered()}, flip=True)
    flipped = [(stream[f"image_{d}"][..., 0, 0, 0] == 255).reshape(-1) for d in "AB"]
    assert 0.4 < (flipped[0] == flipped[1]).mean() < 0.6


@pytest.mark.parametrize("disk", [False, True])
def test_restarts_and_processes_give_the_same_rows(disk):
    def sets():
        both = {"A": numbered(), "B": numbered(25)}
        return {k: data.Source(**{**vars(s), "in_memory": False}) for k, s in both.items()} if disk else both

    options = {"augment": {"A": (data.RandomCrop((2, 2)),)}, "flip": True}
    whole = take(6, {"A": numbered(), "B": numbered(25)}, **options)
    assert whole["image_A"].shape[2:] == (2, 2, 1) and whole["image_B"].shape[2:] == (2, 4, 1)
    resumed = take(2, sets(), start_step=4, **options)
    parts = [take(6, sets(), process_index=p, process_count=2, **options) for p in range(2)]
    for key in whole:
        np.testing.assert_array_equal(resumed[key], whole[key][4:])
        np.testing.assert_array_equal(np.concatenate([part[key] for part in parts], 1), whole[key])


def test_the_fields_are_known_beforehand():
    domains = {"A": numbered(), "B": numbered(20)}
    fields = data.batch_fields(domains, augment=(data.Degrade(2),), with_index=True)
    batch = take(1, domains, augment=(data.Degrade(2),))
    assert {k: (f.shape, f.dtype) for k, f in fields.items()} == {k: (v.shape[2:], v.dtype) for k, v in batch.items()}
    assert fields["label_B"].classes == 4 and fields["low_A"].shape == (1, 2, 1)


def test_errors_come_before_the_first_batch():
    with pytest.raises(ValueError, match="at least one domain"):
        data.batches({}, batch_size=8, seed=0)
    with pytest.raises(ValueError, match=r"augment names the domains \['C'\], the sets are \['A', 'B'\]"):
        data.batches({"A": numbered(), "B": numbered()}, batch_size=8, seed=0, augment={"C": ()})
    with pytest.raises(ValueError, match="augment by domain needs sets by domain"):
        data.batches(numbered(), batch_size=8, seed=0, augment={"A": ()})
    one = data.select(numbered(), **{"x_A": "image"})
    with pytest.raises(ValueError, match="two fields would be called 'x_A_B'"):
        data.batches({"B": one, "A_B": data.select(numbered(), x="image")}, batch_size=8, seed=0)
    own = data.array_source({"index": np.zeros(8, int)}, {"index": Field((), int, "value")})
    with pytest.raises(ValueError, match="has a field 'index' of its own"):
        data.batches(own, batch_size=8, seed=0, with_index=True)
