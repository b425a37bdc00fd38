"""Variants by argument, on a config of three."""

from typing import Literal

import pytest
from ml_collections import ConfigDict

from jaxgan.experiment.variants import choose, describe_variants, options_of
from jaxgan.training.errors import UserError


def small() -> ConfigDict:
    return ConfigDict({"name": "small"})


def wide(narrow: bool = False) -> ConfigDict:
    return ConfigDict({"name": "wide", "narrow": narrow})


def paper(row: Literal[1, 2, 10] = 2, rule: Literal["sqrt", "linear"] = "sqrt") -> ConfigDict:
    return ConfigDict({"name": "paper", "row": row, "rule": rule})


VARIANTS = {"small": small, "wide": wide, "paper": paper}


def chosen(arg):
    def tiny(config):
        return ConfigDict({**config, "tiny": True})

    return choose(arg, VARIANTS, name="net", tiny=tiny).to_dict()


@pytest.mark.parametrize(
    ("arg", "config"),
    [
        ("", {"name": "small"}),
        ("smoke", {"name": "small", "tiny": True}),
        ("wide", {"name": "wide", "narrow": False}),
        ("wide,narrow,smoke", {"name": "wide", "narrow": True, "tiny": True}),
        ("narrow,wide", {"name": "wide", "narrow": True}),
        ("paper,row=10", {"name": "paper", "row": 10, "rule": "sqrt"}),
        ("paper,row=1,rule=linear", {"name": "paper", "row": 1, "rule": "linear"}),
    ],
)
def test_an_argument_is_a_variant_its_flags_and_its_keys(arg, config):
    assert chosen(arg) == config


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        (
            "smal",
            r"net:smal: no variant, flag or key 'smal'\. Did you mean small\? There are: small, wide\[,narrow\], ",
        ),
        ("nonsense=3", r"no variant, flag or key 'nonsense'\. There are: .*, each also with smoke"),
        ("small,wide", r"net:small,wide names 2 variants, small and wide: give one"),
        ("wide,wide", r"names 2 variants, wide and wide"),
        ("wide,narrow,narrow", r"gives 'narrow' twice"),
        ("smoke,smoke", r"gives 'smoke' twice"),
        ("paper,row=1,row=2", r"gives 'row' twice"),
        ("narrow", r"narrow is of net:wide, not of small"),
        ("wide,row=1", r"row is of net:paper, not of wide"),
        ("paper,row=3", r"net:paper,row=3: row=3; choose from 1, 2, 10"),
        ("paper,row", r"row needs a value: row=1\|2\|10"),
        ("wide,narrow=1", r"narrow takes no value: give narrow alone"),
        ("smoke=1", r"smoke takes no value"),
    ],
)
def test_what_there_is_not_is_answered_with_what_there_is(arg, message):
    with pytest.raises(UserError, match=message):
        chosen(arg)


def test_options_are_the_functions_keyword_arguments():
    assert options_of(wide) == (("narrow",), {})
    assert options_of(paper) == ((), {"row": (1, 2, 10), "rule": ("sqrt", "linear")})
    shown = "small, wide[,narrow], paper[,row=1|2|10][,rule=sqrt|linear], each also with smoke"
    assert describe_variants(VARIANTS) == shown
    with pytest.raises(TypeError, match="steps must be a bool that is False by default, or a Literal"):
        options_of(lambda steps=3: ConfigDict())
