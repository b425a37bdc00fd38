"""Agreement of processes that an error is everyone's: one that went on alone would meet the others in another exchange.

What processes exchange over devices goes by order. A process that leaves a computation by an error which the others do
not have, and goes on, joins their exchange with one of its own: numbers of one stand for those of the other.
"""

import time

from etils import epath

WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.05


def is_everyones(
    folder: epath.Path, name: str, *, process: int, processes: int, wait_seconds: float = WAIT_SECONDS
) -> bool:
    """Whether all processes come here for the same error; the first ones wait for the others for a while.

    Args:
      folder: that all processes see; made where missing.
      name: of the error, which no other error of the run has.
      process, processes: which of how many this one is.
      wait_seconds: until it counts as this process's alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.{process}").touch()
    until = time.monotonic() + wait_seconds
    while True:
        if all((folder / f"{name}.{other}").exists() for other in range(processes)):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_SECONDS)
