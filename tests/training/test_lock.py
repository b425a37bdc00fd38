import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from jaxgan.training.errors import UserError
from jaxgan.training.lock import lock

HOLDER = """
import os, sys, time
from jaxgan.training.lock import lock
with lock(sys.argv[1]):
    print(os.getpid(), flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_dies_however_it_dies(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert int(holder.stdout.readline()) == holder.pid
        with pytest.raises(UserError, match=rf"in use by process {holder.pid} on .*run [0-9a-f]{{8}}"), lock(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with lock(tmp_path), pytest.raises(UserError, match="in use by process"), lock(tmp_path):
        pass
    with lock(tmp_path):
        pass


def test_where_there_are_no_locks_a_holder_is_known_by_its_heartbeat(tmp_path, monkeypatch, caplog):
    def no_locks(file, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    refused = pytest.raises(UserError, match=rf"in use by process {os.getpid()}")
    with lock(tmp_path, beat_seconds=0.1), refused, lock(tmp_path, beat_seconds=0.2):
        pass
    assert "has no locks (ENOLCK); a second run here is told by its heartbeat alone" in caplog.text
    # One that died beats no more.
    (tmp_path / "LOCK").write_text(json.dumps({"host": "here", "pid": 7, "run": "abcdef0123"}))
    with lock(tmp_path, beat_seconds=0.1):
        assert json.loads((tmp_path / "LOCK").read_text())["pid"] == os.getpid()


def full_file(path, mode, **options):
    return open("/dev/full", mode, **options)


def test_a_lock_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "LOCK").write_text("")
    monkeypatch.setattr("jaxgan.training.lock.open", full_file, raising=False)
    with pytest.raises(UserError, match=r"cannot write .*/LOCK: E"), lock(tmp_path):
        pass


def test_a_holder_on_another_host_is_in_use_while_it_beats_and_forgotten_when_it_does_not(tmp_path):
    path = tmp_path / "LOCK"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 7, "run": "abcdef0123"}))
    ended = threading.Event()

    def beat():
        while not ended.wait(0.05):
            os.utime(path)

    thread = threading.Thread(target=beat)
    thread.start()
    with pytest.raises(UserError, match=r"process 7 on elsewhere \(run abcdef01\)"), lock(tmp_path, beat_seconds=0.2):
        pass
    ended.set()
    thread.join()
    with lock(tmp_path, beat_seconds=0.2):
        assert json.loads(path.read_text())["pid"] == os.getpid()
        before = path.stat().st_mtime_ns
        time.sleep(0.5)
        assert path.stat().st_mtime_ns > before
    # Who leaves in good order leaves nothing to wait for.
    assert path.read_text() == ""
