"""A process whose main thread is stuck ends with 42 and the stacks of its threads, wherever it is stuck."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxgan.training.errors import UserError
from jaxgan.training.records import read_records
from jaxgan.training.watchdog import SECTIONS, Limits, Watchdog

START = """
import ctypes, sys, time
from jaxgan.training.watchdog import Limits, Watchdog

def stuck_in_here(library):
    library.sleep(60)

OFF = dict(begin=0, restore=0, compile=0, save=0, evaluate=0)
watchdog = Watchdog(Limits(step=STEP, **OFF), workdir=sys.argv[1], process=3, peers=PEERS, alarm_seconds=0.5)
with watchdog:
    print("ready", flush=True)
"""


def start(folder, body, *, peers=False, step=0.4):
    code = START.replace("PEERS", str(peers)).replace("STEP", str(step)) + "".join(
        f"    {line}\n" for line in body.splitlines()
    )
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process):
    began = time.monotonic()
    out, err = process.communicate(timeout=40)
    assert out.startswith("ready")
    return process.returncode, err, time.monotonic() - began


def test_stuck_in_a_library(tmp_path):
    code, err, _ = ended(start(tmp_path, "watchdog.beat('step')\nstuck_in_here(ctypes.CDLL(None))"))
    assert code == 42
    (file,) = tmp_path.glob("stacks-3-*.txt")
    for text in (err, file.read_text()):
        assert "process 3 is stuck: step has gone on" in text and "watchdog.step=0.4" in text
        assert "stuck_in_here" in text


def test_stuck_in_a_library_that_holds_pythons_lock(tmp_path):
    code, err, _ = ended(start(tmp_path, "watchdog.beat('step')\nstuck_in_here(ctypes.PyDLL(None))", peers=True))
    assert code == -signal.SIGALRM
    assert "stuck_in_here" in err


def test_a_folder_that_is_gone_does_not_keep_it(tmp_path):
    code, err, _ = ended(start(tmp_path / "gone", "watchdog.beat('step')\nstuck_in_here(ctypes.CDLL(None))"))
    assert code == 42 and "stuck_in_here" in err


def test_beats_and_sections_without_a_limit_keep_it_quiet(tmp_path):
    body = (
        "time.sleep(0.7)\n"
        "for _ in range(10):\n    watchdog.beat('step')\n    time.sleep(0.1)\n"
        "with watchdog.section('save'):\n    time.sleep(0.9)\n"
        "time.sleep(0.2)"
    )
    code, err, _ = ended(start(tmp_path, body, peers=True))
    assert (code, err) == (0, "") and not list(tmp_path.iterdir())


def test_after_a_section_the_one_around_it_is_watched(tmp_path):
    body = "watchdog.beat('step')\nwith watchdog.section('save'):\n    time.sleep(0.6)\ntime.sleep(60)"
    code, err, _ = ended(start(tmp_path, body))
    assert code == 42 and "step has gone on" in err


def test_time_in_which_the_process_is_stopped_does_not_count(tmp_path):
    body = "watchdog.beat('step')\nfor _ in range(3):\n    time.sleep(0.15)\nwatchdog.beat('save')"
    process = start(tmp_path, body, step=1.0)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGSTOP)
    time.sleep(2.0)
    process.send_signal(signal.SIGCONT)
    assert process.wait(timeout=30) == 0, process.stderr.read()
    process.communicate()


RUN = """
import sys

sys.path.insert(0, sys.argv[1])
import conftest as toy
from jaxgan.parallel import make_mesh
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.method import Evaluator
from jaxgan.training.watchdog import Limits

experiment = toy.experiment((toy.Toy(), 6), evaluators=[Evaluator("none", lambda nets, step: {}, 3)])
limits = Limits(**{sys.argv[3]: 2.0})
options = LoopOptions(save_every=3, log_every=1, progress=False, watchdog=limits)
train(experiment, workdir=sys.argv[2], config={}, seed=0, mesh=make_mesh(), options=options)
"""


@pytest.mark.faults
@pytest.mark.parametrize(
    ("fault", "section", "kind"),
    [("hang_save@3", "save", "save"), ("hang_evaluate@3", "evaluate", "evaluate"), ("slow@2=60", "step", "step")],
)
def test_a_run_that_hangs_ends_within_the_limit_of_its_part(tmp_path, fault, section, kind):
    command = [sys.executable, "-c", RUN, str(Path(__file__).parent), str(tmp_path / "run"), section]
    xla = "--xla_backend_optimization_level=0"
    environment = os.environ | {"JAXGAN_FAULT": fault, "XLA_FLAGS": xla}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 42, done.stderr
    (file,) = (tmp_path / "run").glob("stacks-0-*.txt")
    assert f"stuck: {section} has gone on" in file.read_text() and "faults.py" in file.read_text()
    # The ledger has the time until then.
    assert read_records(tmp_path / "run" / "goodput.jsonl")[-1]["seconds"][kind] >= 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"step": -1.0}, "watchdog.step=-1.0"),
        ({"save": float("nan")}, "watchdog.save=nan"),
        ({"evaluate": float("inf")}, "watchdog.evaluate=inf"),
        ({"save": 1e300}, "watchdog.save=1e\\+300: give seconds up to 1e\\+08"),
        ({"begin": "soon"}, "watchdog.begin=soon"),
        ({"heartbeat": 0}, "watchdog.heartbeat=0"),
        ({"heartbeat": 1.5}, "watchdog.heartbeat=1.5"),
    ],
)
def test_limits_are_seconds(given, message, tmp_path):
    with pytest.raises(UserError, match=message):
        Watchdog(Limits(**given), workdir=tmp_path)


def test_a_beat_costs_nothing(tmp_path):
    with Watchdog(Limits(), workdir=tmp_path) as watchdog:
        began = time.perf_counter()
        for _ in range(10_000):
            watchdog.beat("step")
        assert (time.perf_counter() - began) / 10_000 < 20e-6
    assert SECTIONS == ("begin", "restore", "compile", "step", "save", "evaluate")
