"""Train, look, sample, score: the verbs one after another on one tiny run."""

import json
import logging
import os

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan.cli import scoring
from jaxgan.cli.main import main
from jaxgan.data import open_dataset
from jaxgan.evaluation.inputs import even_choice
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.interop import open_features as feature_networks
from jaxgan.training.records import read_records

# Orthogonal weights take longer to compile than all the rest.
QUICK = tuple(f"--config.{net}.weight_init=normal_02" for net in ("generator", "discriminator"))
CONFIG = ("--config=biggan:digits16,smoke", *QUICK)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Statistics are cached in a folder of the tests'."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    flags, level = os.environ["XLA_FLAGS"], logging.getLogger("jaxgan").level
    path = tmp_path_factory.mktemp("run") / "digits"
    code = main(["train", *CONFIG, f"--workdir={path}", "--config.training.steps", "3"])
    assert code == 0
    yield path
    os.environ["XLA_FLAGS"] = flags
    logging.getLogger("jaxgan").setLevel(level)


def size(path):
    with Image.open(path) as image:
        return image.size


def arrays(path):
    with np.load(path) as file:
        return dict(file)


def test_a_run_leaves_what_it_says(workdir, capsys):
    assert [r["step"] for r in read_records(workdir / "metrics.jsonl")] == [1, 2, 3]
    assert {"eval/tstr", "eval/classes_hit"} <= read_records(workdir / "metrics.jsonl")[-1].keys()
    # Ten rows of two images of 8x4, framed.
    assert size(workdir / "samples" / "3.png") == (2 * 5 - 1, 10 * 9 - 1)
    assert list((workdir / "tb").glob("events*"))
    # A run that has ended says so again, and trains no further.
    assert main(["train", *CONFIG, f"--workdir={workdir}", "--config.training.steps=3"]) == 0
    assert f"checkpoint {workdir / 'checkpoints' / '3'}" in capsys.readouterr().out


def test_another_config_is_refused_with_a_diff(workdir, capsys):
    assert main(["train", *CONFIG, f"--workdir={workdir}", "--config.training.steps=4"]) == 1
    error = capsys.readouterr().err
    assert '-    "steps": 3' in error and '+    "steps": 4' in error and "--accept_config_change" in error


def test_samples_are_drawn_in_another_dtype(workdir, tmp_path):
    drawn = {}
    for dtype in ("float32", "bfloat16"):
        out = tmp_path / f"{dtype}.npz"
        assert main(["sample", f"--workdir={workdir}", "--num_images=10", f"--out={out}", f"--dtype={dtype}"]) == 0
        drawn[dtype] = arrays(out)["images"].astype(int)
    difference = np.abs(drawn["float32"] - drawn["bfloat16"])
    assert difference.max() > 0 and difference.mean() < 4


def test_samples_as_arrays_pictures_and_folders(workdir, tmp_path, capsys):
    def sample(out, *more):
        return main(["sample", f"--workdir={workdir}", f"--out={tmp_path / out}", *more])

    assert sample("a.npz", "--num_images=13", "--classes=1,4-5", "--seed=3") == 0
    drawn = arrays(tmp_path / "a.npz")
    assert drawn["images"].shape == (13, 8, 4, 1) and drawn["images"].dtype == np.uint8
    assert drawn["labels"].tolist() == [1, 4, 5] * 4 + [1]
    assert "images/s" in capsys.readouterr().err

    truncation = ("--truncation=0.5", "--truncation_mode=clamp")
    assert sample("b.npz", "--num_images=13", "--classes=1,4-5", "--seed=3", *truncation) == 0
    assert not np.array_equal(arrays(tmp_path / "b.npz")["images"], drawn["images"])

    assert sample("folder", "--num_images=20") == 0
    assert sorted(p.name for p in (tmp_path / "folder").iterdir()) == [f"{c:03d}" for c in range(10)]
    assert sum(len(list(p.iterdir())) for p in (tmp_path / "folder").iterdir()) == 20

    assert sample("grid.png", "--num_images=20", "--columns=4") == 0
    assert size(tmp_path / "grid.png") == (4 * 5 - 1, 5 * 9 - 1)

    assert sample("grid.png", "--num_images=7") == 1
    assert sample("a.npz", "--classes=10") == 1
    assert sample("a.npz", "--truncation=1", "--truncation_mode=nonsense") == 1
    assert "scaled_truncated_normal" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("over", ["z", "class"])
