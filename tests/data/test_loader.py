import itertools
import threading

import numpy as np
import pytest
from PIL import Image

from jaxgan import data

LENGTH, BATCH = 30, 8


def numbered(channels: int = 1) -> data.Source:
    """Images whose left half is their index and whose right half is 255: content and flips can be read off."""
    images = np.full((LENGTH, 2, 4, channels), 255, np.uint8)
    images[:, :, :2] = np.arange(LENGTH, dtype=np.uint8)[:, None, None, None]
    return data.in_memory(images, np.arange(LENGTH) % 3)


def on_disk(source: data.Source) -> data.Source:
    """The same set through the loader's other path."""
    return data.Source(**{**vars(source), "in_memory": False})


def take(count: int, source: data.Source, **kwargs) -> dict[str, np.ndarray]:
    """``count`` steps, stacked [count, rows, ...]."""
    stream = data.batches(source, **{"batch_size": BATCH, "seed": 3, "flip": True, **kwargs})
    steps = list(itertools.islice(stream, count))
    stream.close()
    return {key: np.stack([step[key] for step in steps]) for key in steps[0]}


def assert_same(a, b) -> None:
    np.testing.assert_array_equal(a["image"], b["image"])
    np.testing.assert_array_equal(a["label"], b["label"])


def indices(batch) -> np.ndarray:
    return batch["image"].min(axis=(-3, -2, -1)).reshape(-1)


def flipped(batch) -> np.ndarray:
    return (batch["image"][..., 0, 0, 0] == 255).reshape(-1)


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("path", [numbered, lambda: on_disk(numbered())], ids=["memory", "disk"])
def test_processes_side_by_side_make_the_same_batch(path, processes):
    source = path()
    parts = [take(9, source, process_index=p, process_count=processes) for p in range(processes)]
    joined = {key: np.concatenate([part[key] for part in parts], axis=1) for key in parts[0]}
    assert_same(joined, take(9, numbered()))


@pytest.mark.parametrize("path", [numbered, lambda: on_disk(numbered())], ids=["memory", "disk"])
def test_restart_at_a_step_continues_the_stream(path):
    whole = take(9, path())
    assert_same(take(4, path(), start_step=5), {key: value[5:] for key, value in whole.items()})
    resumed = take(4, path(), start_step=5, process_index=1, process_count=2)
    assert_same(resumed, {key: value[5:, BATCH // 2 :] for key, value in whole.items()})


def test_each_epoch_holds_each_example_once_in_another_order():
    stream = take(LENGTH, numbered())
    epochs = indices(stream).reshape(BATCH, LENGTH)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(LENGTH), (BATCH, 1)))
    assert len({tuple(epoch) for epoch in epochs}) == BATCH
    np.testing.assert_array_equal(stream["label"].reshape(-1), indices(stream) % 3)
    assert (indices(take(LENGTH, numbered(), seed=4)) != epochs.reshape(-1)).any()


def test_batch_larger_than_the_set():
    np.testing.assert_array_equal(np.bincount(indices(take(1, numbered(), batch_size=2 * LENGTH))), np.full(LENGTH, 2))


def test_flips_are_keyed_by_position():
    stream = take(LENGTH, numbered())
    np.testing.assert_array_equal(flipped(stream), data.flip_mask(3, np.arange(LENGTH * BATCH)))
    assert not flipped(take(4, numbered(), flip=False)).any()
    coins = data.flip_mask(0, np.arange(100_000))
    assert abs(coins.mean() - 0.5) < 0.01
    assert abs((coins[1:] == coins[:-1]).mean() - 0.5) < 0.01
    assert abs((coins == data.flip_mask(1, np.arange(100_000))).mean() - 0.5) < 0.01


def test_the_set_itself_is_never_flipped():
    source = numbered()
    before = source.fetch(np.arange(LENGTH))
    take(20, source)
    assert_same(source.fetch(np.arange(LENGTH)), before)


def test_workers_do_not_change_the_stream(tmp_path):
    for index in range(12):
        folder = tmp_path / str(index % 2)
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.full((6, 4, 3), index, np.uint8)).save(folder / f"{index:02}.png")
    source = data.folder_source(tmp_path, (4, 4), 3)
    options = {"batch_size": 4, "augment": (data.Rescale(1, 2, (4, 4)), data.Grey()), "with_index": True}
    threads = take(7, source, **options)
    for workers in (take(7, source, workers=2, **options), take(3, source, workers=2, start_step=4, **options)):
        assert set(workers) == {"image", "label", "grey", "index"}
        for key, value in workers.items():
            np.testing.assert_array_equal(value, threads[key][7 - len(value) :])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"process_count": 3}, "batch_size=8 is no positive multiple of the 3 processes; choose one, such as 6"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"process_index": 2, "process_count": 2}, r"process_index must lie in \[0, process_count\), got 2 of 2"),
        ({"start_step": -1}, "start_step must not be negative, got -1"),
        ({"workers": -1}, "workers must not be negative, got -1"),
        ({"seed": -1}, "seed must lie in .* got -1"),
    ],
)
def test_errors_come_before_the_first_batch(wrong, message):
    with pytest.raises(ValueError, match=message):
        data.batches(numbered(), **{"batch_size": BATCH, "seed": 0, **wrong})


def test_prefetch_keeps_the_order_and_places_in_its_thread():
    placed_in = set()

    def place(x: int) -> int:
        placed_in.add(threading.current_thread().name)
        return 2 * x

    with data.prefetch(iter(range(50)), place, depth=3) as ready:
        assert list(ready) == [2 * x for x in range(50)]
        assert ready.wait_seconds >= 0
    assert placed_in == {"jaxgan-prefetch"}


def test_prefetch_raises_at_the_consumer_after_the_items_before():
    def failing():
        yield 1
        raise OSError("disk on fire")

    with data.prefetch(failing(), lambda x: x) as ready:
        assert next(ready) == 1
        for _ in range(2):
            with pytest.raises(OSError, match="disk on fire"):
                next(ready)
    with data.prefetch(iter([0]), lambda x: 1 // x) as ready, pytest.raises(ZeroDivisionError):
        next(ready)


def test_prefetch_closes_the_thread_and_the_iterator():
    closed = threading.Event()

    def endless():
        try:
            yield from itertools.count()
        finally:
            closed.set()

    ready = data.prefetch(endless(), lambda x: x, depth=2)
    assert next(ready) == 0
    ready.close()
    ready.close()
    assert closed.is_set()
    assert "jaxgan-prefetch" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(StopIteration):
        next(ready)
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        data.prefetch(iter([]), lambda x: x, depth=0)


def test_prefetch_reads_a_source_on_disk():
    source = on_disk(numbered())
    with data.prefetch(data.batches(source, batch_size=BATCH, seed=3, flip=True), lambda batch: batch) as ready:
        first = next(ready)
    assert_same({key: value[None] for key, value in first.items()}, take(1, numbered()))
