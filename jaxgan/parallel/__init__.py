"""Mesh, partition rules, batch layouts and processes."""

from jaxgan.parallel.batch import (
    BATCH,
    ROWS,
    inside_mesh,
    join_interleaved,
    rows_per_device,
    shard_batch,
    split_interleaved,
)
from jaxgan.parallel.mesh import AXES, make_mesh, platform
from jaxgan.parallel.partition import (
    FSDP,
    REPLICATED,
    ZERO1,
    Rules,
    gather,
    path_name,
    shardings,
    split_over,
    split_over_fsdp,
)
from jaxgan.parallel.processes import from_main, host_to_global, initialize, is_main, is_of_peer, leave, to_host

__all__ = [
    "AXES",
    "BATCH",
    "FSDP",
    "REPLICATED",
    "ROWS",
    "ZERO1",
    "Rules",
    "from_main",
    "gather",
    "host_to_global",
    "initialize",
    "inside_mesh",
    "is_main",
    "is_of_peer",
    "join_interleaved",
    "leave",
    "make_mesh",
    "path_name",
    "platform",
    "rows_per_device",
    "shard_batch",
    "shardings",
    "split_interleaved",
    "split_over",
    "split_over_fsdp",
    "to_host",
]
