"""Multi-process JAX: distributed start-up, and host arrays to global arrays."""

import os
import re
import sys
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel.batch import BATCH

# What the runtime's exchanges and its coordination service say where a process does not answer.
_OF_PEERS = re.compile(
    r"^(?:UNAVAILABLE|ABORTED|CANCELLED|DEADLINE_EXCEEDED)\b|\bGloo\b|coordination service|by peer\b", re.IGNORECASE
)


def initialize(
    *,
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    connect_seconds: int = 300,
    heartbeat_seconds: int = 100,
) -> None:
    """Joins the processes of one run; call it before any other use of JAX.

    With no argument nothing happens: one process. ``coordinator='auto'`` lets JAX find its peers (SLURM, TPU pods, GKE,
    Open MPI). Otherwise give ``host:port`` of process 0 with the number of processes and this one's id.

    Processes wait ``connect_seconds`` for each other. One that is silent for ``heartbeat_seconds`` later is taken for
    dead. In both cases JAX ends the others by SIGABRT (exit code 134). Both are whole numbers of at least 1.

    Raises:
      ValueError: where only some of the three are given.
    """
    if coordinator is None:
        if num_processes is not None or process_id is not None:
            raise ValueError("--num_processes and --process_id need --coordinator=HOST:PORT (or --coordinator=auto)")
        return
    seconds: dict[str, Any] = {
        "initialization_timeout": connect_seconds,
        "heartbeat_timeout_seconds": heartbeat_seconds,
    }
    if coordinator == "auto":
        jax.distributed.initialize(**seconds)
        return
    if num_processes is None or process_id is None:
        raise ValueError(f"--coordinator={coordinator} needs --num_processes and --process_id too")
    jax.distributed.initialize(coordinator, num_processes=num_processes, process_id=process_id, **seconds)


def leave(code: int) -> int:
    """Ends this process of several at once, with ``code``: after an error, of which its peers know nothing.

    An ordinary exit waits up to 300 s for all peers to exit too, which those that wait for this one in a collective
    never do, and then ends by SIGABRT whatever ``code`` was. Of one process alone, returns ``code``.
    """
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def is_of_peer(error: BaseException) -> bool:
    """Whether an error, or what led to it, tells of a peer that is gone: a failed exchange or barrier of processes.

    JAX raises them as ``JaxRuntimeError``, and what goes through another library's hands as that library's own, so that
    the text is read too. Memory that runs out would come again, and is no such error.
    """
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen)
        if "RESOURCE_EXHAUSTED" in text:
            return False
        if isinstance(seen, jax.errors.JaxRuntimeError) or _OF_PEERS.search(text):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def is_main() -> bool:
    """Whether this is the process that writes logs and pictures."""
    return jax.process_index() == 0


def from_main(value: int) -> int:
    """Process 0's value, on every process, each of which must call it; none goes on before all have."""
    if jax.process_count() == 1:
        return value
    from jax.experimental import multihost_utils

    return int(multihost_utils.broadcast_one_to_all(np.int64(value)))


def host_to_global(batch: Any, mesh: Mesh, *, stacked: bool = False) -> Any:
    """Turns each process's block of a batch into global arrays split over the mesh.

    Args:
      batch: a tree of numpy arrays, this process's rows [B / processes, ...], or [K, B / processes, ...] where stacked.
      mesh: the mesh of :func:`jaxgan.parallel.mesh.make_mesh`.
      stacked: whether a leading axis of whole steps comes before the batch axis.
    """
    sharding = NamedSharding(mesh, P(None, *BATCH) if stacked else BATCH)
    return jax.tree.map(lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)), batch)


def to_host(tree: Any) -> Any:
    """Fetches arrays, whatever their sharding, as numpy on every process (gathering over processes where needed)."""

    def one(x: Any) -> Any:
        if isinstance(x, jax.Array) and not x.is_fully_addressable and not x.is_fully_replicated:
            from jax.experimental import multihost_utils

            return multihost_utils.process_allgather(x, tiled=True)
        return np.asarray(x)

    return jax.tree.map(one, tree)
