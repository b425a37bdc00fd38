import pytest

from jaxgan.benchmarks.gpu import PARTS, largest, predicted_fit, run_parts
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


def test_parts_that_fail_or_take_too_long_are_named_and_the_others_kept(tmp_path):
    import sys

    script = tmp_path / "part.py"
    script.write_text(
        "import json, sys, time\n"
        "part = sys.argv[1].removeprefix('--part=')\n"
        "if part == 'sample_torch': time.sleep(60)\n"
        "if part == 'sample_jaxgan': sys.exit('no card')\n"
        "speed = {'train_jaxgan': 30.0, 'train_torch': 20.0}[part]\n"
        "print(json.dumps({'batch_size': 7, 'images_per_second': speed, 'given': sys.argv[2]}))\n"
    )
    record = run_parts([sys.executable, str(script)], seconds=2.0, default_batch=5)
    assert record["train_jaxgan"]["given"] == "--batch=5" and record["train_torch"]["given"] == "--batch=7"
    assert record["train_ratio"] == 1.5 and "sample_ratios" not in record
    assert "no card" in record["sample_jaxgan"]["error"] and "cut off" in record["sample_torch"]["error"]
    assert set(PARTS) < set(record)
