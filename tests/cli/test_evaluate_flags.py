"""Flags of `jaxgan evaluate` that would have no effect are refused, before anything is opened."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli import compare, evaluate, features
from jaxgan.cli.main import main
from jaxgan.training.errors import UserError
from jaxgan.training.records import line_of

IMAGES, RUN = ("--images=a.npz", "--against=b.npz"), ("--workdir=run",)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "give --workdir=DIR, a trained run, or --images=X"),
        ((*IMAGES, *RUN), "give --workdir=DIR, a trained run, or --images=X"),
        *(
            ((*IMAGES, flag), rf"--{flag[2:].partition('=')[0]} is for a run: give --workdir")
            for flag in ("--seed=0", "--step=3", "--watch", "--raw", "--truncation=0.5", "--truncation_mode=clamp")
        ),
        ((*IMAGES, "--set=psi=1"), "--set is for a run: give --workdir"),
        ((*RUN, "--image_size=8"), "--image_size is for --images and --against"),
        (("--images=a.npz", "--metrics=is", "--reference_images=9"), "--reference_images needs a reference"),
        ((*RUN, "--out=x.png"), "--out is of a sweep"),
        ((*RUN, "--values=1"), "--values is of a sweep"),
        ((*RUN, "--sweep=truncation", "--watch"), "--watch does not go with --sweep"),
        ((*RUN, "--sweep=truncation", "--truncation=1"), "--truncation does not go with --sweep"),
        ((*RUN, "--sweep=truncation", "--neighbours=n.png"), "--neighbours does not go with --sweep"),
        ((*RUN, "--step=all", "--neighbours=n.png"), "--neighbours draws one picture"),
        ((*RUN, "--watch", "--neighbours=n.png"), "--neighbours draws one picture"),
        ((*RUN, "--watch", "--step=3"), "--step does not go with --watch"),
        ((*RUN, "--sweep=psi", "--truncation_mode=clamp"), "--truncation_mode=clamp needs --truncation=VALUE"),
        ((*RUN, "--truncation_mode=clamp"), "--truncation_mode=clamp needs --truncation=VALUE"),
        (
            (*RUN, "--truncation_mode=none", "--truncation=0.5"),
            "--truncation needs a --truncation_mode other than none",
        ),
    ],
)
def test_flags_without_effect(flags, message):
    with pytest.raises(UserError, match=message):
        evaluate.run(flags)


def test_choices_of_images_do_not_apply_to_their_statistics(tmp_path):
    np.savez(tmp_path / "images.npz", images=np.zeros((4, 8, 8, 3), np.uint8))
    np.savez(tmp_path / "statistics.npz", mu=np.zeros(3), sigma=np.eye(3))
    flags = [f"--images={tmp_path / 'images.npz'}", f"--against={tmp_path / 'statistics.npz'}", "--metrics=fd"]
    for more in ("--reference_images=3", "--image_size=4"):
        with pytest.raises(UserError, match=r"statistics.npz holds their statistics"):
            evaluate.run([*flags, more])


def test_numbers_of_nothing(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.zeros((4, 8, 8, 3), np.uint8))
    images = f"--images={tmp_path / 'x.npz'}"
    pixels = [images, f"--against={tmp_path / 'x.npz'}", "--metrics=psnr", "--no_progress"]
    with pytest.raises(ValueError, match="--batch_size: '0'; give a whole number from 1"):
        evaluate.run([*pixels, "--batch_size=0"])
    with pytest.raises(UserError, match="--num_images: '0'; give a whole number from 1"):
        evaluate.run([*pixels, "--num_images=0"])
    with pytest.raises(UserError, match=r"--config\.x: features are of images"):
        features.run([images, "--features=inception", "--out=f.npz", "--config.x=1"])


def test_results_must_be_numbers_and_know_no_config(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"metric": "fd", "value": "2.5", "stamp": {}}))
    assert compare.read_results(str(path))["fd"] == {"metric": "fd", "value": 2.5, "stamp": {}}
    path.write_text(json.dumps({"metric": "fd", "value": "good", "stamp": {}}))
    with pytest.raises(UserError, match="line 1 is no result"):
        compare.read_results(str(path))
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match="line 1 is no result"):
        compare.read_results(str(path))
    with pytest.raises(UserError, match=r"--config\.x: results are compared as they are"):
        compare.run([str(path), str(path), "--config.x=1"])


def test_a_run_with_a_failed_score_is_compared_by_the_others(tmp_path):
    lines = [
        {"step": 3, "metric": "fd", "value": 2.5, "stamp": {}},
        {"step": 3, "metric": "kid", "value": None, "error": "no split 'test'"},
    ]
    path = tmp_path / "scores.jsonl"
    path.write_text("".join(line_of(line, path.name) for line in lines))
    assert list(compare.read_results(str(tmp_path))) == ["fd"]
    path.write_text(line_of(lines[1], path.name))
    with pytest.raises(UserError, match=r"holds no result; kid failed: no split 'test'"):
        compare.read_results(str(tmp_path))


def test_a_score_that_fails_says_why_and_the_others_are_printed(capsys, tmp_path):
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((8, 8, 3), 9 * len(folder), np.uint8)).save(tmp_path / folder / "0.png")
    command = ["evaluate", f"--images={tmp_path / 'ours'}", f"--against={tmp_path / 'theirs'}", "--no_progress"]
    assert main([*command, "--metrics=ms_ssim,psnr"]) == 1
    out = capsys.readouterr().out
    assert "ms_ssim    failed: " in out and out.splitlines()[1].startswith("PSNR ")
    assert main([*command, "--metrics=ms_ssim,psnr", "--json"]) == 1
    failed, psnr = map(json.loads, capsys.readouterr().out.splitlines())
    assert (failed["metric"], failed["value"]) == ("ms_ssim", None) and "ms_ssim" in failed["error"]
    assert psnr["metric"] == "psnr" and psnr["value"] > 0


def test_compare_shows_no_escape_sequence(capsys, tmp_path):
    result = {"metric": "f\x1b[2J", "value": 1.0, "stamp": {}}
    for name in ("a", "b"):
        (tmp_path / name).write_text(json.dumps(result) + "\n")
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    out = capsys.readouterr().out
    assert "f\\x1b[2J" in out and "\x1b" not in out


def test_a_border_is_of_pairs(tmp_path, capsys):
    for name, level in (("x", 0), ("y", 255)):
        images = np.full((2, 16, 16, 3), level, np.uint8)
        images[:, 3:-3, 3:-3] = 100
        images[:, 8, 8] += level // 255
        np.savez(tmp_path / f"{name}.npz", images=images)
    flags = [f"--images={tmp_path / 'x.npz'}", f"--against={tmp_path / 'y.npz'}", "--no_progress", "--border=3"]
    assert evaluate.run([*flags, "--metrics=psnr", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["stamp"]["settings"] == {"border": 3}
    assert record["value"] == pytest.approx(10 * np.log10(255**2 * 100), rel=1e-4)
    with pytest.raises(UserError, match="--border=3 is cut off pairs of images: name one of psnr, ssim"):
        evaluate.run([*flags, "--metrics=swd"])
