"""GPUs that JAX leaves a process: under SLURM its own, or those that JAX_LOCAL_DEVICE_IDS names."""

import os
import socket
import subprocess
import sys

import pytest

ASK = """
from jaxgan.parallel import initialize
initialize(coordinator="auto")
import jax
print(jax.config.values["jax_cuda_visible_devices"])
"""


@pytest.mark.parametrize(("named", "visible"), [({}, "3"), ({"JAX_LOCAL_DEVICE_IDS": "0,1,2,3"}, "0,1,2,3")])
def test_a_slurm_task_sees_its_own_gpu_or_all_that_are_named(named, visible):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    task = {"SLURM_JOB_ID": "1", "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}
    environment = os.environ | task | {"SLURM_LOCALID": "3", "JAX_COORDINATOR_PORT": str(port)} | named
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [visible]
