import subprocess

import gpu
import pytest
from gpu import largest, predicted_fit

from jaxgan.training.errors import UserError


def test_batches_are_predicted_from_one_that_was_compiled():
    # 10 bytes an image, 100 of the state.
    assert predicted_fit({4: 40}, 100, (64, 32, 16, 8), 300) == [16, 8]
    assert predicted_fit({4: 40}, 100, (64, 32), 120) == [32]  # the smallest is tried all the same


def test_the_largest_batch_that_fits_is_found():
    def attempt(batch):
        if batch > 16:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return batch * 2

    assert largest((64, 16, 8), attempt) == (16, 32)
    with pytest.raises(UserError, match="none of the batches"):
        largest((64, 32), attempt)
    with pytest.raises(ZeroDivisionError):
        largest((64,), lambda batch: batch / 0)


def test_parts_that_fail_or_take_too_long_are_named_and_the_others_kept(monkeypatch):
    given = {}

    def run(command, *, timeout, **options):
        part = command[1].removeprefix("--part=")
        given[part] = command[2]
        if part == "sample_torch":
            raise subprocess.TimeoutExpired(command, timeout)
        if part == "sample_jaxgan":
            return subprocess.CompletedProcess(command, 1, "", "no card")
        speed = {"train_jaxgan": 30.0, "train_torch": 20.0}[part]
        return subprocess.CompletedProcess(command, 0, f'log\n{{"batch_size": 7, "images_per_second": {speed}}}\n', "")

    monkeypatch.setattr(gpu.subprocess, "run", run)
    record = gpu.run_parts(["program"], seconds=2.0, default_batch=5)
    assert given["train_jaxgan"] == "--batch=5" and given["train_torch"] == "--batch=7"
    assert record["train_ratio"] == 1.5 and "sample_ratios" not in record
    assert record["sample_jaxgan"] == {"error": "no card"} and "cut off: 2 s" in record["sample_torch"]["error"]
