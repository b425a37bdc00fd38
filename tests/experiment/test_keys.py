import json

import pytest
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.cli.list import config_records
from jaxgan.experiment.config_file import load
from jaxgan.experiment.keys import (
    AUTOENCODER,
    KEYS,
    TRANSLATION,
    check_config,
    find_key,
    flat,
    key_records,
    table_of,
)
from jaxgan.training.errors import UserError

CONFIGS = [
    f"{record['config']}:{variant['name']}{smoke}"
    for record in config_records()
    for variant in record["variants"]
    for smoke in ("", ",smoke")
]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_key_of_every_shipped_config_is_in_the_table_and_fits(name):
    config = load(name)  # which checks it
    assert not [key for key, _ in flat(config) if find_key(key, table_of(config)) is None]
    check_config(recipes.default_config_of(config))
    # A single checkpoint could be the damaged one.
    assert config.training.keep >= 2


def test_no_rule_is_left_over_from_a_key_that_is_gone():
    def of_either(key: str) -> str:
        return key.replace("discriminator.", "generator.")

    there = {of_either(key) for name in CONFIGS for key, _ in flat(load(name))}
    assert not [
        pattern
        for pattern in KEYS | TRANSLATION | AUTOENCODER
        if "*" not in pattern and of_either(pattern) not in there
    ]


def test_a_record_a_key_says_what_it_accepts_and_means():
    config = load("wgan_gp:grid25")
    records = {record["key"]: record for record in key_records(config)}
    assert records["training.keep"] == {
        "key": "training.keep",
        "value": 2,
        "accepts": "a whole number from 1 to 10,000",
        "meaning": "newest checkpoints that stay",
    }
    assert all(record["accepts"] and record["meaning"] for record in records.values())
    assert json.loads(json.dumps(list(records.values())))


def test_a_recipes_own_keys_are_its_own():
    own = ConfigDict({"recipe": "mine.recipe", "mine": {"weight": -1.0}, "generator": {"ch": "wide"}})
    check_config(own)
    own.seed = -1
    with pytest.raises(UserError, match=r"config.seed=-1: give a whole number from 0"):
        check_config(own)


def test_a_config_made_in_python_is_checked_where_it_is_built():
    config = load("biggan:digits16,smoke")
    config.ema.decay = 2.0
    with pytest.raises(UserError, match=r"config.ema.decay=2.0: give a number from 0 and below 1"):
        recipes.build(config)
    with pytest.raises(UserError, match=r"names no recipe; set config.recipe to one of acgan, biggan"):
        recipes.build(ConfigDict({"seed": 0}))


def test_a_network_takes_what_its_fields_are_annotated_with():
    with pytest.raises(UserError, match=r"config.generator.ch=None: Generator takes int there"):
        recipes.build(load("biggan:digits16,smoke", [("generator.ch", "none")]))
    config = load("wgan_gp:grid25,smoke")
    config.generator.hidden = 8
    with pytest.raises(UserError, match=r"config.generator.hidden=8: Generator takes tuple\[int, ...\] there"):
        recipes.build(config)
    recipes.build(load("sngan:mnist,smoke", [("generator.ch", "none")]))
