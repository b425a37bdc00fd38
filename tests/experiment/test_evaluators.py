"""Evaluators of methods that draw images: scores that fail alone, and what is refused at the start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan.experiment.common import base_config
from jaxgan.experiment.evaluators import image_evaluators
from jaxgan.experiment.open_split import open_split
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.method import FailedScore, Method, Score


class Plain(Method):
    """Pictures of one brightness, the latent's."""

    conditions = ("label",)
    num_classes = 2
    latent_shapes = jax.ShapeDtypeStruct((1,), jnp.float32)

    def sample(self, nets, batch, rng):
        return {"image": jnp.tanh(jnp.broadcast_to(batch["z"][:, None, None, :], (len(batch["z"]), 8, 8, 1)))}


class Likely(Plain):
    def nats(self, nets, batch, rng):
        return jnp.ones(len(batch["image"]))


@pytest.fixture
def config(tmp_path):
    made = base_config("plain", ("g",))
    made.data.update(name=f"folder:{tmp_path}", test_split="train", image_size=(8, 8), channels=1)
    made.evaluation.update(batch_norm="running", batch_size=8, tstr_images=8, tstr_steps=1)
    for number, name in enumerate(["cat/0.png", "cat/1.png", "dog/0.png"]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8), 90 * number, np.uint8)).save(tmp_path / name)
    return made


def evaluators_of(config, method=None):
    found = image_evaluators(
        method or Plain(), config, lambda split: open_split(config, split), mesh=make_mesh(), ema=False
    )
    return {evaluator.name: evaluator for evaluator in found}


def test_a_class_of_one_image_has_no_spread_and_fails_nothing(config, tmp_path):
    config.evaluation.tstr = True
    found = evaluators_of(config)["tstr"].run({}, 1)
    assert set(found) == {f"eval/{name}" for name in evaluators_of(config)["tstr"].scores}
    # Of the class with two images alone.
    assert 0 < found["eval/spread_min"].value == found["eval/spread_mean"].value < np.inf
    (tmp_path / "cat" / "1.png").unlink()
    found = evaluators_of(config)["tstr"].run({}, 1)
    assert isinstance(found["eval/tstr"], Score)
    for name in ("eval/spread_min", "eval/spread_mean"):
        assert (
            isinstance(found[name], FailedScore) and "no class that was drawn has two real images" in found[name].reason
        )


def test_what_scores_read_is_opened_at_the_start(config):
    config.evaluation.metrics = "bits_per_dim"
    assert evaluators_of(config, Likely())["scores"].scores == ("bits_per_dim",)
    config.data.test_split = "test"
    with pytest.raises(ValueError, match="has no split 'test', only 'train'"):
        evaluators_of(config, Likely())
    with pytest.raises(UserError, match="bits_per_dim needs a likelihood, and plain has none"):
        evaluators_of(config)


def test_the_best_score_is_one_that_is_computed(config):
    config.evaluation.update(metrics="psnr", tstr=True)
    made = list(evaluators_of(config).values())
    LoopOptions(save_every=1, log_every=1, best="eval/psnr").check_best(made)
    LoopOptions(save_every=1, log_every=1, best="eval/spread_min").check_best(made)
    with pytest.raises(
        UserError, match=r"evaluation.best='eval/fid' is none of this run's scores; .*eval/psnr, .*eval/tstr"
    ):
        LoopOptions(save_every=1, log_every=1, best="eval/fid").check_best(made)
