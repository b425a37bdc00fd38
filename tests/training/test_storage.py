"""Errors of storage: those that say nothing of the content, whoever raises them, and reading that is tried again."""

import errno
import os

import pytest

from jaxgan.training import storage
from jaxgan.training.storage import (
    UnreadableError,
    close_all,
    is_memory_error,
    is_read_error,
    names_in,
    read_or_none,
)

READ_ERRORS = [
    ValueError("UNAVAILABLE: Error reading gs://bucket/run/checkpoints/5/state/d/0: CURL error: no host"),
    ValueError('DEADLINE_EXCEEDED: Error opening "zarr3" driver: All retry attempts failed'),
    ValueError("PERMISSION_DENIED: HTTP response code: 403 with body: denied"),
    ValueError("UNAUTHENTICATED: invalid credentials"),
    ValueError("ABORTED: generation changed"),
    ValueError("UNKNOWN: HTTP response code: 503"),
    ValueError("UNKNOWN: HTTP/1.1 408"),
    ValueError("RESOURCE_EXHAUSTED: HTTP 429 Too many requests"),
    RuntimeError("502 GET https://storage.googleapis.com/b/o: Bad Gateway"),
    RuntimeError("Connection reset by peer"),
    ValueError("INTERNAL: OS error 116: Stale file handle"),
    TimeoutError(),
]
DAMAGE = [
    ValueError("DATA_LOSS: Error reading chunk: checksum 503 is not 512"),
    ValueError("NOT_FOUND: HTTP response code: 404"),
    ValueError("FAILED_PRECONDITION: expected 403 elements"),
    ValueError("INVALID_ARGUMENT: zstd: 512"),
    FileNotFoundError("state/d"),
    ValueError("INTERNAL: OS error 2: No such file"),
]


@pytest.mark.parametrize("error", READ_ERRORS, ids=str)
def test_errors_that_say_nothing_of_the_content(error):
    assert is_read_error(error) and not is_memory_error(error)


@pytest.mark.parametrize("error", DAMAGE, ids=str)
def test_errors_that_do(error):
    assert not is_read_error(error)


def test_memory_is_short_where_a_device_says_so():
    assert is_memory_error(RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 512 bytes"))


@pytest.mark.parametrize("read", [read_or_none, names_in])
@pytest.mark.parametrize("passing", [True, False])
def test_reading_that_fails_is_tried_again_and_never_taken_for_nothing(tmp_path, monkeypatch, read, passing):
    monkeypatch.setattr(storage, "RETRY_SECONDS", (0.01, 0.01))
    path = tmp_path if read is names_in else tmp_path / "file"
    (tmp_path / "file").write_bytes(b"content")
    calls = []

    def failing(real):
        def call(at, *given, **options):
            if os.fspath(at) == str(path):
                calls.append(at)
                if not passing or len(calls) <= 2:
                    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
            return real(at, *given, **options)

        return call

    monkeypatch.setattr("etils.epath.backend.open", failing(open), raising=False)
    monkeypatch.setattr(os, "listdir", failing(os.listdir))
    if passing:
        assert read(path) == (["file"] if read is names_in else b"content")
    else:
        with pytest.raises(UnreadableError, match=rf"cannot read {path}: .*Nothing says that it is damaged"):
            read(path)
    assert len(calls) == 3


def test_a_missing_file_and_a_missing_folder_are_nothing(tmp_path):
    assert read_or_none(tmp_path / "none" / "file") is None and names_in(tmp_path / "none") == []


@pytest.mark.parametrize("failing", [True, False])
def test_all_are_closed_and_the_first_error_stands(failing, caplog):
    closed = []

    def close(name):
        closed.append(name)
        if name != "b":
            raise OSError(f"{name} fails")

    closers = [lambda name=name: close(name) for name in "abc"]
    if failing:
        close_all(*closers, failing=True)
        assert "a fails" in caplog.text
    else:
        with pytest.raises(OSError, match="a fails"):
            close_all(*closers)
    assert closed == ["a", "b", "c"] and "c fails" in caplog.text
