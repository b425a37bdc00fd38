import copy
import json

import pytest
from etils import epath

from jaxgan import recipes
from jaxgan.cli.run import saved_config
from jaxgan.experiment.config_file import load
from jaxgan.experiment.old_runs import converted
from jaxgan.experiment.run import train_experiment
from jaxgan.training.errors import UserError


def earlier(record, section):
    """The record as an earlier version wrote it, with all regularizers in one section."""
    old = copy.deepcopy(record)
    old[section] = old.pop("regularizers") | old.pop("augment") | old.pop("heads")
    for new, key in (("base", "bottom"), ("project_norm", "seed_norm")):
        if new in old["generator"]:
            old["generator"][key] = old["generator"].pop(new)
    return old


def test_earlier_layouts_become_todays():
    record = json.loads(load("acgan:mnist").to_json())
    for section in ("stabilisers", "regularizers"):
        old = earlier(record, section)
        before = copy.deepcopy(old)
        assert "seed_norm" in old["generator"] and "augment" not in old
        assert converted(old) == record
        assert old == before
    assert converted(record) == record


def test_a_run_of_an_earlier_version_is_opened_with_its_networks(tmp_path):
    config = load("dcgan:grid25,smoke")
    old = earlier(json.loads(config.to_json()), "stabilisers")
    # Keys that came into being since.
    del old["multi_scale"], old["evaluation"]["best"], old["stabilisers"]["penalties"]["every"]
    (tmp_path / "config.json").write_text(json.dumps(old))
    opened = saved_config(epath.Path(tmp_path))
    assert opened.to_dict() == config.to_dict()
    assert recipes.build(opened).stages[0].steps == 2


def test_a_run_of_an_earlier_version_goes_on_under_its_renamed_config(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxgan.experiment.run.train", lambda experiment, **options: options["config"])
    config = load("gan:grid25,smoke")
    record = json.loads(config.to_json())
    place = tmp_path / "config.json"
    place.write_text(json.dumps(earlier(record, "stabilisers")))
    assert train_experiment(recipes.build(config), config, tmp_path) == record == json.loads(place.read_text())
    config.optimizer.g.learning_rate = 1.0
    (tmp_path / "checkpoints" / "3").mkdir(parents=True)
    place.write_text(json.dumps(earlier(record, "stabilisers")))
    (tmp_path / "env.json").unlink()  # today's, which notes today's config
    with pytest.raises(UserError, match=r"holds a run under another config"):
        train_experiment(recipes.build(config), config, tmp_path)


def test_fields_of_the_data_are_a_config_s_own(tmp_path):
    """A run without them is not given its recipe's."""
    config = load("spade:camvid,smoke")
    assert config.data.fields.to_dict() == {} != recipes.default_config("spade").data.fields.to_dict()
    (tmp_path / "config.json").write_text(config.to_json())
    assert saved_config(epath.Path(tmp_path)).to_dict() == config.to_dict()