def test_samples_between_two_ends(workdir, tmp_path, over):
    out = tmp_path / "row.png"
    flags = ["--num_images=12", "--columns=6", f"--interpolate={over}", f"--out={out}"]
    assert main(["sample", f"--workdir={workdir}", *flags]) == 0
    assert size(out) == (6 * 5 - 1, 2 * 9 - 1)


@pytest.mark.slow
def test_samples_of_a_split_s_labels_and_options_by_name(workdir, tmp_path, capsys):
    def sample(out, *more):
        return main(["sample", f"--workdir={workdir}", f"--out={tmp_path / out}", "--num_images=6", *more])

    assert sample("a.npz", "--inputs=digits:test") == 0
    digits = open_dataset("digits", split="test", image_size=(8, 4), channels=1)
    chosen = even_choice(digits.length, 6)
    np.testing.assert_array_equal(arrays(tmp_path / "a.npz")["labels"], digits.labels(chosen))

    assert sample("b.npz", "--truncation=0.5") == 0
    assert sample("c.npz", "--set", "truncation=0.5", "--set=truncation_mode=scaled_truncated_normal") == 0
    np.testing.assert_array_equal(arrays(tmp_path / "b.npz")["images"], arrays(tmp_path / "c.npz")["images"])
    capsys.readouterr()
    for flags, message in (
        (["--set=psi=0.5"], "no sampling option 'psi'; the options that sampling may set are: truncation, truncation_"),
        (["--panels=label,image"], "give --inputs"),
        (["--inputs=digits:test", "--classes=3"], "--classes does not go with --inputs"),
    ):
        assert sample("d.npz", *flags) == 1
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_scores_of_the_run_s_own_evaluators_by_name(workdir, capsys):
    command = ["evaluate", f"--workdir={workdir}", "--json", "--no_progress"]
    assert main([*command, "--metrics=modes,trts"]) == 0
    trained = read_records(workdir / "metrics.jsonl")[-1]
    records = records_of(capsys)
    assert {name: record["value"] for name, record in records.items()} == pytest.approx(
        {name: trained[f"eval/{name}"] for name in ("modes", "trts")}
    )
    for flags, message in (
        (["--metrics=wonder"], "no metric 'wonder'; choose from fd, "),
        (["--metrics=modes", "--set=truncation=0.5"], "modes is the run's own, which samples without options"),
        (["--metrics=separability"], "this method is told the class"),
        (["--metrics=bits_per_dim"], "bits_per_dim needs a likelihood, and biggan has none"),
    ):
        assert main([*command, *flags]) == 1
        assert message in capsys.readouterr().err


def test_scores_are_json_and_nothing_else(workdir, capsys):
    assert main(["evaluate", f"--workdir={workdir}", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {r["metric"] for r in records} >= {"tstr", "tstr_real", "trts", "classes_hit", "modes"}
    trained = read_records(workdir / "metrics.jsonl")[-1]
    for record in records:
        assert record["step"] == record["stamp"]["step"] == 3 and record["stamp"]["ema"]
        np.testing.assert_allclose(record["value"], trained[f"eval/{record['metric']}"], rtol=1e-6)
    # What training wrote bears the same stamps.
    written = {r["metric"]: r["stamp"] for r in read_records(workdir / "scores.jsonl")}
    assert {r["metric"]: r["stamp"] for r in records} == written


def records_of(capsys):
    return {r["metric"]: r for r in map(json.loads, capsys.readouterr().out.splitlines())}


offline = pytest.mark.filterwarnings("ignore::jaxgan.metrics.FewSamplesWarning")
FEATURES = "--features=tiny"
DIM = 12


def tiny_features(variables, images):
    flat = images.reshape(len(images), -1).astype(jnp.float32) / 255
    hidden = jnp.tanh(jnp.dot(flat, variables, precision="highest"))
    return {"pool": hidden, "logits": 4 * hidden[:, :5]}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """A small feature network under the name 'tiny'; others are opened as ever."""
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(8 * 4, DIM)), jnp.float32)

    def opened(name, *, weights_of=feature_networks.open_features, **options):
        if name != "tiny":
            return weights_of(name, **options)
        return FeatureNetwork(name, "ab" * 32, options.get("resizer") or "clean", weights, tiny_features)

    monkeypatch.setattr(feature_networks, "open_features", opened)
    monkeypatch.setattr(scoring, "open_features", opened)


