import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.mlp import Discriminator
from jaxgan.networks.multi_scale import MultiScaleDiscriminator

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
    assert logits.shape == (3, 3) and logits.dtype == jnp.float32
    assert state["features"]["last"].shape == (3, 3 * 4)
    images = IMAGES
    for scale in range(3):
        own = {"params": variables["params"][f"scale_{scale}"]}
        expected, tapped = ONE.apply(own, images, LABELS, train=False, mutable=["features"])
        np.testing.assert_allclose(logits[:, scale], expected, rtol=1e-5, atol=1e-6)
        last = state["features"]["last"][:, 4 * scale : 4 * scale + 4]
        np.testing.assert_allclose(last, tapped["features"]["last"], rtol=1e-5, atol=1e-6)
        images = halve(images)
    np.testing.assert_allclose(network.apply(params, IMAGES, LABELS, train=False), logits, rtol=1e-5, atol=1e-6)


def test_gradients_reach_every_scale():
    network = MultiScaleDiscriminator(ONE, scales=2)
    variables = network.init(jax.random.key(0), IMAGES, LABELS, train=False)
    grads = jax.grad(lambda p: jnp.square(network.apply({"params": p}, IMAGES, LABELS, train=False)).mean())(
        variables["params"]
    )
    for scale in ("scale_0", "scale_1"):
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads[scale]))
        assert np.abs(grads[scale]["hidden_0"]["kernel"]).max() > 0


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
