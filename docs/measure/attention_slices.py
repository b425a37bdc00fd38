"""Self-attention in slices of its queries, to a TPU's compiler: ``python docs/measure/attention_slices.py``.

Nothing is run. For each number of slices the attention of 64x64 positions to their pooled keys is compiled forward and
backward in bfloat16 for one device; a line says the bytes of main memory, the cycles that the compiler expects of its
kernels and the peak of temporary memory (extra ``[tpu]``).
"""

import argparse
import functools
import sys
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from extras import require
from jax import Array
from jax.sharding import SingleDeviceSharding

from jaxgan.nn.attention import chunked_attention
from jaxgan.tools.planner.hlo import analyse
from jaxgan.tools.planner.topology import parse_topology, prepare_environment, topology_devices


def _both(slices: int, theta: Array, phi: Array, g: Array, cotangent: Array) -> tuple[Array, Any]:
    out, backward = jax.vjp(lambda q, k, v: chunked_attention(q, k, v, slices), theta, phi, g)
    return out, backward(cotangent)


def ahead_of_time(slices: int, *, batch_size: int, channels: int, device: Any) -> dict[str, float]:
    """The compiler's figures for ``device``: ``slices`` slices, ``batch_size`` images of ``channels`` channels."""
    where = SingleDeviceSharding(device)
    queries, keys, narrow, wide = 64 * 64, 32 * 32, channels // 8, channels // 2
    arguments = [
        jax.ShapeDtypeStruct((batch_size, *shape), jnp.bfloat16, sharding=where)
        for shape in ((queries, narrow), (keys, narrow), (keys, wide), (queries, wide))
    ]
    compiled = jax.jit(functools.partial(_both, slices)).lower(*arguments).compile()
    program = analyse(compiled.as_text() or "")
    memory: Any = compiled.memory_analysis()
    return {
        "hbm_gb": round(program.total("hbm_bytes") / 1e9, 2),
        "megacycles": round(program.total("cycles") / 1e6, 1),
        "temporaries_gb": round(memory.temp_size_in_bytes / 1e9, 2),
    }


def main(arguments: Sequence[str]) -> int:
    """Parses, compiles, prints."""
    parser = argparse.ArgumentParser(prog="python docs/measure/attention_slices.py", description=__doc__)
    parser.add_argument("--topology", default="v5e:2x2", help="whose compiler (default v5e:2x2)")
    parser.add_argument("--batch_size", type=int, default=32, help="images on the device (default 32)")
    parser.add_argument("--channels", type=int, default=192, help="of the features (default 192)")
    parser.add_argument("--slices", default="1,4,8,16,32", help="comma-separated (default 1,4,8,16,32)")
    parsed = parser.parse_args(arguments)
    prepare_environment()
    require("libtpu", extra="tpu")
    device = topology_devices(parse_topology(parsed.topology))[0]
    print("slices\thbm_gb\tmegacycles\ttemporaries_gb")
    for slices in map(int, parsed.slices.split(",")):
        found = ahead_of_time(slices, batch_size=parsed.batch_size, channels=parsed.channels, device=device)
        print(slices, *found.values(), sep="\t", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
