import json

import numpy as np
import pytest
import yaml
from PIL import Image

from jaxgan.cli.main import VERBS, main
from jaxgan.experiment.config_file import from_json, load

pytestmark = pytest.mark.usefixtures("unchanged")


@pytest.mark.parametrize(("argv", "code"), [(["--help"], 0), (["help"], 0), ([], 1)])
def test_help_lists_the_verbs(capsys, argv, code):
    assert main(argv) == code
    out = capsys.readouterr().out
    assert all(f"\n  {verb} " in out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_examples(capsys, verb):
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: jaxgan {verb}" in out and f"examples:\n  jaxgan {verb} " in out


def mistake(capsys, *argv):
    """Runs a command that must fail; returns its one line."""
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("jaxgan")]
    assert len(lines) == 1 and "Traceback" not in captured.err
    return lines[0]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["trian"], f"unknown verb 'trian'; there are {', '.join(VERBS)}. See"),
        (["describe"], "required: --config. See `jaxgan describe --help`."),
        (["describe", "--config=biggan:digits16", "--jsn"], "unrecognized arguments: --jsn"),
        (["describe", "--config=biggan_digit16"], "Did you mean biggan:digits16?"),
        (
            ["describe", "--config=biggan:digits16", "--config.data.batchsize=3"],
            "no key 'batchsize' in config.data. Did you mean batch_size?",
        ),
        (
            ["describe", "--config=biggan:digits16,tiny"],
            "no variant, flag or key 'tiny'. There are: digits16, cifar10[,narrow]",
        ),
        (
            ["describe", "--config=biggan:digits16", "--config.method.loss=hing"],
            "config.method.loss='hing'; did you mean hinge? Give one of f_",
        ),
        (["train", "--config=biggan:digits16"], "required: --workdir"),
        (["sample", "--workdir=w", "--out=x.png", "--config.seed=1"], "follows the run's own config"),
        (["evaluate", "--workdir=w", "--config.seed=1"], "follow the run's own config"),
        (["evaluate"], "give --workdir=DIR, a trained run, or --images=X"),
        (["evaluate", "--images=x.npz", "--metrics=fid"], "no metric 'fid'; choose from fd, sfd"),
        (["evaluate", "--images=x.npz", "--metrics=fd"], "fd needs a reference: --against=Y"),
        (["evaluate", "--images=x.npz", "--sweep=truncation"], "--sweep is for a run: give --workdir"),
        (["evaluate", "--images=x.npz", "--against=y", "--metrics=psnr"], "no images at 'x.npz': give a folder"),
        (
            ["features", "--images=digits:test", "--features=vgg", "--out=f.npz"],
            "no feature network 'vgg'; choose from",
        ),
        (["features", "--images=digits:test", "--features=inception", "--out=f.txt"], "give a name ending in .npz"),
        (["compare", "a.jsonl", "b.jsonl"], "no results at a.jsonl"),
    ],
)
def test_mistakes_are_one_line_and_exit_1(capsys, argv, message):
    assert message in mistake(capsys, *argv)


@pytest.mark.parametrize("verb", [["sample", "--out=x.npz"], ["evaluate"], ["evaluate", "--step=all"]])
def test_a_folder_without_a_run(capsys, tmp_path, verb):
    assert "holds no run (no config.json)" in mistake(capsys, *verb, f"--workdir={tmp_path / 'nothing'}")
    assert not (tmp_path / "nothing").exists()


def test_a_name_cannot_reach_the_terminal_as_an_escape_sequence(capsys, tmp_path):
    hostile = tmp_path / "\x1b]0;owned\x07\u202ecfg.py"
    said = mistake(capsys, "describe", f"--config={hostile}")
    assert "\\x1b]0;owned\\x07\\u202ecfg.py" in said and said.isprintable()
    hostile.write_text("def get_config(arg):\n    raise ValueError('\x9b2J')\n")
    assert "\\x9b2J" in mistake(capsys, "describe", f"--config={hostile}")


def test_a_traceback_is_shown_where_asked_for():
    with pytest.raises(ValueError, match="no config called 'nonsense'"):
        main(["describe", "--config=nonsense", "--traceback"])


def test_describe_prints_json_and_nothing_else(capsys):
    assert main(["describe", "--config=biggan:imagenet128", "--json", "--config.seed", "7"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["nets"] == {"g": {"parameters": 70_433_988}, "d": {"parameters": 87_982_370}}
    assert record["config"]["seed"] == 7
    assert "step" not in record


def test_describe_prints_epochs_as_steps_where_the_data_is_there(tmp_path, capsys):
    for number in range(10):
        Image.fromarray(np.zeros((4, 8, 3), np.uint8)).save(tmp_path / f"{number}.png")
    networks = {"generator.ch": 1, "generator.depth": 2, "discriminator.ch": 1, "discriminator.layers": 1}
    command = ["describe", "--config=pix2pix", "--config.data.image_size=32,32"]
    command += [f"--config.{key}={value}" for key, value in networks.items()]
    assert main([*command, f"--config.data.name=pairs:{tmp_path}", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    # One of ten pairs is held out.
    assert record["stages"][0]["steps"] == 200 * 9 and "epochs" not in record
    assert [record["config"]["optimizer"][player]["decay_steps"] for player in "gd"] == [900, 900]
    assert main([*command, "--config.data.name=pairs:/nowhere"]) == 0
    out = capsys.readouterr().out
    assert "# steps and decays are not those of the run yet: epochs of 100 + 100 are steps of the data" in out


def test_describe_prints_every_array(capsys):
    assert main(["describe", "--config=biggan:digits16,smoke"]) == 0
    out = capsys.readouterr().out
    assert "shared/embedding" in out and "\n# g: 51,233 parameters\n" in out


def test_describe_prints_yaml_of_the_config(capsys):
    assert main(["describe", "--config=biggan:cifar10,narrow,smoke"]) == 0
    out = capsys.readouterr().out
    config = load("biggan:cifar10,narrow,smoke")
    assert from_json(yaml.safe_load(out)).to_dict() == config.to_dict()
    height, width = config.data.image_size
    assert f"\n  image_size: [{height}, {width}]\n" in out


def test_a_device_without_the_memory_is_said_in_a_sentence(capsys, monkeypatch):
    import jax

    def run(arguments):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\nlong table")

    monkeypatch.setattr("jaxgan.cli.list.run", run)
    assert main(["list"]) == 1
    err = capsys.readouterr().err
    assert "the device's memory does not suffice (RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.)" in err
    assert "smaller batch" in err and "table" not in err
