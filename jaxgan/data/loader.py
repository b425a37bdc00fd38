"""Batches as a pure function of the step.

The global order comes first: examples shuffled anew each epoch, one endless sequence of positions. Step s, process p of
P then takes the positions s B + p b ... s B + (p + 1) b - 1 with b = B / P, so that the processes' rows side by side
are the same batch for any P, and one integer, the step, is the whole state of the iterator. Whatever is random about an
example is keyed by its position, before the sequence is cut up.
"""

import itertools
from collections.abc import Generator
from typing import Any

import numpy as np

from jaxgan.data.source import Batch, Source
from jaxgan.data.transforms import flip_mask

# A read-ahead is a whole batch here: a few are enough to hide the latency, and more only hold memory.
READ_THREADS = 4
READ_AHEAD_BATCHES = 4


def check_stream(batch_size: int, seed: int, start_step: int, process_index: int, process_count: int) -> None:
    """Raises ValueError where the processes don't divide the batch, or a number is out of range."""
    if process_count < 1 or not 0 <= process_index < process_count:
        raise ValueError(f"process_index must lie in [0, process_count), got {process_index} of {process_count}")
    if batch_size < 1 or batch_size % process_count:
        raise ValueError(
            f"batch_size={batch_size} is no positive multiple of the {process_count} processes; "
            f"choose one, such as {max(1, batch_size // process_count) * process_count}"
        )
    if start_step < 0:
        raise ValueError(f"start_step must not be negative, got {start_step}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must lie in [0, 2**32), got {seed}")


def batches(
    source: Source,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    flip: bool = False,
    process_index: int = 0,
    process_count: int = 1,
    workers: int = 0,
) -> Generator[Batch, None, None]:
    """This process's rows of the steps ``start_step``, ``start_step + 1``, ... without end, across epochs.

    Args:
      source: the set; a set in memory is gathered a batch at a time, any other is read and decoded by threads.
      batch_size: rows of one step over all processes.
      seed: of the order and of the flips.
      start_step: the first step to produce; resuming at step k gives what a run from 0 gives there.
      flip: mirror half of the examples, drawn anew each epoch.
      process_index, process_count: which of how many processes this one is.
      workers: worker processes that read and decode; 0 for threads in this process. Any number gives the same rows, and
        a set in memory needs none.

    Returns:
      An iterator of {'image': uint8 [b, H, W, C], 'label': int32 [b]} with b = batch_size / process_count, and with
      ``close()`` to end its threads and workers.

    Raises:
      ValueError: where the processes don't divide the batch, or a number is out of range.
    """
    check_stream(batch_size, seed, start_step, process_index, process_count)
    if workers < 0:
        raise ValueError(f"workers must not be negative, got {workers}")
    rows = batch_size // process_count
    first = start_step * process_count + process_index
    order = _order(source.length, seed)
    if source.in_memory:
        return _gathered(source, order, seed, flip, rows, first, process_count)
    return _streamed(source, order, seed, flip, rows, first, process_count, workers)


def _order(length: int, seed: int) -> Any:
    """The endless sequence position -> example, a grain MapDataset: any position can be asked for, none is stored."""
    import grain

    return grain.MapDataset.range(length).seed(seed).shuffle().repeat()


def _gathered(
    source: Source, order: Any, seed: int, flip: bool, rows: int, first: int, stride: int
) -> Generator[Batch, None, None]:
    for block in itertools.count(first, stride):
        positions = np.arange(block * rows, (block + 1) * rows)
        batch = source.fetch(np.fromiter((order[int(p)] for p in positions), np.int64, rows))
        if flip:
            mirrored = flip_mask(seed, positions)
            batch["image"][mirrored] = batch["image"][mirrored, :, ::-1]
        yield batch


def _streamed(
    source: Source, order: Any, seed: int, flip: bool, rows: int, first: int, stride: int, workers: int
) -> Generator[Batch, None, None]:
    import grain

    def read(position: int, index: int) -> Batch:
        example = {key: value[0] for key, value in source.fetch(np.array([index])).items()}
        if flip and flip_mask(seed, np.array([position]))[0]:
            example["image"] = example["image"][:, ::-1]
        return example

    blocks = order.map_with_index(read).batch(rows)[first::stride]
    options = grain.ReadOptions(num_threads=READ_THREADS, prefetch_buffer_size=READ_AHEAD_BATCHES)
    dataset = blocks.to_iter_dataset(options)
    if workers:
        from absl import flags

        # Workers read absl's flags, and die of unparsed ones where the program was not started by absl.
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()
        dataset = dataset.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2))
    iterator = iter(dataset)
    try:
        yield from iterator
    finally:
        iterator.close()
