"""`jaxgan bench`, of a program that compiles in seconds: nothing in it knows a recipe."""

import functools
import gzip
import json
import logging
import os

import jax
import pytest

from jaxgan.cli.main import main
from jaxgan.tools.bench import ceilings

TINY = ["--config=gan:grid25,smoke"]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small operands for the ceilings; what main sets for its process is put back."""
    monkeypatch.setattr(ceilings, "measure", functools.partial(ceilings.measure, tiny=True))
    monkeypatch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"])
    level = logging.getLogger("jaxgan").level
    yield
    logging.getLogger("jaxgan").setLevel(level)


@pytest.mark.slow
def test_train_gives_speed_memory_and_use_of_the_ceilings_and_a_trace(capsys, tmp_path):
    assert main(["bench", "train", *TINY, "--steps=2", "--json", f"--profile={tmp_path}"]) == 0
    record = json.loads(capsys.readouterr().out)
    seconds = record["step_milliseconds"] / 1e3
    assert record["devices"] == 8 and record["batch_size"] == 64 and record["compile_seconds"] > 0
    assert record["steps_per_second"] == pytest.approx(1 / seconds, rel=0.01)
    assert record["images_per_second"] == pytest.approx(64 / seconds, rel=0.01)
    assert record["peak_bytes_by"] == "compiler" and record["peak_bytes_per_device"] > 10_000
    rate = record["model_flops_per_step"] / seconds / 8
    assert record["mfu"] == pytest.approx(rate / record["ceilings"]["matmul_float32"], rel=0.05, abs=1e-4)

    (perfetto,) = tmp_path.glob("plugins/profile/*/perfetto_trace.json.gz")
    with gzip.open(perfetto) as file:
        events = json.load(file)
    events = events["traceEvents"] if isinstance(events, dict) else events
    assert any("step" in event.get("name", "") for event in events)
    (xplane,) = tmp_path.glob("plugins/profile/*/*.xplane.pb")
    planes = jax.profiler.ProfileData.from_file(str(xplane)).planes
    assert any(event for plane in planes for line in plane.lines for event in line.events)


@pytest.mark.slow
def test_sample_has_a_row_for_each_dtype(capsys):
    assert main(["bench", "sample", *TINY, "--batch_sizes=8", "--dtypes=float32,bfloat16", "--steps=1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["dtype"], row["batch_size"]) for row in rows] == [("float32", 8), ("bfloat16", 8)]
    for row in rows:
        assert row["images_per_second"] == pytest.approx(1e3 * row["batch_size"] / row["batch_milliseconds"], rel=0.01)
    assert rows[0]["flops_per_image"] == rows[1]["flops_per_image"] > 2_000


def test_data_sets_the_loader_beside_the_step(capsys):
    assert main(["bench", "data", *TINY, "--steps=2", "--batches=20"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if len(line.split()) > 1)
    loader, step = float(lines["loader_images_per_second"]), float(lines["step_consumes_images_per_second"])
    assert float(lines["ratio"]) == pytest.approx(loader / step, rel=0.05)
    assert 0 <= float(lines["data_wait_share"]) <= 1


def test_scaling_fails_where_work_is_not_shared(capsys, monkeypatch):
    from jaxgan.tools.bench import scaling

    def row(devices, batch, flops):
        return {
            "devices": devices,
            "batch_size": batch,
            "spatial": 1,
            "flops_per_device": flops,
            "collectives": {"all-gather": {"count": 1, "bytes": batch}},
        }

    modes = {"fixed_batch": [row(1, 8, 80), row(2, 8, 80)], "fixed_images_per_device": [row(1, 4, 40), row(2, 8, 40)]}

    class Done:
        returncode, stdout = 0, f"log\n{json.dumps(modes)}\n"

    monkeypatch.setattr(scaling.subprocess, "run", lambda *args, **kwargs: Done)
    assert main(["bench", "scaling", *TINY, "--devices=1,2", "--json"]) == 1
    captured = capsys.readouterr()
    assert "FLOP per device do not fall from 1 devices to 2" in captured.err
    assert json.loads(captured.out)["work_over_one_device"] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["train", "--steps=0"], "--steps: '0'; give a whole number from 1"),
        (["scaling", "--profile=x"], "--profile: scaling runs nothing"),
        (["data", "--donation"], "--donation: of `bench train` alone, not of `bench data`"),
        (["sample", "--batch_sizes=8,x"], "--batch_sizes=8,x: give whole numbers"),
        (["sample", "--batch_sizes=3"], "sizes are positive multiples of the 8 devices"),
        (["sample", "--dtypes=float8"], "dtypes of float32, bfloat16"),
        (["memory"], "invalid choice: 'memory'"),
    ],
)
def test_mistakes_are_named(capsys, argv, message):
    assert main(["bench", *argv, *TINY]) == 1
    assert message in capsys.readouterr().err
