"""Batches as a pure function of the step.

The global order comes first: examples shuffled anew each epoch, one endless sequence of positions. Step s, process p of
P then takes the positions s B + p b ... s B + (p + 1) b - 1 with b = B / P, so that the processes' rows side by side
are the same batch for any P, and one integer, the step, is the whole state of the iterator. Whatever is random about an
example is keyed by its position, before the sequence is cut up.

Several domains have an order each, of the seed and the domain's name: two sets of one length would otherwise arrive as
pairs.
"""

import functools
import hashlib
import itertools
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan.data.augment import Augmentation, augment_batch, augment_example, fields_after
from jaxgan.data.fields import Field
from jaxgan.data.geometry import Flip
from jaxgan.data.source import Batch, Source
from jaxgan.data.workers import end_with_parent

# A read-ahead is a whole batch here: a few are enough to hide the latency, and more only hold memory.
READ_THREADS = 4
READ_AHEAD_BATCHES = 4

INDEX = "index"
Domains = Mapping[str, Source]
Chain = Sequence[Augmentation]


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
    source: Source | Domains,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    augment: Chain | Mapping[str, Chain] = (),
    flip: bool = False,
    process_index: int = 0,
    process_count: int = 1,
    workers: int = 0,
    with_index: bool = False,
) -> Generator[Batch, None, None]:
    """This process's rows of the steps ``start_step``, ``start_step + 1``, ... without end, across epochs.

    Args:
      source: the set; a set in memory is gathered a batch at a time, any other is read and decoded by threads. Or sets
        by domain, {'A': horses, 'B': zebras}: each is shuffled by itself and runs through its own epochs.
      batch_size: rows of one step over all processes, of each domain.
      seed: of the order and of whatever is random about an example.
      start_step: the first step to produce; resuming at step k gives what a run from 0 gives there.
      augment: operations on each example (see :mod:`jaxgan.data.augment`); of several domains, one chain for all or one
        by domain. Within a chain fields have the names of their set.
      flip: mirror half of the examples, drawn anew each epoch: ``Flip()`` at the chain's end.
      process_index, process_count: which of how many processes this one is.
      workers: worker processes that read and decode, for each domain; 0 for threads in this process. Any number gives
        the same rows, and a set in memory needs none.
      with_index: add the example's index in its set, 'index' int32.

    Returns:
      An iterator of {field: [b, *shape]} with b = batch_size / process_count, of several domains
      {'<field>_<domain>': [b, *shape]}, and with ``close()`` to end its threads and workers.
      :func:`batch_fields` says beforehand what they are.

    Raises:
      ValueError: where the processes don't divide the batch, a number is out of range, the chain cannot be applied, or
        two fields would have one name.
    """
    check_stream(batch_size, seed, start_step, process_index, process_count)
    if workers < 0:
        raise ValueError(f"workers must not be negative, got {workers}")
    batch_fields(source, augment=augment, with_index=with_index)
    rows = batch_size // process_count
    first = start_step * process_count + process_index
    stream = functools.partial(
        _stream, rows=rows, first=first, stride=process_count, workers=workers, with_index=with_index
    )
    flips = (Flip(),) if flip else ()
    if isinstance(source, Source):
        return stream(source, seed, (*_chain(augment, None), *flips))
    return _zipped(
        {
            domain: stream(part, domain_seed(seed, domain), (*_chain(augment, domain), *flips))
            for domain, part in source.items()
        }
    )


