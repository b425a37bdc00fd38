import statistics

import pytest
from PIL import Image

from jaxgan.tools.studies.grid import run_study
from jaxgan.tools.studies.plot import draw
from jaxgan.tools.studies.results import read_results
from jaxgan.tools.studies.table import Spread, markdown, rows, shown, spread
from jaxgan.training.errors import UserError


def test_spread_and_its_rounding():
    values = [0.5, 0.6, 0.75]
    found = spread(values)
    assert (found.mean, found.number) == (pytest.approx(sum(values) / 3), 3)
    assert found.deviation == pytest.approx(statistics.stdev(values))
    assert spread([]) is None and spread([2.0]) == Spread(2.0, None, 1)
    assert shown(Spread(0.51234, 0.0234, 3)) == "0.512 ± 0.023"
    assert shown(Spread(1234.6, 67.8, 3)) == "1,235 ± 68"
    assert shown(Spread(2.0, None, 1)) == "2" and shown(None) == "-"


def test_rows_are_of_finished_runs_and_name_the_others(study, trainer, tmp_path):
    given = study(
        seeds=(0, 1, 2),
        groups={"All": ("narrow", "wide"), "Wide": ("wide",)},
        labels={"narrow": "1: narrow"},
        references={"wide": {"FID": (9.54, 0.62)}},
        notes=("Learning rates: constant.",),
    )
    run_study(given, tmp_path, train=trainer(call2="diverge"))
    configs, results = given.configs(), read_results(tmp_path)
    found = rows(given, configs, results)
    assert found["narrow"].scores["eval/tstr"] == Spread(pytest.approx(0.6), pytest.approx(0.1), 3)
    wide = found["wide"]
    assert (wide.finished, wide.wanted, wide.diverged, wide.images, wide.updates) == (2, 3, [(0, 3)], 128, 4)
    assert wide.scores["eval/tstr"].mean == pytest.approx(0.65)
    text = markdown(given, configs, results)
    assert text.count("## ") == 2 and text.count("2 of 3; seed 0 diverged at step 3") == 2
    assert "| 1: narrow | 16 | 8 | 128 | 8 | 3 of 3 | 0.60 ± 0.10 |" in text
    assert text.rstrip().endswith("Learning rates: constant.") and "9.54 ± 0.62" in text
    pytest.importorskip("matplotlib", reason="pip install jaxgan[plots]")
    draw(given, configs, results, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as image:
        assert min(image.size) > 200


def test_a_score_that_runs_do_not_have(study, trainer, tmp_path):
    given = study(scores=("eval/fid",))
    run_study(given, tmp_path, train=trainer())
    with pytest.raises(UserError, match=r"score 'eval/fid', which variant 'narrow' does not have.* eval/tstr"):
        markdown(given, given.configs(), read_results(tmp_path))


def test_scores_that_some_variants_have_and_runs_that_shared_a_program(study, trainer, tmp_path):
    given = study(some_scores=("eval/fid",))
    run_study(given, tmp_path, train=trainer())
    results = read_results(tmp_path)
    text = markdown(
        given,
        given.configs(),
        [
            results[0]._replace(
                scores={
                    **results[0].scores,
                    "eval/fid": 7.0,
                }
            ),
            *results[1:],
        ],
    )
    assert "| tstr | fid |" in text and "± 0.071 | 7 |" in text and "± 0.071 | - |" in text
    assert "one program" not in text
    text = markdown(given, given.configs(), [r._replace(members=4) for r in results])
    assert "Up to 4 runs were trained together as one program" in text


def test_an_empty_table_is_a_table(study):
    text = markdown(study(), study().configs(), [])
    assert "| narrow | 16 | 8 | 128 | 8 | 0 of 2 | - | - | - |" in text
