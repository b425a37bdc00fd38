"""Worker processes of the loader that end with the process that started them, however it ends."""

import multiprocessing
import os
import threading
from multiprocessing.process import BaseProcess


def end_with_parent(*_: int) -> None:
    """Ends this process once its parent is gone; for grain's ``worker_init_fn``, whose arguments it ignores.

    A parent that is killed tells its workers nothing: they would wait for room in a queue for ever. Python gives each a
    handle that becomes ready with the parent's end; a thread waits for it.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_outlast, args=(parent,), name="jaxgan-parent", daemon=True).start()


def _outlast(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