def batch_fields(
    source: Source | Domains, *, augment: Chain | Mapping[str, Chain] = (), with_index: bool = False
) -> dict[str, Field]:
    """The fields of what :func:`batches` yields, without the batch axis; nothing is read.

    Raises:
      ValueError: where the chain cannot be applied, or two fields would have one name.
    """
    if isinstance(source, Source):
        if isinstance(augment, Mapping):
            raise ValueError("augment by domain needs sets by domain; give one chain")
        fields = fields_after(augment, source.fields)
        if with_index and INDEX in fields:
            raise ValueError(f"{source.name} has a field 'index' of its own; leave out with_index, or rename it")
        return {**fields, INDEX: Field((), np.int32, "value")} if with_index else fields
    if not source:
        raise ValueError("batches needs at least one domain, such as {'A': horses, 'B': zebras}")
    if isinstance(augment, Mapping) and not set(augment) <= set(source):
        raise ValueError(f"augment names the domains {sorted(augment)}, the sets are {sorted(source)}")
    named: dict[str, Field] = {}
    for domain, part in source.items():
        for key, field in batch_fields(part, augment=_chain(augment, domain), with_index=with_index).items():
            name = domain_field(key, domain)
            if name in named:
                raise ValueError(f"two fields would be called {name!r}; rename a domain, or a field with select")
            named[name] = field
    return named


def domain_field(field: str, domain: str) -> str:
    """Name of a domain's field in a batch: 'image_A'."""
    return f"{field}_{domain}"


def domain_seed(seed: int, domain: str) -> int:
    """The seed of a domain's order and draws, in [0, 2**32): of the seed and the domain's name."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{domain}".encode()).digest()[:4], "big")


def _chain(augment: Chain | Mapping[str, Chain], domain: str | None) -> Chain:
    if isinstance(augment, Mapping):
        return augment.get(domain or "", ())
    return augment


def _zipped(streams: Mapping[str, Generator[Batch, None, None]]) -> Generator[Batch, None, None]:
    try:
        while True:
            batch: Batch = {}
            for domain, stream in streams.items():
                batch |= {domain_field(key, domain): value for key, value in next(stream).items()}
            yield batch
    finally:
        for stream in streams.values():
            stream.close()


def _stream(
    source: Source, seed: int, chain: Chain, *, rows: int, first: int, stride: int, workers: int, with_index: bool
) -> Generator[Batch, None, None]:
    order = _order(source.length, seed)
    if source.in_memory:
        return _gathered(source, order, seed, chain, rows, first, stride, with_index)
    return _streamed(source, order, seed, chain, rows, first, stride, workers, with_index)


def _order(length: int, seed: int) -> Any:
    """The endless sequence position -> example, a grain MapDataset: any position can be asked for, none is stored."""
    import grain

    return grain.MapDataset.range(length).seed(seed).shuffle().repeat()


def _gathered(
    source: Source, order: Any, seed: int, chain: Chain, rows: int, first: int, stride: int, with_index: bool
) -> Generator[Batch, None, None]:
    for block in itertools.count(first, stride):
        positions = np.arange(block * rows, (block + 1) * rows)
        indices = np.fromiter((order[int(p)] for p in positions), np.int64, rows)
        batch = augment_batch(chain, source.fields, source.fetch(indices), seed, positions)
        yield {**batch, INDEX: indices.astype(np.int32)} if with_index else batch


def _streamed(
    source: Source,
    order: Any,
    seed: int,
    chain: Chain,
    rows: int,
    first: int,
    stride: int,
    workers: int,
    with_index: bool,
) -> Generator[Batch, None, None]:
    import grain

    def read(position: int, index: int) -> Batch:
        example = {key: value[0] for key, value in source.fetch(np.array([index])).items()}
        example = augment_example(chain, source.fields, example, seed, position)
        return {**example, INDEX: np.asarray(index, np.int32)} if with_index else example

    # There is no remainder; rounded up, the number of batches of one row would not fit an integer.
    blocks = order.map_with_index(read).batch(rows, drop_remainder=True)[first::stride]
    reading = grain.ReadOptions(num_threads=READ_THREADS, prefetch_buffer_size=READ_AHEAD_BATCHES)
    dataset = blocks.to_iter_dataset(reading)
    if workers:
        from absl import flags

        # Workers read absl's flags, and die of unparsed ones where the program was not started by absl.
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()
        options = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2)
        dataset = dataset.mp_prefetch(options, worker_init_fn=end_with_parent)
    iterator = iter(dataset)
    try:
        yield from iterator
    finally:
        iterator.close()
