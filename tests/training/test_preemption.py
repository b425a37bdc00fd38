"""SIGTERM while there is nothing to save ends a process at once, even inside XLA."""

import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import os, signal, sys, time
import jax, jax.numpy as jnp
from jaxgan.training.preemption import StopRequest

def leave():
    print("left", flush=True)
    os._exit(42)

with StopRequest() as stop:
    with stop.nothing_to_save(leave):
        print("ready", flush=True)
        if sys.argv[1] == "xla":
            x = jnp.ones((2000, 2000))
            y = jax.lax.fori_loop(0, 10**6, lambda i, x: x @ x / 2000, x)
            y.block_until_ready()  # for hours
        time.sleep(600)
"""


@pytest.mark.parametrize("inside", ["python", "xla"])
def test_sigterm_ends_it_at_once(inside):
    with subprocess.Popen([sys.executable, "-c", SCRIPT, inside], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(3.0 if inside == "xla" else 0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 42
        assert process.stdout.read() == "left\n"
