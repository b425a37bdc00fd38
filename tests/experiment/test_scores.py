"""Scores of a run whose method draws for the data's own pictures, or has a likelihood; names of scores."""

import math

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from PIL import Image

from jaxgan.evaluation.feature_scores import Settings
from jaxgan.experiment import scores
from jaxgan.experiment.drawn_for import data_eval_set, reference_split, sample_targets
from jaxgan.experiment.open_split import open_split
from jaxgan.experiment.score_names import best_is, metric_names
from jaxgan.experiment.score_stamps import as_scores
from jaxgan.experiment.scores import check_classes, score_samples
from jaxgan.experiment.scoring import Scoring
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.method import FailedScore, Method, Option, Score


class Darker(Method):
    """Draws the left half of a pair, ``by`` levels darker; every pixel of a right half costs a bit."""

    conditions = ("image_A",)
    target = "image_B"
    options = {"by": Option(0, low=0, high=255)}  # noqa: RUF012

    def sample(self, nets, batch, rng):
        return {"image": (batch["image_A"].astype(jnp.float32) - batch["options"]["by"]) / 127.5 - 1}

    def nats(self, nets, batch, rng):
        return math.log(2) * 192 * jnp.ones(len(batch["image_B"]))


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    draw = np.random.default_rng(0)
    for split, count in (("train", 3), ("test", 9)):
        (folder / split).mkdir()
        for number in range(count):
            left = draw.integers(100, 200, (8, 8, 3))
            picture = np.concatenate([left, left + 10], axis=1).astype(np.uint8)
            Image.fromarray(picture).save(folder / split / f"{number}.png")
    data = {"name": f"pairs:{folder}", "split": "train", "test_split": "test", "data_dir": None, "image_size": (8, 8)}
    evaluation = {"batch_norm": "running", "batch_size": 4, "reference_split": None, "tstr_steps": 1}
    return ml_collections.ConfigDict(
        {"recipe": "darker", "seed": 0, "data": data | {"channels": 3}, "evaluation": evaluation}, type_safe=False
    )


def score(config, method, names, **options):
    def source(split):
        return open_split(config, split)

    trained = options.pop("class_names", None)
    scoring = Scoring(names=names, network=None, settings=Settings(), distances={}, source=source, class_names=trained)
    options = dict(mesh=make_mesh(), step=7, ema=False, num_images=5, seed=1) | options
    return score_samples(scoring, config, method, {}, options.pop("reference", None), **options)


def test_samples_are_drawn_for_the_test_split_and_scored_in_pairs(config):
    assert reference_split(config, Darker()) == "test"
    source = open_split(config, "test")
    reference = data_eval_set(config, source, "test", 5, field="image_A")
    found = score(config, Darker(), ["psnr"], reference=reference, options={"by": 51})["psnr"]
    assert found.value == pytest.approx(20 * math.log10(255 / 51), rel=1e-5)
    stamp = found.stamp
    assert stamp["ema"] is False and stamp["options"] == {"by": 51} and stamp["step"] == 7
    assert stamp["inputs_split"] == "test" and stamp["num_images"] == 5 and stamp["inputs"].startswith("pairs:")
    with pytest.raises(UserError, match="a choice from 9 images has other numbers"):
        score(config, Darker(), ["psnr"], reference=reference, num_images=9)


def test_targets_are_those_of_the_inputs(config):
    target = sample_targets(config, Darker(), 5, lambda split: open_split(config, split))
    conditions = open_split(config, "test").fetch(np.random.default_rng(0).permutation(9)[:5])["image_A"]
    found = target(np.arange(5))
    assert sorted(x.tobytes() for x in found - np.uint8(10)) == sorted(x.tobytes() for x in conditions)


def test_a_likelihood_is_of_held_out_examples(config):
    with pytest.raises(UserError, match="a likelihood is of tokens, image, point; these examples have image_A"):
        score(config, Darker(), ["bits_per_dim"])
    with pytest.raises(UserError, match="elbo needs a likelihood, and darker has none"):
        score(config, Method(), ["elbo"])
    with pytest.raises(UserError, match="this method draws no latents"):
        score(config, Method(), ["ppl_z"])


class Labelled(Method):
    conditions = ("label",)
    num_classes = 2
    latent_shapes = jax.ShapeDtypeStruct((1,), jnp.float32)

    def sample(self, nets, batch, rng):
        return {"image": jnp.zeros((len(batch["label"]), 8, 8, 3))}


def test_classes_have_the_names_that_the_networks_were_trained_on(config, monkeypatch, tmp_path):
    monkeypatch.setattr(scores, "score", lambda names, eval_set, *_, **__: {"names": eval_set.class_names})
    for name in ("zebra", "dog"):  # the cats are called zebras now, which reorders the classes
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / name / "0.png")
    own = config.copy_and_resolve_references()
    own.data.name = f"folder:{tmp_path}"
    trained = ("cat", "dog")
    assert score(own, Labelled(), ["intra_fd"], class_names=trained) == {"names": trained}
    assert score(own, Labelled(), ["intra_fd"]) == {"names": ("dog", "zebra")}
    with pytest.raises(UserError, match=r"not those that the run was trained on: -cat \+zebra; bring that data back"):
        check_classes(trained, open_split(own, "train"))
    with pytest.raises(UserError, match="trained on: another order"):
        check_classes(("zebra", "dog"), open_split(own, "train"))
    check_classes(("dog", "zebra"), open_split(own, "train"))
    with pytest.raises(UserError, match="intra_fd needs labels, and the images that darker draws have none"):
        score(config, Darker(), ["intra_fd"])


def test_names_of_scores():
    assert metric_names("fd, lpips,ppl,own,fd", ["own"]) == ["fd", "lpips_alex", "ppl_z", "own"]
    with pytest.raises(UserError, match="ppl_z is a score of a run: give --workdir"):
        metric_names("fd,ppl", run=False)
    with pytest.raises(UserError, match=r"no metric 'own'; choose from fd, .*, psnr, .*, perplexity"):
        metric_names("own")
    directions = {
        "eval/ppl_z_pd_efficientnet_lite0": "min",
        "eval/separability_w": "min",
        "eval/elbo": "max",
        "eval/bits_per_dim": "min",
    }
    assert {name: best_is(name) for name in directions} == directions


def test_floats_of_evaluators_are_scores_and_pictures_are_not():
    stamp = {"ema": False, "step": 3}
    results = {
        "eval/mine": 2.5,
        "theirs": np.float32(1.5),
        "picture": np.zeros((2, 2, 3), np.uint8),
        "eval/own": Score(1.0, 0.1, {"ema": True, "seed": 4}),
        "eval/lost": FailedScore("why"),
    }
    found = as_scores(results, stamp)
    assert found == {
        "mine": Score(2.5, None, stamp),
        "theirs": Score(1.5, None, stamp),
        "own": Score(1.0, 0.1, {"ema": False, "seed": 4}),
        "lost": FailedScore("why"),
    }
