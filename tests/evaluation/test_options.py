import numpy as np
import pytest

from jaxgan.evaluation.options import checked_options, options_stamp, parse_options, split_options
from jaxgan.training.errors import UserError
from jaxgan.training.method import Option


class Declares:
    options = {  # noqa: RUF012
        "psi": Option(1.0, low=0.0, high=2.0),
        "cutoff": Option(8, low=0),
        "noise": Option(True),
        "sampler": Option("ddim", choices=("ddim", "ddpm")),
    }


class DeclaresNone:
    options = {}  # noqa: RUF012


def test_texts_take_the_default_s_type():
    found = parse_options(Declares(), ["psi=0.7", "cutoff=3", "noise=false", "sampler=ddpm"])
    assert found == {"psi": 0.7, "cutoff": 3, "noise": False, "sampler": "ddpm"}
    for text, message in (
        ("psi", "write NAME=VALUE"),
        ("psi=much", "psi=much: give a number, such as 1.0"),
        ("cutoff=1.5", "cutoff=1.5: give a whole number"),
        ("noise=2", "give true or false"),
        ("sampler=euler", "choose from ddim, ddpm"),
        ("phi=1", "no sampling option 'phi'; .* are: cutoff, noise, psi, sampler"),
        ("truncation=0.5", "latents are not used as they are drawn"),
    ):
        with pytest.raises(UserError, match=message):
            parse_options(Declares(), [text])
    with pytest.raises(UserError, match="may set are: none"):
        parse_options(DeclaresNone(), ["psi=1"])


def test_choices_are_compiled_in_and_numbers_are_traced():
    values = checked_options(Declares(), {"psi": 0.5})
    assert values == {"psi": 0.5, "cutoff": 8, "noise": True, "sampler": "ddim"}
    fixed, numbers = split_options(Declares(), values)
    assert fixed == (("sampler", "ddim"),) and hash(fixed)
    assert {name: x.dtype for name, x in numbers.items()} == {"psi": np.float32, "cutoff": np.int32, "noise": np.bool_}
    for wrong in ({"psi": 2.5}, {"psi": float("nan")}, {"cutoff": -1}):
        with pytest.raises(UserError, match=f"{next(iter(wrong))}=.*: it lies from 0 to"):
            checked_options(Declares(), wrong)


def test_stamps_say_the_truncation_and_every_other_option(method):
    assert options_stamp(checked_options(DeclaresNone(), {})) == {"truncation_mode": "none", "truncation": 1.0}
    stamp = options_stamp(checked_options(method, {"truncation": 0.5}))
    expected = {"truncation_mode": "scaled_truncated_normal", "truncation": 0.5, "options": {"shift": 0.0}}
    assert stamp == expected
    with pytest.raises(UserError, match="needs a truncation_mode other than none"):
        checked_options(method, {"truncation": 0.5, "truncation_mode": "none"})
    with pytest.raises(UserError, match="truncation_mode=clamp needs a truncation"):
        checked_options(method, {"truncation_mode": "clamp"})
