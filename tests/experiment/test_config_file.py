import json
import logging
from pathlib import Path

import jax
import pytest

from jaxgan import recipes
from jaxgan.experiment.config_file import find, from_json, load, names, say_file, split_overrides
from jaxgan.tools.studies import load_study
from jaxgan.training.errors import UserError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FILE = """
from ml_collections import ConfigDict

def get_config(arg=""):
    return ConfigDict(dict(arg=arg, section=dict(
        whole=1, real=0.5, flag=False, sizes=(4, 4), empty=(), name="x", nothing=None)), type_safe=False)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return str(path)


def test_a_bare_name_a_path_and_an_argument(file, monkeypatch, tmp_path):
    by_name = load("biggan:digits16")
    by_path = load(f"{CONFIGS / 'biggan.py'}:digits16")
    assert by_name.to_json() == by_path.to_json()
    assert load("biggan:digits16,smoke").training.steps == 2 != by_name.training.steps
    assert load(f"{file}:some=thing").arg == "some=thing"
    # ./configs has names of its own.
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    assert find("mine") == tmp_path / "configs" / "mine.py"
    assert set(names()) == {"mine", *(p.stem for p in CONFIGS.glob("*.py"))}


def test_a_file_of_the_current_folder_never_runs_for_a_shipped_one(monkeypatch, tmp_path, caplog):
    say_file.cache_clear()
    caplog.set_level(logging.INFO, "jaxgan")
    (tmp_path / "configs" / "studies").mkdir(parents=True)
    (tmp_path / "configs" / "biggan.py").write_text("raise SystemExit('this ran')")
    (tmp_path / "configs" / "studies" / "gd_ratio.py").write_text("raise SystemExit('this ran')")
    monkeypatch.chdir(tmp_path)
    assert load("biggan:digits16,smoke").recipe == "biggan"
    assert f"biggan is {CONFIGS / 'biggan.py'}" in caplog.text
    assert "configs/biggan.py of this folder is another file, and not run" in caplog.text
    assert load_study("gd_ratio").name == "gd_ratio"
    assert "configs/studies/gd_ratio.py of this folder is another file, and not run" in caplog.text
    # By its path it is what was asked for.
    with pytest.raises(SystemExit, match="this ran"):
        load("configs/biggan.py")


def test_home_is_written_as_a_wave(file, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("~/mine.py:x").arg == "x"


def test_unknown_configs_are_answered_with_those_that_exist(tmp_path):
    with pytest.raises(
        UserError, match=r"'bigan'\. Did you mean biggan\? There are: acgan, biggan, .*wgan_gp; or give"
    ):
        load("bigan")
    with pytest.raises(UserError, match=r"no config file .*absent\.py; give a path, or one of: acgan, biggan"):
        load(str(tmp_path / "absent.py"))
    (tmp_path / "hollow.py").write_text("x = 1")
    with pytest.raises(UserError, match="has no get_config"):
        load(str(tmp_path / "hollow.py"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("biggan_digits16", "biggan:digits16"),
        ("biggan_cifar10_brock:smoke", "biggan:cifar10_brock,smoke"),
        ("biggan_imagenet128:table1=4", "biggan:imagenet128,table1=4"),
        ("biggan_deep_imagenet256", "biggan_deep:imagenet256"),
        ("wgan_gp_grid25", "wgan_gp:grid25"),
        ("configs/dcgan_stacked_mnist.py", "dcgan:stacked_mnist"),
    ],
)
def test_a_name_that_became_a_variant_is_answered_with_it(old, new):
    with pytest.raises(UserError, match=f"it is a variant now, {new}; `jaxgan list` prints all"):
        load(old)
    assert load(new).recipe == new.partition(":")[0]


def test_a_name_that_is_nearly_a_variant_is_answered_with_it():
    with pytest.raises(
        UserError, match=r"no config called 'biggan_digit16'\. Did you mean biggan:digits16\? There are"
    ):
        load("biggan_digit16")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("whole", "7", 7),
        ("whole", "1e3", 1000),
        ("real", "2", 2.0),
        ("real", "1e-4", 1e-4),
        ("flag", "true", True),
        ("flag", "0", False),
        ("sizes", "(8, 16)", (8, 16)),
        ("sizes", "8,16", (8, 16)),
        ("sizes", "[8]", (8,)),
        ("sizes", "()", ()),
        ("empty", "64", (64,)),
        ("name", "7", "7"),
        ("name", "folder:a b=c", "folder:a b=c"),
        ("nothing", "3", 3),
        ("nothing", "0.5", 0.5),
        ("nothing", "~/data", "~/data"),
        ("nothing", "None", None),
    ],
)
def test_values_are_read_as_what_they_replace(file, key, text, value):
    found = load(file, [(f"section.{key}", text)]).section[key]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("section.hole", "7", r"no key 'hole' in config.section. Did you mean whole\? There are: empty, flag, name"),
        ("zzz.whole", "7", r"no key 'zzz' in config. There are: arg, section"),
        ("section", "7", r"--config.section is a section; set one of its keys: empty, flag"),
        ("section.whole.deep", "7", r"config.section.whole is a value, not a section"),
        ("section.whole", "0.5", r"--config.section.whole=0.5: give a whole number, such as 1"),
        ("section.whole", "many", r"give a whole number, such as 1"),
        ("section.whole", "True", r"give a whole number, such as 1"),
        ("section.real", "much", r"give a number, such as 0.5"),
        ("section.flag", "maybe", r"give true or false"),
        ("section.real", "9" * 310, r"--config.section.real: a number of 310 characters is larger than any"),
        ("section.whole", "(" * 300, r"give a whole number, such as 1"),
        ("section.sizes", "big", r"give numbers, such as \(4, 4\)"),
    ],
)
def test_what_does_not_fit_is_answered_with_what_would(file, key, text, message):
    with pytest.raises(UserError, match=message):
        load(file, [(key, text)])


def test_overrides_are_taken_out_of_a_command_line_in_both_forms():
    line = ["--config=x", "--config.a.b=1", "--json", "--config.c", "-2", "--workdir", "w", "--config.d=e=f"]
    rest, pairs = split_overrides(line)
    assert rest == ["--config=x", "--json", "--workdir", "w"]
    assert pairs == [("a.b", "1"), ("c", "-2"), ("d", "e=f")]
    for cut in (["--config.a"], ["--config.a", "--json"]):
        with pytest.raises(UserError, match=r"--config.a needs a value: --config.a=VALUE"):
            split_overrides(cut)


def test_a_runs_config_json_builds_the_same_experiment():
    config = load("biggan:digits16,smoke")
    again = from_json(json.loads(config.to_json()))
    assert again.generator.attention == config.generator.attention and isinstance(again.data.image_size, tuple)
    assert json.loads(again.to_json()) == json.loads(config.to_json())
    before, after = (recipes.build(c) for c in (config, again))
    assert after.stages[0].batch == before.stages[0].batch
    jax.tree.map(
        lambda a, b: (a.shape, a.dtype) == (b.shape, b.dtype) or pytest.fail(), before.shapes(), after.shapes()
    )


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [("data.in_memory", "false", False), ("data.in_memory", "True", True), ("generator.shared_dim", "none", None)],
)
def test_words_for_true_false_and_none(key, text, value):
    config = load("biggan:digits16", [(key, text)])
    section, name = key.split(".")
    assert config[section][name] is value
