import json
import shutil
import threading

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan.training.errors import UserError
from jaxgan.training.logging import Writer, parameter_table
from jaxgan.training.method import FailedScore, Score
from jaxgan.training.records import read_records

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 4, 3), np.uint8)


def steps(path):
    return [record["step"] for record in read_records(path)]


@pytest.fixture
def writer(tmp_path):
    made = Writer(tmp_path, step=0)
    yield made
    made.close()


def test_floats_keep_every_bit(writer, tmp_path):
    values = np.random.default_rng(1).normal(size=20).astype(np.float32)
    writer.write(1, {f"v{i}": jnp.asarray(v) for i, v in enumerate(values)})
    writer.flush()
    (record,) = read_records(tmp_path / "metrics.jsonl")
    assert [np.float32(record[f"v{i}"]) for i in range(20)] == list(values)
    assert writer.latest["v0"] == values[0]


def test_tensorboard_reads_scalars_a_picture_and_the_config(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    writer = Writer(tmp_path, step=0, config='{"seed": 5}')
    writer.write(1, {"d/loss": jnp.asarray(0.5), "samples": PICTURE})
    writer.write(2, {"d/loss": 0.25})
    writer.close()
    events = accumulator.EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("d/loss")] == [(1, 0.5), (2, 0.25)]
    (image,) = events.Images("samples")
    assert (image.step, image.height, image.width) == (1, 6, 4)
    (text,) = events.Tensors("config/text_summary")
    assert b'"seed": 5' in text.tensor_proto.string_val[0]
    assert steps(tmp_path / "metrics.jsonl") == [1, 2]


def test_pictures_are_files_named_by_step(writer, tmp_path):
    writer.write(3, {"samples": PICTURE, "panel": PICTURE[..., :1]})
    writer.flush()
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "samples" / "3.png")), PICTURE)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "samples" / "3-panel.png")), PICTURE[..., 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_null_in_strict_json(tmp_path, bad):
    writer = Writer(tmp_path, step=0)
    writer.write(2, {"d/loss": jnp.asarray(bad), "g/loss": 1.0, "eval/psnr": Score(float(bad), None, {})})
    writer.close()
    for name in ("metrics.jsonl", "scores.jsonl"):
        for line in (tmp_path / name).read_text().splitlines():
            json.loads(line, parse_constant=pytest.fail)
    assert read_records(tmp_path / "metrics.jsonl") == [{"step": 2, "d/loss": None, "g/loss": 1.0, "eval/psnr": None}]
    assert read_records(tmp_path / "scores.jsonl")[0]["value"] == str(float(bad))


def test_a_run_whose_folder_vanishes_is_told(tmp_path):
    writer = Writer(tmp_path / "run", step=0)
    shutil.rmtree(tmp_path / "run")
    writer.write(1, {"g/loss": 1.0})
    with pytest.raises(UserError, match=r"cannot write .*metrics\.jsonl: ENOENT"):
        writer.flush()


def test_close_writes_what_is_left_and_ends_the_thread(tmp_path):
    before = set(threading.enumerate())
    writer = Writer(tmp_path, step=0)
    assert {t.name for t in set(threading.enumerate()) - before} >= {"metrics"}
    for step in range(1, 40):
        writer.write(step, {"x": float(step)})
    writer.close()
    assert steps(tmp_path / "metrics.jsonl") == list(range(1, 40))
    assert "metrics" not in {t.name for t in set(threading.enumerate()) - before}


def test_the_parameter_table_names_every_array(toy):
    table = parameter_table(toy.experiment().shapes())
    for name in ("g:", "d:", "first/kernel", "norm/scale", "last/bias"):
        assert name in table


def test_scores_are_metrics_that_keep_their_stamps(tmp_path):
    writer = Writer(tmp_path, step=0)
    writer.write(3, {"eval/fd": Score(2.5, None, {"num_images": 7}), "eval/kid": Score(0.5, 0.1, {}), "g/loss": 1.0})
    writer.close()
    assert read_records(tmp_path / "metrics.jsonl") == [{"step": 3, "eval/fd": 2.5, "eval/kid": 0.5, "g/loss": 1.0}]
    assert read_records(tmp_path / "scores.jsonl") == [
        {"step": 3, "metric": "fd", "value": 2.5, "stamp": {"num_images": 7}},
        {"step": 3, "metric": "kid", "value": 0.5, "stderr": 0.1, "stamp": {}},
    ]
    # A run that goes on from an earlier step scores again.
    Writer(tmp_path, step=2).close()
    assert read_records(tmp_path / "scores.jsonl") == []


def test_a_failed_score_is_noted_with_its_reason(tmp_path):
    writer = Writer(tmp_path, step=0)
    writer.write(3, {"eval/fd": FailedScore("no split 'test'"), "g/loss": 1.0})
    writer.close()
    assert read_records(tmp_path / "metrics.jsonl") == [{"step": 3, "g/loss": 1.0}]
    assert read_records(tmp_path / "scores.jsonl") == [
        {"step": 3, "metric": "fd", "value": None, "error": "no split 'test'"}
    ]
