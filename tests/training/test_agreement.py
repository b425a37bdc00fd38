"""Errors that all processes have, and those of one alone."""

from concurrent.futures import ThreadPoolExecutor

from etils import epath

from jaxgan.training.agreement import is_everyones


def test_all_processes_find_that_an_error_is_everyone_s(tmp_path):
    with ThreadPoolExecutor(3) as pool:
        found = [
            pool.submit(is_everyones, epath.Path(tmp_path) / "errors", "scores", process=process, processes=3)
            for process in range(3)
        ]
        assert [future.result() for future in found] == [True] * 3


def test_an_error_of_some_processes_is_not_everyone_s(tmp_path):
    """Nor is another error of the other process."""
    settings = dict(processes=2, wait_seconds=0.2)
    folder = epath.Path(tmp_path)
    assert not is_everyones(folder, "scores", process=0, **settings)
    assert not is_everyones(folder, "samples", process=1, **settings)
