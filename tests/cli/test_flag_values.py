"""Mistyped and nonsensical values: each ends in one sentence that names the flag, what was given and what is accepted,
before a folder is claimed; odd ones that mean something are read as what they mean.
"""

import json

import numpy as np
import pytest

from jaxgan.cli.main import main

pytestmark = pytest.mark.usefixtures("unchanged")

CONFIG = "--config=biggan:digits16"
WHOLE = "a whole number from 1 to 2,147,483,647"
BELOW_ONE = "a number from 0 and below 1"

# key -> (what is given, what the answer says is accepted)
CONFIG_VALUES = [
    ("seed", "1e20", "a whole number from 0 to 4,294,967,292"),
    ("seed", "-1", "a whole number from 0"),
    ("seed", "many", "a whole number"),
    ("data.batch_size", "-4", WHOLE),
    ("data.batch_size", "0", WHOLE),
    ("data.batch_size", "1e11", WHOLE),
    ("data.batch_size", "32.5", "a whole number"),
    ("data.batch_size", "none", WHOLE),
    ("data.image_size", "16", "0 or 2 whole numbers from 1"),
    ("data.image_size", "(0, 16)", "0 or 2 whole numbers from 1"),
    ("data.image_size", "(16, -16)", "0 or 2 whole numbers from 1"),
    ("data.image_size", "(16.5, 16)", "0 or 2 whole numbers from 1"),
    ("data.image_size", "(1000000, 16)", "65,536"),
    ("data.channels", "0", "a whole number from 1 to 1,024"),
    ("data.workers", "-1", "a whole number from 0 to 1,024"),
    ("data.flip", "perhaps", "true or false"),
    ("data.in_memory", "always", "true or false, or one of auto, or none"),
    ("generator.ch", "0", "a whole number from 1 to 1,048,576"),
    ("generator.ch", "-8", "a whole number from 1 to 1,048,576"),
    ("generator.ch", "1e9", "a whole number from 1 to 1,048,576"),
    ("generator.z_dim", "0", "a whole number from 1"),
    ("generator.num_classes", "-1", "a whole number from 0 to 16,777,216"),
    ("generator.num_classes", "1e12", "a whole number from 0 to 16,777,216"),
    ("generator.dtype", "bf16", "one of float32, bfloat16, float16"),
    ("generator.dtype", "float7", "one of float32, bfloat16, float16"),
    ("generator.param_dtype", "int8", "one of float32, bfloat16, float16"),
    ("discriminator.dtype", "none", "one of float32, bfloat16, float16"),
    ("generator.attention", "99", "no map is 99 high; give some of 1, 2, 4, 8, 16"),
    ("discriminator.attention", "(8, 12)", "no map is 12 high"),
    ("generator.base", "(4,)", "2 whole numbers from 1"),
    ("generator.weight_init", "xavier", "'uniform:0.05'"),
    ("generator.weight_init", "normal:-1", "'uniform:0.05'"),
    ("generator.bn_eps", "0", "a number above 0"),
    ("generator.bn_groups", "0", WHOLE),
    ("generator.remat", "all", "one of none, blocks, convs"),
    ("generator.resample", "bilinear", "one of auto, plain, strided"),
    ("discriminator.conditioning", "film", "one of none, concat, cbn, projection"),
    ("discriminator.minibatch", "on", "one of none, discrimination, stddev"),
    ("networks", "unet", "choose from biggan"),
    ("recipe", "gigagan", "there are acgan, biggan"),
    ("prior.kind", "cauchy", "one of normal, uniform"),
    ("watchdog.step", "1e300", "a number from 0 to 100,000,000"),
    ("prior.categorical", "1", "whole numbers from 2"),
    ("prior.continuous", "-2", "a whole number from 0"),
    ("method.loss", "hing", "did you mean hinge? Give one of f_"),
    ("method.label_smoothing", "1", BELOW_ONE),
    ("method.d_steps", "0", "a whole number from 1 to 1,024"),
    ("method.g_steps", "-1", "a whole number from 1 to 1,024"),
    ("method.adversarial_weight", "-1", "a number from 0"),
    ("clip.bound", "-1", "a number from 0"),
    ("clip.bound", "inf", "a number"),
    ("top_k.minimum", "0", "a number above 0 to 1"),
    ("top_k.minimum", "1.5", "a number above 0 to 1"),
    ("top_k.steps", "0", WHOLE),
    ("orthogonal.weight", "-1e-4", "a number from 0"),
    ("orthogonal.exclude", "g/(", "a regular expression"),
    ("microbatches.count", "0", "a whole number from 1"),
    ("regularizers.penalties.gp", "-10", "a number from 0"),
    ("regularizers.penalties.r1", "1e999", "a number from 0"),
    ("regularizers.penalties.every", "0", WHOLE),
    ("regularizers.consistency.transforms", "rotate", "unknown DiffAugment policy 'rotate'"),
    ("regularizers.lecam.decay", "1", BELOW_ONE),
    ("augment.ada.pipeline", "bgcx", "bgcfn, bgcfnc"),
    ("augment.ada.speed_images", "0", WHOLE),
    ("augment.ada.target", "2", "a number from -2 to 1"),
    ("augment.diffaugment.policy", "colour", "color"),
    ("augment.instance_noise.sigma", "-0.1", "a number from 0"),
    ("optimizer.g.learning_rate", "-1e-4", "a number from 0"),
    ("optimizer.g.learning_rate", "1e999", "a number from 0"),
    ("optimizer.d.learning_rate", "nan", "a number"),
    ("optimizer.d.kind", "lion", "one of adam, adamw, rmsprop, sgd"),
    ("optimizer.d.b1", "2", BELOW_ONE),
    ("optimizer.d.b2", "1", BELOW_ONE),
    ("optimizer.d.eps", "0", "a number above 0"),
    ("optimizer.d.clip_norm", "0", "a number above 0, or none"),
    ("optimizer.d.schedule", "step", "one of linear, cosine, exponential, piecewise"),
    ("optimizer.d.decay_steps", "-1", "a whole number from 0"),
    ("optimizer.d.train_params", "[", "a regular expression"),
    ("ema.decay", "2", BELOW_ONE),
    ("ema.decay", "1", BELOW_ONE),
    ("ema.half_life_images", "0", "a number above 0, or none"),
    ("ema.buffers", "mean", "one of average, copy"),
    ("ema.start_step", "-1", "a whole number from 0"),
    ("training.steps", "0", WHOLE),
    ("training.steps", "1e30", WHOLE),
    ("training.save_every", "0", WHOLE),
    ("training.log_every", "-5", WHOLE),
    ("training.keep", "0", "a whole number from 1 to 10,000"),
    ("training.max_in_flight", "0", "a whole number from 1"),
    ("evaluation.every_steps", "-1", "a whole number from 0"),
    ("evaluation.batch_size", "0", WHOLE),
    ("evaluation.batch_norm", "live", "one of standing, running"),
    ("evaluation.standing_passes", "0", "a whole number from 1"),
    ("evaluation.grid_columns", "0", "a whole number from 1 to 10,000"),
    ("evaluation.metrics", "fid", "no metric 'fid'; choose from fd"),
    ("evaluation.features", "vgg", "one of inception, efficientnet_lite0"),
    ("evaluation.resizer", "lanczos", "one of tf1, torch, clean, or none"),
    ("evaluation.num_images", "1e12", "a whole number from 1 to 100,000,000"),
    ("evaluation.is_splits", "0", "a whole number from 1"),
    ("evaluation.kid_block_size", "1", "a whole number from 2"),
    ("evaluation.best", "eval/beauty", "give a score as metrics.jsonl calls it"),
    ("evaluation.tstr_steps", "0", WHOLE),
    ("parallel.data", "0", "-1 for all that the other axes leave"),
    ("parallel.fsdp", "0", WHOLE),
    ("parallel.rules", "zero3", "one of replicated, fsdp, zero1"),
]


