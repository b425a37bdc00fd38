"""``jaxgan study``: mistakes, an interrupt, plans, and one real study of two variants and two seeds."""

import importlib.util
import json
import logging
import os
import signal

import pytest

from jaxgan.cli import plan, study_plan
from jaxgan.cli.main import main
from jaxgan.experiment import run as recipe_run
from jaxgan.tools.studies import ensemble_runs
from jaxgan.tools.studies.results import read_results
from jaxgan.training.errors import UserError
from jaxgan.training.loop import Outcome

TABLE1 = ["study", "biggan_table1"]
SMOKE = [*TABLE1[:1], "biggan_table1:smoke", "--scale=digits"]


pytestmark = pytest.mark.usefixtures("unchanged")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["study"], "required: FILE[:ARG]"),
        (TABLE1, "--workdir=DIR is needed"),
        ([*TABLE1, "--plan"], "--plan and --topology=CHIP:SHAPE go together"),
        ([*TABLE1, "--workdir=w", "--price=2"], "--price, --json and --cache_dir are for --plan"),
        ([*TABLE1, "--workdir=w", "--seeds=a"], "--seeds=a: give whole numbers from 0 to"),
        ([*TABLE1, "--workdir=w", "--max_members=4"], "--max_members=4 goes with --vmap"),
        ([*TABLE1, "--workdir=w", "--scale=mnist"], "scale=mnist; choose from imagenet, cifar, digits"),
        ([*TABLE1, "--workdir=w", "--variants=row10"], "no variant 'row10' in study 'biggan_table1'; there are row1"),
        (["study", "biggan_table2", "--workdir=w"], "no study called 'biggan_table2'. Did you mean biggan_table1?"),
    ],
)
def test_mistakes_are_one_line_and_exit_1(capsys, argv, message):
    assert main(argv) == 1
    assert message in capsys.readouterr().err


def test_sigterm_is_42_whether_or_not_a_training_is_under_way(monkeypatch, tmp_path, caplog):
    argv = [*SMOKE, f"--workdir={tmp_path}", "--seeds=0", "--variants=row4,row5", "--no_plot"]
    monkeypatch.setattr(recipe_run, "train_experiment", lambda *a, **k: Outcome(None, signal.SIGTERM, 1.0))
    caplog.set_level(logging.INFO, "jaxgan")
    assert main(argv) == 42
    before = signal.getsignal(signal.SIGTERM)

    def terminated(*arguments, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("SIGTERM did not end the run")

    monkeypatch.setattr(recipe_run, "train_experiment", terminated)
    assert main(argv) == 42
    assert signal.getsignal(signal.SIGTERM) is before
    assert "stopped by SIGTERM; the same command goes on" in caplog.text


def test_vmap_hands_runs_of_one_shape_over_together(monkeypatch, tmp_path):
    asked = []

    def together(members, folder, **options):
        asked.append(([(member.variant, member.seed) for member in members], folder.relative_to(tmp_path).as_posix()))
        return Outcome(None, signal.SIGINT, 1.0)

    monkeypatch.setattr(ensemble_runs, "train_ensemble", together)
    argv = [*SMOKE, f"--workdir={tmp_path}", "--variants=row4", "--seeds=0,1,2", "--no_plot"]
    assert main([*argv, "--vmap"]) == 130 and main([*argv, "--vmap", "--max_members=2"]) == 130
    assert asked == [
        ([("row4", 0), ("row4", 1), ("row4", 2)], "row4/vmap-seeds0-2"),
        ([("row4", 0), ("row4", 1)], "row4/vmap-seeds0-1"),
    ]


def test_plans_name_their_variant_and_what_cannot_be_laid_out(monkeypatch, capsys):
    asked = []

    def planned(config, topology, parsed):
        asked.append((config.data.batch_size, topology, parsed.price))
        if config.data.batch_size == 8:
            raise UserError("8 images cannot be split")
        return [{"topology": topology, "fits": True}]

    monkeypatch.setattr(plan, "plan_config", planned)
    argv = [*SMOKE, "--plan", "--topology", "v5e:2x2", "--price=2", "--json", "--variants=row1-images,row4"]
    assert main(argv) == 0
    one, other = json.loads(capsys.readouterr().out)
    assert asked == [(8, "v5e:2x2", 2.0), (64, "v5e:2x2", 2.0)]
    assert one == {"variant": "row1-images", "label": "1: 256/64", "topology": "v5e:2x2", "error": one["error"]}
    assert other["fits"] and other["variant"] == "row4"
    monkeypatch.setattr(plan, "plan_config", lambda *a: (_ for _ in ()).throw(UserError("no")))
    assert main(argv) == 1


@pytest.mark.slow
def test_a_topology_that_there_is_not_costs_its_own_rows_alone(capsys):
    argv = [*SMOKE, "--plan", "--topology", "h100:0", "h100:1", "h100:7", "--json", "--variants=row8"]
    assert main(argv) == 0
    none, one, seven = json.loads(capsys.readouterr().out)
    assert "sizes are at least 1" in none["error"] and "no multiple of 7 devices" in seven["error"]
    assert one["topology"] == "h100:1" and one["step_seconds"] > 0


@pytest.mark.slow
def test_a_real_plan_of_a_tiny_row(capsys):
    if importlib.util.find_spec("libtpu") is None:
        pytest.skip("pip install jaxgan[tpu]: plans of TPUs are compiled by libtpu")
    argv = [*SMOKE, "--plan", "--topology", "v5e:2x2", "--price=1", "--variants=row8", "--cache_dir=none"]
    assert main(argv) == 0
    head, _, row = capsys.readouterr().out.rstrip().splitlines()
    assert head.split()[:2] == ["variant", "topology"] and row.startswith("8: 2048/96 shared skip-z ortho")
    assert study_plan.__doc__


@pytest.mark.slow
def test_a_real_study_ends_in_a_table_and_a_plot(tmp_path, capsys):
    argv = [*SMOKE, f"--workdir={tmp_path}", "--seeds=0,1", "--variants=row4,row5", "--no_progress"]
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert "## Matched images" in out and str(tmp_path / "results.png") in out
    results = read_results(tmp_path)
    assert [(r.variant, r.seed, r.status) for r in results] == [
        (variant, seed, "finished") for seed in (0, 1) for variant in ("row4", "row5")
    ]
    assert all(0 <= r.scores["eval/tstr"] <= 1 and r.images_per_second > 0 for r in results)
    assert (tmp_path / "row5" / "seed1" / "checkpoints").is_dir() and (tmp_path / "results.png").stat().st_size > 1000
    lines = (tmp_path / "results.jsonl").read_text()
    assert main(argv) == 0 and (tmp_path / "results.jsonl").read_text() == lines
