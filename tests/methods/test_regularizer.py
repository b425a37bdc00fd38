import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.methods.regularizer import DiscriminatorOutput, mean_over_scales
from jaxgan.methods.terms.adaptive import ada
from jaxgan.methods.terms.diffaugment import diffaugment
from jaxgan.objectives import adversarial_loss

RNG = np.random.default_rng(0)


def test_every_scale_weighs_the_same_whatever_its_size():
    # 35x35 patches next to 19x19: a mean over all would weigh the first 3.4 times as much.
    large, small = jnp.full((2, 35, 35), 1.0), jnp.full((2, 19, 19), 3.0)
    assert float(mean_over_scales(jnp.mean, (large, small))) == 2.0
    np.testing.assert_allclose(DiscriminatorOutput((large, small)).score(), [2.0, 2.0])
    hinge = adversarial_loss("hinge")
    loss = mean_over_scales(hinge.discriminator, (large, small), (-large, small))
    np.testing.assert_allclose(loss, ((0 + 0) + (0 + 4)) / 2)
    with pytest.raises(ValueError, match=r"\[2, 1\]"):
        mean_over_scales(hinge.discriminator, (large, small), (large,))


@pytest.mark.parametrize(
    ("regularizer", "extra"),
    [
        (diffaugment(policy="translation,cutout"), {}),
        pytest.param(ada(pipeline="bg", batch_size=4), {"ada": jnp.float32(1.0)}, marks=pytest.mark.slow),
    ],
)
def test_augmentations_move_an_image_and_its_condition_together(regularizer, extra):
    images = jnp.asarray(RNG.uniform(-1, 1, (4, 16, 16, 3)), jnp.float32)
    condition = {"map": 0.5 * images, "label": jnp.arange(4)}
    moved, told = regularizer.augment((images, condition), jax.random.key(0), extra, jnp.int32(0))
    assert np.abs(moved - images).max() > 0.1
    np.testing.assert_allclose(told["map"], 0.5 * moved, atol=1e-5)
    np.testing.assert_array_equal(told["label"], condition["label"])


def test_colours_are_the_image_s_own():
    images = jnp.asarray(RNG.uniform(-1, 1, (4, 8, 8, 3)), jnp.float32)
    moved, told = diffaugment(policy="color").augment((images, {"map": images}), jax.random.key(0), {}, jnp.int32(0))
    assert np.abs(moved - images).max() > 0.1
    np.testing.assert_array_equal(told["map"], images)


@pytest.mark.parametrize(
    ("leaf", "message"),
    [(jnp.zeros((4, 8, 8, 1), jnp.int32), "map of int32"), (jnp.zeros((4, 4, 4, 1)), r"\(4, 4\) pixels")],
)
def test_conditions_that_cannot_follow_are_refused(leaf, message):
    augment = diffaugment(policy="translation").augment
    with pytest.raises(ValueError, match=message):
        augment((jnp.zeros((4, 8, 8, 3)), leaf), jax.random.key(0), {}, jnp.int32(0))
