import pytest

from jaxgan.experiment.config_file import names
from jaxgan.tools.studies import load_study, read_words, set_average, set_batch, updates_for, variant
from jaxgan.tools.studies.scaling import scaled_rate
from jaxgan.tools.studies.study_file import study_names
from jaxgan.training.errors import UserError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": {}}, "has no variants"),
        ({"variants": {"a/b": "biggan:digits16"}}, "'a/b' cannot name a folder"),
        ({"seeds": ()}, r"seeds=\[\]; give whole numbers"),
        ({"seeds": (1, 1)}, r"seeds=\[1, 1\]; give whole numbers from 0, none twice"),
        ({"labels": {"wild": "x"}}, "labels names 'wild', which is no variant; there are narrow, wide"),
        ({"groups": {"all": ("narrow", "wild")}}, "group 'all' names 'wild'"),
        ({"references": {"wild": {"FID": 1.0}}}, "references names 'wild'"),
    ],
)
def test_a_study_that_contradicts_itself(study, changes, message):
    with pytest.raises(UserError, match=message):
        study(**changes)


def test_configs_are_tried_before_anything_runs(study):
    assert study().configs()["wide"].generator.ch == 16
    with pytest.raises(UserError, match=r"variant 'narrow': no config called 'biggan_digit'\. Did you mean"):
        study(variants={"narrow": "biggan_digit"}).configs()
    wrong = variant("biggan:digits16,smoke", {"method.loss": "hing"})
    with pytest.raises(UserError, match=r"variant 'odd': config.method.loss='hing'; did you mean hinge"):
        study(variants={"odd": wrong}).configs()
    with pytest.raises(UserError, match=r"'narrow' has no key 'data\.bach', which a column"):
        study(columns={"batch": "data.bach"}).configs()
    with pytest.raises(UserError, match=r"no key 'stepz' in config.training. Did you mean steps\?"):
        variant("biggan:digits16", {"training.stepz": 3})


def test_a_part_of_a_study(study):
    whole = study(groups={"both": ("narrow", "wide"), "one": ("narrow",)}, labels={"narrow": "n"})
    part = whole.subset(["wide"], [7])
    assert list(part.variants) == ["wide"] and part.seeds == (7,)
    assert part.groups == {"both": ["wide"]} and part.labels == {}
    with pytest.raises(UserError, match="no variant 'wild' in study 'pair'; there are narrow, wide"):
        whole.subset(["wild"], None)


def test_study_files_by_path_and_name_apart_from_configs(tmp_path):
    assert "biggan_table1" in study_names() and "biggan_table1" not in names()
    with pytest.raises(UserError, match=r"no study called 'biggan_tabel1'\. Did you mean biggan_table1"):
        load_study("biggan_tabel1")
    with pytest.raises(UserError, match=r"no study file absent\.py"):
        load_study("absent.py")
    (tmp_path / "hollow.py").write_text("x = 1")
    with pytest.raises(UserError, match="has no get_study"):
        load_study(str(tmp_path / "hollow.py"))
    (tmp_path / "odd.py").write_text("def get_study(arg=''):\n    return arg")
    with pytest.raises(UserError, match=r"gave a str, not a jaxgan\.tools\.studies\.Study"):
        load_study(f"{tmp_path / 'odd.py'}:a=b", {"c": "d"})


def test_words_of_a_studys_argument():
    choices = {"scale": ("big", "small"), "images": None, "smoke": ("no", "yes")}
    assert read_words("", choices, study="s") == {"scale": "big", "images": "", "smoke": "no"}
    found = read_words("smoke,images=7,scale=small", choices, study="s")
    assert found == {"scale": "small", "images": "7", "smoke": "yes"}
    with pytest.raises(UserError, match=r"s takes scale=\.\.\., images=\.\.\., smoke=\.\.\.; got 'size=1'"):
        read_words("size=1", choices, study="s")
    with pytest.raises(UserError, match="s: scale=huge; choose from big, small"):
        read_words("scale=huge", choices, study="s")


def test_what_is_matched_over_batch_sizes():
    assert [updates_for(32_000, batch) for batch in (8, 64)] == [4000, 500]
    with pytest.raises(UserError, match="1,000 images are no whole number of batches of 64"):
        updates_for(1000, 64)
    assert [scaled_rate(1e-4, 128, 32, rule) for rule in ("constant", "sqrt", "linear")] == [1e-4, 2e-4, 4e-4]
    with pytest.raises(UserError, match="lr_rule='cube'; choose from constant, sqrt, linear"):
        scaled_rate(1e-4, 128, 32, "cube")
    config = variant("biggan:digits16")
    set_batch(config, 8, rule="sqrt")
    set_average(config, half_life_images=4000, start_images=2000)
    assert (config.data.batch_size, config.ema.start_step, config.ema.half_life_images) == (8, 250, 4000)
    assert config.optimizer.g.learning_rate == pytest.approx(2e-4)
    assert config.optimizer.d.learning_rate == pytest.approx(4e-4)
