"""The supervisor of one machine: codes that restart, when it gives up, how signals pass, what it leaves behind."""

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jaxgan.cli.launch import TOGETHER
from jaxgan.cli.main import main
from jaxgan.tools import supervisor
from jaxgan.training.errors import UserError


@pytest.fixture
def supervised(tmp_path, monkeypatch):
    """Supervises processes that run the attempts given: an attempt is a list of (shell script) per process."""

    def run(*attempts, limit=2, grace=0.5, save=60.0):
        remaining = iter(attempts)
        policy = supervisor.Policy(
            procs=len(attempts[0]),
            backoff_seconds=0.01,
            restarts_without_progress=limit,
            grace_seconds=grace,
            save_seconds=save,
        )
        monkeypatch.setattr(supervisor, "commands", lambda words, n: [["sh", "-c", s] for s in next(remaining)])
        code = supervisor.supervise(["train", f"--workdir={tmp_path}"], policy)
        return code, len(list(remaining))

    return run


@pytest.mark.parametrize("code", [42, 134, 137, 142, 143])
def test_these_codes_start_again(supervised, code):
    assert supervised([f"exit {code}"], ["exit 0"]) == (0, 0)


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_other_codes_are_final(supervised, code):
    assert supervised([f"exit {code}"], ["exit 0"]) == (code, 1)


@pytest.mark.parametrize("name", ["ABRT", "KILL", "ALRM"])
def test_deaths_by_signal_start_again(supervised, name):
    assert supervised([f"kill -{name} $$"], ["exit 0"]) == (0, 0)


def test_restarts_without_a_checkpoint_are_few_and_with_one_have_no_end(supervised, tmp_path, capsys):
    assert supervised(*itertools.repeat(["exit 134"], 9)) == (1, 6)
    assert "3 starts in a row brought no checkpoint" in capsys.readouterr().err
    moving = [[f"mkdir -p {tmp_path}/checkpoints/{step}; exit 137"] for step in range(8)]
    assert supervised(*moving, ["exit 0"]) == (0, 0)
    # A half-written checkpoint is none.
    part = [f"mkdir -p {tmp_path}/checkpoints/$$.orbax-checkpoint-tmp; exit 137"]
    assert supervised(*itertools.repeat(part, 9)) == (1, 6)


def test_the_wait_doubles_while_no_checkpoint_comes(supervised, tmp_path, capsys):
    fails = list(itertools.repeat(["exit 42"], 4))
    assert supervised(*fails, [f"mkdir -p {tmp_path}/checkpoints/1; exit 42"], ["exit 0"], limit=9) == (0, 0)
    waits = re.findall(r"again in (\S+) s", capsys.readouterr().err)
    assert waits == ["0.01", "0.02", "0.04", "0.08", "0.01"]
    assert supervisor.pause_seconds(5.0, 2000) == 300 and supervisor.pause_seconds(0.0, 2000) == 0


@pytest.mark.parametrize("flags", [["--restart"], ["--from_step=2"], ["--from_step", "2"]], ids=" ".join)
def test_a_run_goes_back_once(flags, tmp_path, monkeypatch):
    """A start that ended before it did has still to; later ones go on from what came since, which is progress."""
    made, left = tmp_path / "checkpoints", tmp_path / "left"
    (made / "9").mkdir(parents=True)
    scripts = iter(
        [
            "exit 137",
            f"mkdir -p {left}/7.part; exit 137",
            f"mv {left}/7.part {left}/7; mv {made}/9 {left}/7; mkdir {made}/1; exit 137",
            "exit 137",
            "exit 0",
        ]
    )
    given = []
    monkeypatch.setattr(supervisor, "commands", lambda words, n: given.append(words) or [["sh", "-c", next(scripts)]])
    words = ["train", f"--workdir={tmp_path}", *flags, "--no_progress"]
    assert supervisor.supervise(words, supervisor.Policy(backoff_seconds=0.01, restarts_without_progress=2)) == 0
    assert given == [words] * 3 + [["train", f"--workdir={tmp_path}", "--no_progress"]] * 2


def test_the_first_process_to_fail_decides_and_the_others_are_killed(supervised):
    began = time.monotonic()
    assert supervised(["exit 1", "sleep 60"], ["exit 0", "exit 0"]) == (1, 1)
    assert supervised(["sleep 60", "kill -KILL $$"], ["exit 0", "exit 0"]) == (0, 0)
    # One that is stopped takes no other signal.
    assert supervised(["kill -STOP $$", "exit 134"], ["exit 0", "exit 0"]) == (0, 0)
    assert time.monotonic() - began < 15


