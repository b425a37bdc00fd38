"""Games of networks that grow: a stage a side and phase, its batches and rates, and classes."""

import jax
import numpy as np
import pytest

from jaxgan import recipes
from jaxgan.evaluation.options import checked_options
from jaxgan.experiment.config_file import load
from jaxgan.parallel import host_to_global, make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.step import make_stage_step


def tiny(*, sides=8, **growing):
    config = load("progan:smoke")
    config.data.image_size = (sides, sides)
    config.generator.resolution = config.discriminator.resolution = sides
    config.growing.update(growing)
    return config


def test_a_stage_a_side_and_phase_in_batches_of_its_own():
    experiment = recipes.build(tiny(sides=16, batch_sizes=(32, 16), hold_images=64, fade_images=32))
    found = [(stage.name, stage.steps, next(stage.data(0))["image"].shape) for stage in experiment.stages]
    assert found == [
        ("4", 2, (32, 4, 4, 3)),
        ("8_fade", 2, (16, 8, 8, 3)),
        ("8", 4, (16, 8, 8, 3)),
        ("16_fade", 2, (16, 16, 16, 3)),
        ("16", 2, (16, 16, 16, 3)),
    ]


@pytest.mark.parametrize(
    ("key", "value", "other"),
    [
        ("data.batch_size", 8, "growing.batch_sizes"),
        ("optimizer.g.learning_rate", 1e-4, "growing.learning_rates"),
        ("optimizer.d.learning_rate", 1e-4, "growing.learning_rates"),
    ],
)
def test_a_value_that_sides_replace_is_refused(key, value, other):
    config = tiny()
    with config.unlocked():
        config.update_from_flattened_dict({key: value})
    with pytest.raises(UserError, match=f"{key}={value}: .*has a value a side, in {other}"):
        recipes.build(config)


@pytest.mark.parametrize("recipe", ["progan:smoke", "stylegan:smoke", "stylegan2:smoke", "sngan:mnist,smoke"])
def test_latents_that_a_network_normalises_take_no_truncation(recipe):
    method = recipes.build(load(recipe)).stages[-1].method
    if recipe.startswith("sngan"):
        assert checked_options(method, {"truncation": 0.5})["truncation"] == 0.5
        return
    with pytest.raises(UserError, match="this run's latents are not used as they are drawn"):
        checked_options(method, {"truncation": 0.5})


@pytest.mark.slow
def test_classes_by_an_auxiliary_head_while_a_side_fades_in():
    config = tiny()
    config.generator.num_classes = config.discriminator.num_classes = 10
    config.heads.auxiliary.update(dict(real=1.0, fake=1.0, generator=1.0))
    experiment = recipes.build(config)
    stage = experiment.stages[1]
    assert stage.name == "8_fade"
    mesh = make_mesh(devices=jax.devices()[:1])
    with jax.set_mesh(mesh):
        batch = host_to_global(next(stage.data(0)), mesh)
        state = stage.method.begin_stage(experiment.fresh_state(jax.random.key(0)), batch, jax.random.key(1))
        after, metrics = jax.jit(make_stage_step(stage))(state, batch, jax.random.key(2))
    for name in ("d/class_real", "d/class_fake", "g/class_fake"):
        # Near a guess among ten classes.
        assert 0.3 < float(metrics[name]) / np.log(10) < 3, sorted(metrics)
    for name in ("g", "d", "classifier"):
        before, now = (jax.tree.leaves(each.nets[name]["params"]) for each in (state, after))
        assert any(np.any(a != b) for a, b in zip(before, now, strict=True)), name
