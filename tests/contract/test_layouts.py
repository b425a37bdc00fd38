"""Every layout that a config allows equals one device, on eight simulated devices and in two processes of four.

The rows are those in which every two settings meet. All are slow; two settings that are always asked for are rows of
test_contract.py.
"""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("layouts.py")
_spec = importlib.util.spec_from_file_location("layouts", PROGRAM)
layouts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(layouts)


@pytest.mark.slow
@pytest.mark.parametrize("row", layouts.PAIRS, ids=layouts.named)
def test_every_two_settings_equal_one_device(row):
    layouts.check(row)


def in_two_processes(rows, folder):
    """Runs the rows in two processes of four devices each over loopback; returns what both printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = "--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=4"
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "NPROC": "16"}
    numbers = ",".join(str(layouts.TABLE.index(row)) for row in rows)
    logs, processes = [folder / f"{index}.log" for index in range(2)], []
    for index, path in enumerate(logs):
        command = [sys.executable, str(PROGRAM), str(port), str(index), numbers]
        with path.open("w") as log:
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT))
    codes = [process.wait() for process in processes]
    printed = [path.read_text() for path in logs]
    assert codes == [0, 0], "\n".join(text[-3000:] for text in printed)
    for text in printed:
        assert [line.split()[1] for line in text.splitlines() if line.startswith("equal")] == numbers.split(",")


@pytest.mark.slow
def test_two_processes_equal_one_device(tmp_path):
    # The rows that leave most to go wrong: all three axes, everything split, everything in parts.
    row = dict(mesh="spatial", rules="fsdp", accumulate=2, remat="blocks", groups=None, dtype="float32")
    in_two_processes([row], tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(4))
def test_every_two_settings_in_two_processes_equal_one_device(part, tmp_path):
    in_two_processes(layouts.PAIRS[part::4], tmp_path)
