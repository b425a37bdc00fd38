"""TensorBoard event files, written in the caller's thread: a start keeps the events up to its step, each once."""

import logging
import os
import struct
import time
from collections.abc import Iterator

import numpy as np
from etils import epath
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from jaxgan.training.storage import writing

log = logging.getLogger("jaxgan")

_HEADER_BYTES, _FOOTER_BYTES = 12, 4


def read_events(path: epath.PathLike) -> tuple[list[Event], bool]:
    """(the events of a file, whether it was sound to its end); what follows a damaged or cut record is not read."""
    found, read = [], 0
    content = epath.Path(path).read_bytes()
    for data, end in _records(content):
        event = Event()
        try:
            event.ParseFromString(data)
        except Exception:  # protobuf's own class differs between its implementations
            break
        found.append(event)
        read = end
    return found, read == len(content)


def _records(content: bytes) -> Iterator[tuple[bytes, int]]:
    """(a record's bytes, where the next one begins), as long as checksums agree."""
    place = 0
    while place + _HEADER_BYTES <= len(content):
        head = content[place : place + 8]
        (length,) = struct.unpack("<Q", head)
        start = place + _HEADER_BYTES
        end = start + length
        if content[place + 8 : start] != struct.pack("<I", masked_crc32c(head)) or end + _FOOTER_BYTES > len(content):
            return
        data = content[start:end]
        if content[end : end + _FOOTER_BYTES] != struct.pack("<I", masked_crc32c(data)):
            return
        place = end + _FOOTER_BYTES
        yield data, place


class Events:
    """Scalars, pictures and the config, for TensorBoard."""

    def __init__(self, folder: epath.PathLike, *, step: int, config: str = ""):
        """Opens one new file with the events of earlier ones up to ``step``, whose place it takes.

        Args:
          folder: of the event files.
          step: that the run goes on from; 0 for the beginning.
          config: shown as text.

        Raises:
          UserError: where the folder cannot be written.
        """
        self._folder = epath.Path(folder)
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            old = sorted(p for p in self._folder.iterdir() if p.name.startswith("events.out.tfevents."))
            # Two starts within a second would write one name.
            self._writer = EventsWriter(str(self._folder / "events"), f".{os.getpid()}.{time.time_ns()}")
            for event in _kept(old, step):
                self._writer.write_event(event)
            if config and not step:
                self._add(0, summary.text("config", f"```json\n{config}\n```"))
            self._writer.flush()
            for path in old:
                path.unlink()

    def _add(self, step: int, content: summary.Summary) -> None:
        with writing(self._folder):
            self._writer.write_event(Event(wall_time=time.time(), step=step, summary=content))

    def scalar(self, name: str, value: float, step: int) -> None:
        """Adds a number."""
        self._add(step, summary.scalar(name, value))

    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        """Adds a picture, uint8 [H, W, C]."""
        self._add(step, summary.image(name, picture, dataformats="HWC"))

    def flush(self) -> None:
        """Returns when everything is in the file."""
        with writing(self._folder):
            self._writer.flush()

    def close(self) -> None:
        """Flushes and closes."""
        with writing(self._folder):
            self._writer.close()


def _kept(files: list[epath.Path], step: int) -> Iterator[Event]:
    """The events of files up to a step, each tag of a step once."""
    seen: set[tuple[int, str]] = set()
    for path in files:
        events, sound = read_events(path)
        if not sound:
            log.info("%s: cut short or damaged after %d events", path, len(events))
        for event in events:
            tags = {(event.step, value.tag) for value in event.summary.value}
            if tags and event.step <= step and not tags & seen:
                seen |= tags
                yield event