@pytest.fixture(scope="module")
def drawn(workdir, tmp_path_factory):
    path = tmp_path_factory.mktemp("drawn") / "samples.npz"
    assert main(["sample", f"--workdir={workdir}", "--num_images=30", f"--out={path}"]) == 0
    return path


@offline
@pytest.mark.slow
def test_a_run_by_metrics_of_features(workdir, tmp_path, capsys):
    flags = [f"--workdir={workdir}", FEATURES, "--num_images=30", "--json", "--no_progress"]
    assert main(["evaluate", *flags, "--metrics=fd,is,precision", "--is_splits=3", "--step=all"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    steps = sorted({r["stamp"]["step"] for r in lines})
    assert steps == [2, 3] and len(lines) == 6
    fd = next(r for r in lines if r["metric"] == "fd_tiny")
    stamp = fd["stamp"]
    assert stamp["num_images"] == 30 and stamp["reference"] == "digits" and stamp["reference_count"] == 1438
    assert (
        stamp["batch_norm"] == "standing" and stamp["truncation_mode"] == "none" and len(stamp["reference_key"]) == 16
    )
    raw = ["--raw", "--metrics=fd", "--truncation=0.5", "--truncation_mode=clamp"]
    assert main(["evaluate", *flags, *raw]) == 0
    (other,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert other["stamp"]["ema"] is False and other["stamp"]["truncation"] == 0.5

    (tmp_path / "a.jsonl").write_text(json.dumps(fd))
    (tmp_path / "b.jsonl").write_text(json.dumps(other))
    assert main(["compare", str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]) == 1
    error = capsys.readouterr().err
    assert (
        "unlike protocols" in error and "ema: True" in error and "truncation: 1.0" in error and "precision" not in error
    )
    allowed = "--allow=ema,truncation,truncation_mode"
    assert main(["compare", str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"), allowed, "--json"]) == 0
    np.testing.assert_allclose(json.loads(capsys.readouterr().out)["difference"], other["value"] - fd["value"])


@offline
@pytest.mark.slow
def test_images_against_images_and_against_features(drawn, tmp_path, capsys):
    out = tmp_path / "f.npz"
    assert main(["features", f"--images={drawn}", FEATURES, f"--out={out}", "--no_progress"]) == 0
    features = arrays(out)
    assert features["features"].shape == (30, DIM) and features["features"].dtype == np.float32
    assert features["mu"].shape == (DIM,) and features["sigma"].shape == (DIM, DIM)
    capsys.readouterr()

    sizes = ["--kid_block_size=20", "--json", "--no_progress", FEATURES]
    metrics = "--metrics=fd,kid,precision,recall,density,coverage,intra_fd"
    assert main(["evaluate", f"--images={drawn}", f"--against={drawn}", metrics, *sizes]) == 0
    itself = records_of(capsys)
    assert abs(itself["fd_tiny"]["value"]) < 1e-6 * np.trace(features["sigma"])
    assert abs(itself["intra_fd_tiny"]["value"]) < 1e-6 * np.trace(features["sigma"])
    assert itself["precision"]["value"] == itself["recall"]["value"] == itself["coverage"]["value"] == 1
    assert itself["kid_tiny"]["stderr"] > 0
    assert main(["evaluate", f"--images={drawn}", f"--against={out}", "--metrics=fd,kid", *sizes]) == 0
    for name, record in records_of(capsys).items():
        np.testing.assert_allclose(record["value"], itself[name]["value"], atol=1e-6)

    small = [f"--images={drawn}", f"--against={out}", "--metrics=kid", FEATURES, "--json", "--no_progress"]
    assert main(["evaluate", *small]) == 0
    assert records_of(capsys)["kid_tiny"]["stamp"]["settings"]["block_size"] == 30

    assert main(["evaluate", f"--images={drawn}", f"--against={out}", "--metrics=fd", "--resizer=tf1", *sizes]) == 1
    assert "resizer: 'clean' there, 'tf1' here" in capsys.readouterr().err
    picture = tmp_path / "n.png"
    flags = [f"--images={drawn}", f"--against={drawn}", f"--neighbours={picture}", "--metrics=fd", *sizes]
    assert main(["evaluate", *flags]) == 0
    assert size(picture) == (6 * 5 - 1, 10 * 9 - 1)


@offline
@pytest.mark.slow
def test_a_sweep_draws_a_curve(workdir, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="pip install jaxgan[plots]")
    out = tmp_path / "curve.png"
    flags = ["--sweep=truncation", "--values=0.5,1", "--metrics=fd,is", FEATURES, "--num_images=20", "--is_splits=2"]
    assert main(["evaluate", f"--workdir={workdir}", *flags, f"--out={out}", "--json", "--no_progress"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["stamp"]["truncation"] for r in lines] == [0.5, 0.5, 1.0, 1.0]
    assert {r["stamp"]["truncation_mode"] for r in lines} == {"scaled_truncated_normal"}
    assert size(out)[0] > 100


@offline
@pytest.mark.slow
def test_watching_ends_with_the_run(workdir, capsys):
    flags = ["--metrics=fd", FEATURES, "--num_images=20", "--json", "--no_progress"]
    assert main(["evaluate", f"--workdir={workdir}", "--watch", *flags]) == 0
    assert [json.loads(line)["stamp"]["step"] for line in capsys.readouterr().out.splitlines()] == [2, 3]


@offline
@pytest.mark.slow
def test_the_batch_size_changes_no_score(workdir, capsys):
    flags = [f"--workdir={workdir}", FEATURES, "--num_images=30", "--metrics=fd", "--json", "--no_progress"]
    found = []
    for size in (8, 24):
        assert main(["evaluate", *flags, f"--batch_size={size}"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    np.testing.assert_allclose(found[0]["value"], found[1]["value"], rtol=1e-6)
    assert found[0]["stamp"] == found[1]["stamp"] and " x " in found[0]["stamp"]["standing"]


@offline
@pytest.mark.slow
def test_neighbours_are_of_what_is_scored(workdir, tmp_path):
    flags = [f"--workdir={workdir}", FEATURES, "--num_images=20", "--metrics=fd", "--no_progress"]
    drawn = []
    for more in ([], ["--seed=3"], ["--seed=4"], ["--truncation=0.2"]):
        assert main(["evaluate", *flags, *more, f"--neighbours={tmp_path / 'n.png'}"]) == 0
        with Image.open(tmp_path / "n.png") as picture:
            drawn.append(np.asarray(picture))
    # The seed of a config's scores is its own plus 3.
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2]) and not np.array_equal(drawn[0], drawn[3])


def test_inception_offline_is_one_screen(drawn, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JAXGAN_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert main(["evaluate", f"--images={drawn}", f"--against={drawn}", "--metrics=fd"]) == 1
    error = capsys.readouterr().err
    assert "6726825d0af5f729" in error and str(tmp_path) in error and len(error.splitlines()) < 24


def test_pairs_of_pixels(tmp_path, capsys):
    draw = np.random.default_rng(0)
    images = draw.integers(30, 220, (5, 24, 24, 3)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", images=images)
    np.savez(tmp_path / "b.npz", images=images + np.uint8(10))
    flags = [f"--images={tmp_path / 'a.npz'}", f"--against={tmp_path / 'b.npz'}", "--json"]
    assert main(["evaluate", *flags, "--metrics=psnr,ssim,swd"]) == 0
    found = records_of(capsys)
    np.testing.assert_allclose(found["psnr"]["value"], 20 * np.log10(255 / 10), rtol=1e-5)
    assert found["ssim"]["value"] > 0.9 and found["swd_24"]["value"] >= 0