def test_a_process_that_is_saving_is_not_killed_before_its_time(supervised, tmp_path):
    slow = f"sleep 1.5; touch {tmp_path}/saved; exit 42"
    assert supervised(["exit 42", slow], ["exit 0", "exit 0"], grace=0.2) == (0, 0)
    assert (tmp_path / "saved").exists()
    began = time.monotonic()
    assert supervised(["exit 42", "sleep 60"], ["exit 0", "exit 0"], save=0.5) == (0, 0)
    assert time.monotonic() - began < 10


def test_a_process_that_is_stopped_at_its_end_does_not_hold_up_those_that_have_ended(supervised):
    began = time.monotonic()
    assert supervised(["exit 0", "kill -STOP $$"], ["exit 0", "exit 0"], save=0.5) == (0, 0)
    assert supervised(["exit 0", "sleep 1"], save=60.0) == (0, 0)
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_processes_as_sigterm_and_end_the_supervisor(supervised, number):
    waits = "trap 'exit 42' TERM; trap 'exit 9' INT; while :; do sleep 0.1; done"
    before = signal.getsignal(number)
    threading.Timer(1.0, os.kill, (os.getpid(), number)).start()
    assert supervised([waits, waits], ["exit 0", "exit 0"]) == (42, 1)
    assert signal.getsignal(number) is before


def test_lines_have_the_number_of_their_process(supervised, capsys):
    assert supervised(["echo a; echo b >&2; printf 'half\\rline'", "echo c"]) == (0, 0)
    captured = capsys.readouterr()
    assert sorted(captured.out.splitlines()) == ["[0] a", "[0] half", "[0] line", "[1] c"]
    assert captured.err == "[0] b\n"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def written(path: Path) -> int:
    deadline = time.monotonic() + 30
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


def gone(*pids: int) -> bool:
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


def test_a_process_that_is_killed_takes_those_with_it_that_it_started(supervised, tmp_path):
    starts = f"sleep 60 & echo $! >{tmp_path}/pid; wait"
    assert supervised([starts, "sleep 0.5; exit 1"]) == (1, 0)
    assert gone(written(tmp_path / "pid"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux kills children with their parent")
def test_processes_die_with_the_supervisor(tmp_path):
    script = (
        "from jaxgan.tools import supervisor as s; s.commands = lambda words, n: "
        f"[['sh', '-c', f'echo $$ >{tmp_path}/{{i}}; exec sleep 60'] for i in range(n)]; "
        "s.supervise([], s.Policy(procs=2))"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    pids = [written(tmp_path / str(index)) for index in range(2)]
    process.kill()
    process.wait()
    assert gone(*pids)


def test_commands_of_several_processes():
    words = ["train", "--config=biggan:digits16,smoke", "--workdir=x"]
    assert supervisor.commands(words, 1) == [[sys.executable, "-m", "jaxgan", *words]]
    first, second = supervisor.commands(words, 2)
    assert first[:-1] == second[:-1] and first[-2] == "--num_processes=2"
    assert (first[-1], second[-1]) == ("--process_id=0", "--process_id=1")
    assert supervisor.environment(1, 2)["JAX_LOCAL_DEVICE_IDS"] == "1"
    with pytest.raises(UserError, match="--coordinator=auto and --procs=2"):
        supervisor.commands([*words, "--coordinator=auto"], 2)


def test_the_run_folder_is_the_verbs():
    assert str(supervisor.workdir_of(["--config=x", "--workdir", "runs/a"])) == "runs/a"
    assert str(supervisor.workdir_of(["--workdir=gs://bucket/a"])) == "gs://bucket/a"
    assert supervisor.workdir_of(["--config=x"]) is None


@pytest.mark.usefixtures("quiet_main")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--procs=0", "--", "train"], "--procs=0: give at least 1"),
        (["--processes=-1", "--", "train"], "give at least 1"),
        (["--backoff_seconds=nan", "--", "train"], "--backoff_seconds=nan: give a number from 0"),
        (["--procs=2"], "give a verb and its options after `--`"),
        (["--", "trian"], "there is 'trian'"),
        (["--", "launch"], "there is 'launch'"),
        (["--procs=2", "--", "describe", "--config=gan"], "describe runs in one process"),
        (["--", "train", "--config=x", "--workdir="], "--workdir= is empty"),
        (["--procs=2", "--", "train", "--coordinator=auto"], "--coordinator=auto and --procs=2 exclude each other"),
    ],
)
def test_mistakes_are_said_before_anything_starts(words, message, capsys, monkeypatch):
    monkeypatch.setattr(supervisor, "run_once", lambda *_: pytest.fail("started"))
    assert main(["launch", *words]) == 1
    assert message in capsys.readouterr().err


@pytest.fixture
def quiet_main(monkeypatch):
    """Puts back what main sets for its process."""
    monkeypatch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"])


@pytest.mark.parametrize("verb", TOGETHER)
def test_verbs_that_run_together_take_peers(verb, capsys):
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert "--coordinator" in capsys.readouterr().out
