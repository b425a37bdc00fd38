"""Prefetch: a thread that keeps the next batches ready, on the device if asked to, while the current step runs."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")

# How often a thread that waits for room looks whether it should stop.
POLL_SECONDS = 0.1


class _Item(NamedTuple):
    value: Any


class _End(NamedTuple):
    error: BaseException | None


class Prefetch(Generic[T]):
    """The iterator that :func:`prefetch` returns; a context manager that closes itself.

    Attributes:
      wait_seconds: how long the consumer has waited for items in total; close to the time that has passed, training is
        bound by its data.
    """

    def __init__(self, iterator: Iterator[Any], place: Callable[[Any], T], depth: int) -> None:
        self.wait_seconds = 0.0
        self._iterator = iterator
        self._place = place
        self._ready: queue.Queue[_Item | _End] = queue.Queue(maxsize=depth)
        self._stop = threading.Event()
        self._end: _End | None = None
        # A daemon, so that a program that dies without closing is not kept alive by its data.
        self._thread = threading.Thread(target=self._run, name="jaxgan-prefetch", daemon=True)
        self._thread.start()

    def __iter__(self) -> "Prefetch[T]":
        return self

    def __next__(self) -> T:
        """The next placed item.

        Raises:
          StopIteration: at the iterator's end, and after ``close``.
          BaseException: whatever the iterator or ``place`` raised in the thread, after the items before it.
        """
        if self._end is None:
            start = time.monotonic()
            item = self._ready.get()
            self.wait_seconds += time.monotonic() - start
            if isinstance(item, _Item):
                return item.value
            self._end = item
        if self._end.error is not None:
            raise self._end.error
        raise StopIteration

    def close(self) -> None:
        """Stops the thread, once it is done with its current item, and closes the underlying iterator."""
        self._stop.set()
        self._thread.join()
        self._end = self._end or _End(None)
        # Only now: a generator can't be closed while another thread is inside it.
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> "Prefetch[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            for value in self._iterator:
                if not self._hand_over(_Item(self._place(value))):
                    return
            self._hand_over(_End(None))
        except BaseException as error:
            self._hand_over(_End(error))

    def _hand_over(self, item: _Item | _End) -> bool:
        """Waits for room in the queue; False where ``close`` came first."""
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False


def prefetch(iterator: Iterator[Any], place: Callable[[Any], T], depth: int = 2) -> Prefetch[T]:
    """Draws from ``iterator`` in a thread and applies ``place`` to each item there (host rows -> device arrays, say).

    Args:
      iterator: any iterator; the thread alone may use it from now on.
      place: called in the thread, in order, once per item.
      depth: placed items held ready beyond the one that waits to be handed over.

    Raises:
      ValueError: where ``depth`` < 1.
    """
    if depth < 1:
        raise ValueError(f"prefetch depth must be at least 1, got {depth}")
    return Prefetch(iterator, place, depth)