def refused(capsys, argv: list[str]) -> str:
    """The one line of a command that must end in a sentence and exit code 1."""
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "Traceback" not in captured.err
    lines = [line for line in captured.err.splitlines() if line.startswith("jaxgan ")]
    assert len(lines) == 1, captured.err
    return lines[0]


@pytest.mark.parametrize(("key", "given", "accepted"), CONFIG_VALUES, ids=lambda text: text)
def test_a_config_value_that_no_run_could_mean(capsys, tmp_path, key, given, accepted):
    for verb in (["describe"], ["train", f"--workdir={tmp_path / 'run'}"]):
        said = refused(capsys, [*verb, CONFIG, f"--config.{key}={given}"])
        assert key in said and accepted in said, said
    assert not (tmp_path / "run").exists()


RUN = ["--workdir=nowhere"]
CLASSES = [f"--config.{net}.num_classes=10" for net in ("generator", "discriminator")]
LAPGAN = ["describe", "--config=lapgan:mnist", *CLASSES]
SAMPLE = ["sample", *RUN, "--out=x.png"]


@pytest.mark.parametrize(
    ("argv", "named", "accepted"),
    [
        (["train", CONFIG, "--workdir="], "--workdir", "it is empty; give a name"),
        (["sample", "--workdir=", "--out=x.png"], "--workdir", "it is empty; give a name"),
        (["evaluate", "--workdir="], "--workdir", "it is empty; give a name"),
        (["study", "gd_ratio", "--workdir="], "--workdir", "it is empty; give a name"),
        (["compare", "", "b"], "A: it is empty", "give a name"),
        (["verify", ""], "WORKDIR: it is empty", "give a name"),
        (["monitor", ""], "WORKDIR: it is empty", "give a name"),
        (["monitor", "run", "--html="], "--html: it is empty", "give a name"),
        (["monitor", "run", "--seconds=inf"], "--seconds: 'inf'", "a number from 0.5 to 1e+08"),
        (["train", CONFIG, "--workdir=w", "--num_processes=0"], "--num_processes", WHOLE),
        (["train", CONFIG, "--workdir=w", "--process_id=-1"], "--process_id", "a whole number from 0"),
        (["train", "--config=", "--workdir=w"], "no config called ''", "There are: acgan"),
        ([*SAMPLE, "--columns=0"], "--columns: '0'", "a whole number from 1 to 10,000"),
        ([*SAMPLE, "--num_images=0"], "--num_images: '0'", "a whole number from 1 to 100,000,000"),
        ([*SAMPLE, "--num_images=1e12"], "--num_images: '1e12'", "a whole number from 1 to 100,000,000"),
        ([*SAMPLE, "--num_images=ten"], "--num_images: 'ten'", "a whole number from 1 to 100,000,000"),
        ([*SAMPLE, "--batch_size=0"], "--batch_size: '0'", WHOLE),
        ([*SAMPLE, "--truncation=nan"], "--truncation: 'nan'", "a number above 0"),
        ([*SAMPLE, "--truncation=0"], "--truncation: '0'", "a number above 0"),
        ([*SAMPLE, "--truncation=inf"], "--truncation: 'inf'", "a number above 0"),
        ([*SAMPLE, "--seed=-1"], "--seed: '-1'", "a whole number from 0"),
        ([*SAMPLE, "--step=-1"], "--step: '-1'", "a whole number from 0"),
        (["sample", *RUN, "--out="], "--out", "it is empty; give a name"),
        (["sample", *RUN, "--out=x.jpg"], "--out=x.jpg", "a name ending in .npz or .png, or a folder"),
        (["evaluate", *RUN, "--num_images=0"], "--num_images: '0'", "a whole number from 1"),
        (["evaluate", *RUN, "--is_splits=0"], "--is_splits: '0'", "a whole number from 1"),
        (["evaluate", *RUN, "--kid_block_size=0"], "--kid_block_size: '0'", "a whole number from 2"),
        (["evaluate", *RUN, "--batch_size=-1"], "--batch_size: '-1'", WHOLE),
        (["evaluate", *RUN, "--watch_every_seconds=nan"], "--watch_every_seconds: 'nan'", "a number from 0"),
        (["evaluate", *RUN, "--watch_every_seconds=1e300"], "--watch_every_seconds: '1e300'", "to 1e+08"),
        (["evaluate", *RUN, "--truncation=0.5", "--truncation_mode=none"], "--truncation", "other than none"),
        (["evaluate", "--images=x.npz", "--against=y", "--image_size=0"], "--image_size=0", "such as 64 or 48,64"),
        (["plan", CONFIG, "--topology=h100:8", "--batch", "0"], "--batch: '0'", WHOLE),
        (["plan", CONFIG, "--topology=h100:8", "--price=-1"], "--price: '-1'", "a number from 0"),
        (["plan", CONFIG, "--topology=h100:8", "--price=nan"], "--price: 'nan'", "a number from 0"),
        (["plan", CONFIG, "--topology=h100:8", "--steps=-5"], "--steps: '-5'", WHOLE),
        (["plan", CONFIG, "--topology=h100:8", "--steps=nan"], "--steps: 'nan'", WHOLE),
        (["plan", CONFIG, "--topology", "h100:8", "v9:2x2"], "--topology=v9:2x2", "such as h100:8"),
        (["plan", CONFIG, "--topology=h100:0"], "--topology=h100:0", "at least 1"),
        (["plan", CONFIG, "--topology=h100:8", "--html="], "--html", "it is empty; give a name"),
        (["study", "gd_ratio", "--workdir=w", "--seeds=0,0"], "--seeds=0,0", "none twice"),
        (["study", "gd_ratio", "--workdir=w", "--seeds=-1"], "--seeds=-1", "from 0 to"),
        (["study", "gd_ratio", "--workdir=w", "--vmap", "--max_members=0"], "--max_members: '0'", WHOLE),
        (["study", "gd_ratio", "--plan", "--topology=h100:8", "--price=inf"], "--price: 'inf'", "a number from 0"),
        (["bench", "train", CONFIG, "--steps=0"], "--steps: '0'", WHOLE),
        (["bench", "sample", CONFIG, "--batch_sizes=0"], "--batch_sizes=0", "whole numbers from 1"),
        (["bench", "sample", CONFIG, "--dtypes=bf16", "--batch_sizes=8"], "dtypes=['bf16']", "float32, bfloat16"),
        (["bench", "scaling", CONFIG, "--devices=-2"], "--devices=-2", "whole numbers from 1"),
        (
            [*LAPGAN, "--config.heads.auxiliary.real=1"],
            "heads.auxiliary.real",
            "set heads.auxiliary.real=0",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_flag_that_no_command_could_mean(capsys, tmp_path, monkeypatch, argv, named, accepted):
    monkeypatch.chdir(tmp_path)
    said = refused(capsys, argv)
    assert named in said and accepted in said, said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("key", "given", "read"),
    [
        ("training.steps", "1e3", "1000"),
        ("optimizer.g.learning_rate", "1", "1.0"),
        ("optimizer.g.clip_norm", "1", "1.0"),
        ("generator.shared_dim", "1e2", "100"),
        ("generator.attention", "8", "(8,)"),
        ("generator.attention", "()", "()"),
        ("data.data_dir", "2024", "'2024'"),
        ("data.in_memory", "auto", "'auto'"),
        ("evaluation.reference_split", "test", "'test'"),
        ("discriminator.weight_init", "normal:0.05", "'normal:0.05'"),
        ("parallel.data", "-1", "-1"),
    ],
)
def test_an_odd_value_is_read_as_what_it_means(capsys, key, given, read):
    assert main(["describe", CONFIG, "--keys", f"--config.{key}={given}"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{key}=")]
    value, rule = line.split("  # ")
    assert value == f"{key}={read}" and len(rule.split(": ")) == 2


def test_a_folder_that_holds_something_takes_no_second_draw(capsys, tmp_path):
    old = tmp_path / "drawn" / "000" / "000000.png"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"of another draw")
    said = refused(capsys, ["sample", *RUN, f"--out={tmp_path / 'drawn'}"])
    assert f"--out={tmp_path / 'drawn'} is not empty, it holds 000" in said and "choose a new folder" in said
    (tmp_path / "x.png").mkdir()
    assert "x.png is a folder" in refused(capsys, ["sample", *RUN, f"--out={tmp_path / 'x.png'}"])
    assert "000000.png" not in str(list(tmp_path.iterdir())) and old.read_bytes() == b"of another draw"


def test_home_is_written_as_a_wave_in_every_flag_that_names_a_file(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for argv in (
        ["sample", "--workdir=~/run", "--out=~/x.png"],
        ["evaluate", "--workdir=~/run"],
        ["evaluate", "--images=~/run", "--against=~/run"],
        ["compare", "~/run", "~/other"],
        ["describe", "--config=~/run/mine.py"],
    ):
        said = refused(capsys, argv)
        assert str(tmp_path / "run") in said or "~/run/mine.py" in said, said
    assert not list(tmp_path.iterdir())


def test_equal_images_have_a_psnr_that_strict_json_takes(capsys, tmp_path):
    np.savez(tmp_path / "x.npz", images=np.zeros((2, 8, 8, 3), np.uint8))
    both = [f"--images={tmp_path / 'x.npz'}", f"--against={tmp_path / 'x.npz'}", "--metrics=psnr", "--no_progress"]
    assert main(["evaluate", *both, "--json"]) == 0
    line = capsys.readouterr().out
    result = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert float(result["value"]) == float("inf")
    (tmp_path / "a.jsonl").write_text(line)
    assert main(["compare", str(tmp_path / "a.jsonl"), str(tmp_path / "a.jsonl"), "--json"]) == 0
    json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_field_that_no_stamp_has_may_not_be_allowed_to_differ(capsys, tmp_path):
    for name, truncation in (("a", 0.5), ("b", 1.0)):
        record = {"metric": "fd", "value": 1.0, "stamp": {"truncation": truncation, "resizer": "tf1"}}
        (tmp_path / name).write_text(json.dumps(record))
    both = ["compare", str(tmp_path / "a"), str(tmp_path / "b")]
    assert main([*both, "--allow=truncation"]) == 0
    capsys.readouterr()
    said = refused(capsys, [*both, "--allow=truncaton"])
    assert "no stamp has a field 'truncaton'. Did you mean truncation? They have: truncation, resizer" in said
