"""Mesh, partition rules, batch layouts and processes."""

from jaxgan.parallel.batch import BATCH, inside_mesh, join_interleaved, shard_batch, split_interleaved
from jaxgan.parallel.mesh import AXES, make_mesh
from jaxgan.parallel.partition import FSDP, REPLICATED, Rules, fsdp_largest, gather, path_name, shardings
from jaxgan.parallel.processes import host_to_global, initialize, is_main, to_host

__all__ = [
    "AXES",
    "BATCH",
    "FSDP",
    "REPLICATED",
    "Rules",
    "fsdp_largest",
    "gather",
    "host_to_global",
    "initialize",
    "inside_mesh",
    "is_main",
    "join_interleaved",
    "make_mesh",
    "path_name",
    "shard_batch",
    "shardings",
    "split_interleaved",
    "to_host",
]
