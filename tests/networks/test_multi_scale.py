import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.networks.mlp import Discriminator
from jaxgan.networks.multi_scale import MultiScaleDiscriminator, halve, halve_condition
from jaxgan.nn import sow_features, sown

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, size=(3, 8, 8, 2)).astype(np.float32)
LABELS = np.array([0, 2, 1], np.int32)
ONE = Discriminator(3, hidden=(5, 4), pieces=2, conditioning="projection")


def box(x):
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def overlapping(x):
    out = np.zeros((x.shape[0], x.shape[1] // 2, x.shape[2] // 2, x.shape[3]))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            out[:, i, j] = x[:, max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2].mean((1, 2))
    return out.astype(np.float32)


@pytest.mark.parametrize(("pool", "halve"), [("box", box), ("overlapping", overlapping)])
def test_each_scale_is_a_discriminator_of_its_own(pool, halve):
    network = MultiScaleDiscriminator(ONE, scales=3, pool=pool)
    variables = network.init(jax.random.key(0), IMAGES, LABELS, train=False)
    assert set(variables["params"]) == {"scale_0", "scale_1", "scale_2"}
    params = {"params": variables["params"]}
    logits, state = network.apply(params, IMAGES, LABELS, train=False, mutable=["features"])
    images = IMAGES
    for scale, (scores, shown) in enumerate(zip(logits, sown(state["features"]), strict=True)):
        own = {"params": variables["params"][f"scale_{scale}"]}
        expected, features = ONE.apply(own, images, LABELS, train=False, mutable=["features"])
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(shown, sown(features["features"])[-1], rtol=1e-5, atol=1e-6)
        images = halve(images)
    jax.tree.map(np.testing.assert_array_equal, network.apply(params, IMAGES, LABELS, train=False), logits)


class Patches(nn.Module):
    """Logits [B, H, W] that are the image and condition themselves, and two layers shown."""

    @nn.compact
    def __call__(self, images, condition, *, train):
        del train
        sow_features(self, images)
        sow_features(self, condition["map"].astype(jnp.float32))
        return images.sum(-1) + condition["map"][..., 0] + condition["class"][:, None, None]


@pytest.mark.parametrize("pool", ["box", "overlapping"])
def test_conditions_are_halved_with_their_images(pool):
    maps = RNG.integers(0, 9, size=(3, 8, 8, 1)).astype(np.int32)
    condition = {"map": maps, "picture": IMAGES, "class": LABELS, "none": None}
    network = MultiScaleDiscriminator(Patches(), scales=2, pool=pool)
    fine, coarse = network.apply({}, IMAGES, condition, train=False)
    np.testing.assert_allclose(fine, IMAGES.sum(-1) + maps[..., 0] + LABELS[:, None, None], rtol=1e-5)
    # Labels are those of every second pixel: never a mean of two.
    expected = {"box": box, "overlapping": overlapping}[pool](IMAGES).sum(-1) + maps[:, ::2, ::2, 0]
    np.testing.assert_allclose(coarse, expected + LABELS[:, None, None], rtol=1e-5)
    halved = halve_condition(condition, (8, 8), pool=pool)
    np.testing.assert_array_equal(halved["picture"], halve(IMAGES, pool=pool))
    assert halved["class"] is LABELS and halved["none"] is None and halved["map"].dtype == np.int32


def test_layers_are_shown_scale_after_scale_also_of_ten_scales():
    images = RNG.normal(size=(1, 2048, 1, 1)).astype(np.float32)
    images = jnp.broadcast_to(images, (1, 2048, 2048, 1))
    network = MultiScaleDiscriminator(Patches(), scales=11)
    condition = {"map": images, "class": jnp.zeros(1)}
    apply = functools.partial(network.apply, {}, train=False, mutable=["features"])
    _, state = jax.eval_shape(apply, images, condition)
    assert [leaf.shape[1] for leaf in sown(state["features"])] == [2048 // 2**k for k in range(11) for _ in range(2)]


def test_gradients_reach_every_scale():
    network = MultiScaleDiscriminator(ONE, scales=2)
    variables = network.init(jax.random.key(0), IMAGES, LABELS, train=False)

    def loss(params):
        return sum(
            jnp.square(scores).mean() for scores in network.apply({"params": params}, IMAGES, LABELS, train=False)
        )

    grads = jax.grad(loss)(variables["params"])
    for scale in ("scale_0", "scale_1"):
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads[scale]))
        assert np.abs(grads[scale]["hidden_0"]["kernel"]).max() > 0


def test_a_condition_of_another_size_is_refused():
    with pytest.raises(ValueError, match="has not the height and width of the images, 8x8"):
        halve_condition({"map": np.zeros((3, 4, 4, 1))}, (8, 8))


@pytest.mark.parametrize(
    ("changes", "images", "message"),
    [
        ({}, np.zeros((3, 2), np.float32), "points cannot be pooled"),
        (dict(pool="max"), IMAGES, "choose from box, overlapping"),
        (dict(scales=0), IMAGES, "at least one"),
        (dict(scales=5), IMAGES, "even height and width, got 1x1"),
    ],
)
def test_errors_say_what_would_do(changes, images, message):
    with pytest.raises(ValueError, match=message):
        MultiScaleDiscriminator(ONE, **changes).init(jax.random.key(0), images, LABELS, train=False)
