import functools
import importlib
import re
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.experiment.config_file import load
from jaxgan.experiment.sections import construct, defaults
from jaxgan.methods.gan import GAN
from jaxgan.networks.biggan import Discriminator
from jaxgan.training.errors import UserError
from jaxgan.training.state import count_parameters

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.py"))


def test_the_files_are_the_registry():
    built = {load(path.stem).recipe for path in CONFIGS}
    assert set(recipes.names()) == built and len(built) >= 31
    with pytest.raises(UserError, match=r"config\.recipe='stylegan9' is no recipe; there are acgan, biggan, "):
        recipes.build(ConfigDict({"recipe": "stylegan9"}))


def test_a_recipe_names_its_paper_in_a_checklist():
    for name in recipes.names():
        text = importlib.import_module(f"jaxgan.recipes.{name}").__doc__
        assert re.search(r"arXiv:\d{4}\.\d{4,5}", text), name
        assert recipes.paper(name)[1] in text
        assert name == "biggan_deep" or re.search(r"^ 1\. ", text, re.M), name


# What a default config leaves to its user: how many classes the data has, the run that it stands on, or weights that
# must be on the machine.
OFFLINE = {"perceptual.network": "pd_efficientnet_lite0"}
LEFT = {
    "acgan": {"generator.num_classes": 10, "discriminator.num_classes": 10},
    "vqgan": OFFLINE,
    "mobile_stylegan": {"first.run": "untrained:stylegan2:ffhq", "perceptual.network": "efficientnet_lite0"},
    "vqgan_transformer": {
        "first.run": "untrained:vqgan:flowers",
        "data.name": "tfds:flowers5",
        "data.image_size": (64, 64),
    },
    "vqvae_prior": {"first.run": "untrained:vqvae"},
    "dalle": {"first.run": "untrained:dvae", "data.name": "folder:"},
}


@pytest.mark.parametrize("name", recipes.names())
def test_a_checklist_says_what_the_default_config_does(name):
    """It builds; its rates, and its batch, are among the numbers that the checklist names."""
    module = importlib.import_module(f"jaxgan.recipes.{name}")
    config = module.default_config()
    text = module.__doc__ + (importlib.import_module("jaxgan.recipes.biggan").__doc__ if name == "biggan_deep" else "")
    decimals = {float(x) for x in re.findall(r"(?<![\d.])\d[\d.]*e-\d+|0\.\d+", text)}
    whole = {int(x.replace(",", "")) for x in re.findall(r"(?<![\d.])\d+(?:,\d{3})*(?![\d.]*\d)", text)}
    rows = config.data.batch_size
    if "growing" not in config:
        assert rows in whole
        for player in config.optimizer.values():
            # As it is, an image, or brought to StyleGAN2's lazy terms.
            rate = float(player.learning_rate)
            meant = {rate, rate / rows, rate * 5 / 4, rate * 17 / 16}
            assert any(abs(x - y) < 1e-9 for x in decimals for y in meant), (rate, decimals)
    with config.unlocked():
        config.update_from_flattened_dict(LEFT.get(name, {}))
    assert recipes.build(config).stages


def test_a_key_that_a_constructor_lacks_is_answered_with_its_fields():
    with pytest.raises(
        UserError, match=r"config.discriminator has no key 'depth'; Discriminator takes num_classes, .*ch"
    ):
        construct(Discriminator, "discriminator", {"num_classes": 3, "depth": 2})
    # What the recipe gives itself is no key.
    with pytest.raises(UserError, match=r"config\.method has no key 'z_dim'"):
        construct(GAN, "method", {"z_dim": 3}, z_dim=4)


def test_constructors_take_dtypes_by_name_and_lists_as_tuples():
    made = construct(Discriminator, "discriminator", {"num_classes": 3, "dtype": "bfloat16", "attention": [8, 16]})
    assert made.dtype.name == "bfloat16" and made.attention == (8, 16)


def test_defaults_are_a_section_that_constructs_the_same():
    section = defaults(Discriminator)
    assert not {"num_classes", "name", "parent"} & section.keys() and section["dtype"] == "float32"
    assert defaults(construct(Discriminator, "d", {"num_classes": 3, **section}).__class__) == section


@pytest.mark.parametrize("name", [path.stem for path in CONFIGS])
def test_every_config_refuses_an_argument_it_does_not_know(name):
    with pytest.raises(UserError, match=f"{name}:nonsense: no variant, flag or key 'nonsense'. There are: .* smoke"):
        load(f"{name}:nonsense")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([("generator.num_classes", "9")], "generator.num_classes=9 and discriminator.num_classes=10 must be equal"),
        ([("heads.information.continuous", "1.0")], "heads.information finds codes: set prior.categorical"),
        (
            [("parallel.rules", "zero")],
            r"config.parallel.rules='zero'; did you mean zero1\? Give one of replicated, fsdp, zero1",
        ),
    ],
)
def test_settings_that_contradict_each_other(overrides, message):
    with pytest.raises(UserError, match=message):
        recipes.build(load("biggan:digits16", overrides))


@functools.cache
def _sizes(generator, discriminator):
    del generator, discriminator
    nets = recipes.build(_sizes.config).shapes().nets
    return {name: count_parameters(net) for name, net in nets.items()}


@pytest.mark.parametrize(
    ("row", "total"),
    [
        *((row, 81_465_670) for row in (1, 2, 3, 4)),
        (5, 173_538_534),
        (6, 160_646_886),
        (7, 158_288_358),
        (8, 158_288_358),
        (9, 71_298_886),
    ],
)
def test_rows_of_table_1_have_the_published_parameters(row, total):
    config = load(f"biggan:imagenet128,table1={row}")
    # Rows that share their networks share the tracing, which takes seconds.
    _sizes.config = config
    sizes = _sizes(config.generator.to_json(), config.discriminator.to_json())
    shared = 1000 * config.generator.shared_dim if config.generator.shared_dim else 0
    assert shared == (128_000 if row >= 6 else 0)
    assert sizes["g"] + sizes["d"] - shared == total


def test_pix2pix_without_an_adversary_trains_no_discriminator():
    config = load("pix2pix:camvid,loss=l1,smoke")
    assert recipes.build(config).stages[0].method.players == {"g": ("g",)}
    for change in ({"method.adversarial_weight": 1.0}, {"regularizers.layer_matching.weight": 1.0}):
        changed = load("pix2pix:camvid,loss=l1,smoke", [(key, str(value)) for key, value in change.items()])
        assert set(recipes.build(changed).stages[0].method.players) == {"g", "d"}
