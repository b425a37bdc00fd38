import json
import signal

import pytest

from jaxgan.tools.studies.grid import run_study
from jaxgan.tools.studies.results import diverged_at, noise_scales, read_results, training_speed
from jaxgan.training.errors import UserError
from jaxgan.training.lock import lock

CELLS = [("narrow", 0), ("wide", 0), ("narrow", 1), ("wide", 1)]


def test_all_variants_of_a_seed_come_before_the_next_seed(study, trainer, tmp_path):
    train, seen = trainer(), []
    assert run_study(study(), tmp_path, train=train, on_result=seen.append) is None
    assert train.calls == CELLS
    results = read_results(tmp_path)
    assert results == seen and len((tmp_path / "results.jsonl").read_text().splitlines()) == 4
    assert [(r.step, r.images, r.scores["eval/tstr"]) for r in results[::3]] == [(8, 128, 0.5), (4, 128, 0.6)]
    # What has its result is not run again.
    again = trainer()
    assert run_study(study(), tmp_path, train=again) is None and again.calls == []
    assert run_study(study(seeds=(0, 1, 2)), tmp_path, train=again) is None
    assert again.calls == [("narrow", 2), ("wide", 2)]


def test_a_stopped_run_goes_on_and_its_time_adds_up(study, trainer, tmp_path):
    stopped = trainer(call2=signal.SIGTERM)
    assert run_study(study(), tmp_path, train=stopped) == signal.SIGTERM
    assert stopped.calls == CELLS[:2] and len(read_results(tmp_path)) == 1
    spent = tmp_path / "wide" / "seed0" / "seconds.json"
    spent.write_text("100.0")
    rest = trainer()
    assert run_study(study(), tmp_path, train=rest) is None and rest.calls == CELLS[1:]
    (wide,) = [r for r in read_results(tmp_path) if (r.variant, r.seed) == ("wide", 0)]
    assert 100 < wide.seconds < 110


def test_a_run_that_diverges_is_a_result(study, trainer, tmp_path):
    assert run_study(study(), tmp_path, train=trainer(call1="diverge")) is None
    results = read_results(tmp_path)
    assert [r.status for r in results] == ["diverged", "finished", "finished", "finished"]
    assert (results[0].step, results[0].images, results[0].scores) == (3, 48, {})
    again = trainer()
    run_study(study(), tmp_path, train=again)
    assert again.calls == []


def test_other_errors_are_no_results(study, trainer, tmp_path):
    with pytest.raises(UserError, match="no such data"):
        run_study(study(), tmp_path, train=trainer(call2=UserError("no such data")))
    assert len(read_results(tmp_path)) == 1


def test_results_under_another_config_are_refused(study, trainer, tmp_path):
    run_study(study(), tmp_path, train=trainer())
    changed = study(variants=study().variants | {"wide": "biggan:digits16,smoke"})
    with pytest.raises(UserError, match="has variant 'wide', seed 0 under another config"):
        run_study(changed, tmp_path, train=trainer())


def test_processes_share_a_study(study, trainer, tmp_path):
    train = trainer()
    with lock(tmp_path / ".claims" / "wide-seed0"):  # another process is at it
        assert run_study(study(), tmp_path, train=train) is None
    assert train.calls == [cell for cell in CELLS if cell != ("wide", 0)]
    late = trainer()
    assert run_study(study(), tmp_path, train=late) is None and late.calls == [("wide", 0)]


def test_what_is_read_of_a_runs_records():
    square, noise = "d/gradient_square", "d/gradient_noise"
    records = [{"step": s, square: 2.0, noise: 6.0, "d/noise_scale": 99.0} for s in range(1, 9)]
    records[6] = {"step": 7, square: -1.0, noise: 4.0}
    records[7] = {"step": 8, square: 3.0, noise: 8.0}
    assert noise_scales(records) == {"d": 12.0 / 2.0}  # of steps 7 and 8, the last quarter
    assert noise_scales([{"step": 1, square: -1.0, noise: 1.0}]) == {} and noise_scales([]) == {}
    speeds = [{"perf/images_per_second": s} for s in (0.0, 100.0, 300.0)]
    assert training_speed(speeds) == pytest.approx(150) and training_speed([]) is None
    assert diverged_at([{"step": 1, "d/loss": None}, {"step": 2, "d/loss": 1.0}]) is None
    assert diverged_at([json.loads('{"step": 5, "d/loss": null}')]) == 5
    # The PSNR of equal images is infinite, and nothing diverged.
    assert diverged_at([{"step": 5, "d/loss": 1.0, "eval/psnr": None}]) is None
