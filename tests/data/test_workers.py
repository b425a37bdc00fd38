"""Worker processes of the loader go when the process that started them is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = """
import sys
from jaxgan import data

source = data.folder_source(sys.argv[1], (4, 4), 3)
stream = data.batches(source, batch_size=4, seed=0, workers=2)
next(stream)
print("ready", flush=True)
sys.stdin.read()
"""


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*"):
        children = {int(word) for word in (task / "children").read_text().split()}
        found |= children.union(*map(descendants, children))
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_go_with_a_killed_process(tmp_path):
    (tmp_path / "one").mkdir()
    for index in range(8):
        Image.fromarray(np.full((4, 4, 3), index, np.uint8)).save(tmp_path / "one" / f"{index}.png")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    left = descendants(process.pid)
    assert len(left) >= 2
    process.kill()
    process.wait()  # workers that stay hold its pipes
    deadline = time.monotonic() + 20
    while left and time.monotonic() < deadline:
        left = {pid for pid in left if Path(f"/proc/{pid}/cmdline").exists()}
        time.sleep(0.05)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    assert not left
