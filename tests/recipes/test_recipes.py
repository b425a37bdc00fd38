import functools
import importlib
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.experiment.config_file import load
from jaxgan.experiment.keys import flat
from jaxgan.experiment.sections import construct, defaults
from jaxgan.experiment.translation import zeros_of
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


TRANSLATIONS = ("pix2pix", "pix2pixhd", "cyclegan", "spade", "srgan")


@pytest.mark.parametrize("name", TRANSLATIONS)
def test_keys_that_a_checklist_of_translation_names_are_there(name):
    module = importlib.import_module(f"jaxgan.recipes.{name}")
    named = re.findall(r"``([a-z_]+(?:\.[A-Za-z_]+)+)(?:=[^`]*)?``", module.__doc__)
    keys = [key for key, _ in flat(module.default_config())]
    assert named and not [key for key in named if not any(f"{there}.".startswith(f"{key}.") for there in keys)]


def test_each_stage_of_pix2pixhd_has_the_reference_s_sum_over_scales():
    stages = recipes.build(load("pix2pixhd:pairs")).stages
    weights = {stage.name: stage.method.adversarial_weight for stage in stages}
    assert weights == {stage.name: 2 * stage.method.discriminator.scales for stage in stages}
    assert weights == {"global": 4, "enhancer": 6, "both": 6}


def rates(optimizer, count):
    """Of the first updates: Adam moves by its rate where the gradient stays."""
    params = {"w": jnp.zeros(())}
    state, found = optimizer.init(params), []
    for _ in range(count):
        updates, state = optimizer.update({"w": jnp.ones(())}, state, params)
        found.append(-float(updates["w"]))
    return np.array(found) / 2e-4


def test_each_phase_of_pix2pixhd_has_a_schedule_of_its_own():
    steps = {"phases.global_steps": 4, "phases.global_decay_steps": 2, "phases.enhancer_steps": 3, "training.steps": 4}
    own = {"optimizer.g.hold_steps": 2, "optimizer.g.decay_steps": 2}
    stages = recipes.build(load("pix2pixhd", [(key, str(value)) for key, value in (steps | own).items()])).stages
    falling, steady = [1, 1, 1, 0.5], [1, 1, 1, 1]
    expected = {"g": (falling, steady, falling), "d": (falling, steady, steady)}
    for player, wanted in expected.items():
        optimizers = [stage.method.optimizers[player] for stage in stages]
        for optimizer, each in zip(optimizers, wanted, strict=True):
            np.testing.assert_allclose(rates(optimizer, 4), each, rtol=1e-4)
        # One state goes through all phases.
        assert len({jax.tree.structure(optimizer.init({"w": jnp.zeros(())})) for optimizer in optimizers}) == 1
    with pytest.raises(UserError, match=r"phases\.global_decay_steps=5 are the last of phases.global_steps=4"):
        recipes.build(load("pix2pixhd", [("phases.global_steps", "4"), ("phases.global_decay_steps", "5")]))


def test_cyclegan_s_four_networks_have_the_published_parameters():
    nets = recipes.build(importlib.import_module("jaxgan.recipes.cyclegan").default_config()).shapes().nets
    assert sum(count_parameters(net) for net in nets.values()) == 28_285_832


def test_pix2pix_draws_a_row_as_it_draws_it_alone():
    (stage,) = recipes.build(load("pix2pix:pairs,smoke", [("generator.dropout", "0.0")])).stages
    method, key = stage.method, jax.random.key(0)
    nets = jax.jit(method.init)(key, zeros_of(stage)).nets
    edges, keys = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), np.uint8), jax.random.split(key)
    draw = jax.jit(lambda edges, keys: method.sample(nets, {"edges": edges, "key": keys}, key)["image"])
    both = draw(edges, keys)
    for row in range(2):
        np.testing.assert_allclose(both[row], draw(edges[row : row + 1], keys[row : row + 1])[0], atol=1e-5)
    assert np.abs(both[0] - both[1]).max() > 1e-3


def test_srgan_s_second_stage_begins_with_a_fresh_adam():
    experiment = recipes.build(load("srgan:flowers,smoke"))
    ones = jax.tree.map(lambda x: np.ones(x.shape, x.dtype), experiment.shapes())
    begun = experiment.stages[1].method.begin_stage(ones, {}, jax.random.key(0))
    assert jax.tree.structure(begun.opt) == jax.tree.structure(ones.opt) and begun.opt.keys() == {"g", "d"}
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(begun.opt))
    assert all(leaf.all() for leaf in jax.tree.leaves(begun.nets))


B_TO_A = {"translation.source": "image_B", "translation.target": "image_A"}


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("pix2pix:facades", B_TO_A),
        ("pix2pix:aerial,reverse", B_TO_A),
        ("pix2pix:night", {"data.batch_size": 4, "epochs.constant": 8, "epochs.decay": 9}),
        (
            "pix2pix:camvid,reverse",
            {"translation.source": "image", "translation.target": "colours", "translation.classes": 0},
        ),
        ("pix2pix:camvid,loss=l1", {"regularizers.reconstruction.weight": 100.0, "method.adversarial_weight": 0.0}),
        ("pix2pix:camvid,loss=gan", {"regularizers.reconstruction.weight": 0.0, "discriminator.conditional": False}),
        ("pix2pix:camvid,loss=cgan", {"regularizers.reconstruction.weight": 0.0, "discriminator.conditional": True}),
        ("pix2pix:camvid,loss=l1_gan", {"method.adversarial_weight": 1.0, "discriminator.conditional": False}),
        ("pix2pix:camvid,loss=l1_cgan,narrow", {"generator.depth": 6, "discriminator.conditional": True}),
        ("pix2pix:colour,narrow", {"translation.source": "grey", "translation.channels": 1}),
        ("pix2pix:edges", {"translation.source": "edges"}),
        ("pix2pixhd:camvid,narrow,features", {"instance_features.features": 3, "epochs.global_constant": 0}),
        ("cyclegan:fruit,identity=0", {"method.identity": 0.0}),
        ("cyclegan:flowers,narrow", {"domains.A": "daisy", "domains.B": "sunflower"}),
        ("spade:camvid,styles,narrow", {"generator.latents": "encoder", "perceptual.network": "efficientnet_lite0"}),
        ("srgan:folder,factor=2", {"generator.factor": 2, "data.name": "folder:"}),
        ("srgan:flowers,narrow", {"pretraining.steps": 4_000}),
    ],
)
def test_variants_of_translation_are_built(name, has):
    config = load(name)
    assert has.items() <= dict(flat(config)).items()
    assert recipes.build(config).stages
