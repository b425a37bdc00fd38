"""Traces that xprof and Perfetto open."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import jax

log = logging.getLogger("jaxgan")


@contextlib.contextmanager
def traced(folder: str | None) -> Iterator[None]:
    """Writes a trace of the block under ``folder``; does nothing where that is None.

    ``xprof --logdir FOLDER`` reads the .xplane.pb, and ui.perfetto.dev opens perfetto_trace.json.gz; both lie in
    FOLDER/plugins/profile/<time>/.
    """
    if folder is None:
        yield
        return
    with jax.profiler.trace(folder, create_perfetto_trace=True):
        yield
    for path in traces(folder):
        log.info("trace: %s", path)


def traces(folder: str) -> list[Path]:
    """The files of the traces under ``folder``, oldest first."""
    found = Path(folder).glob("plugins/profile/*/*")
    return sorted(path for path in found if path.name.endswith((".xplane.pb", "perfetto_trace.json.gz")))
