"""VQGAN: published sizes, the adaptive weight as its equation has it, a discriminator that starts late."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.methods.cosine_ramp import cosine_ramp
from jaxgan.methods.vqgan import VQGAN
from jaxgan.networks import patchgan
from jaxgan.networks.vqgan import Autoencoder
from jaxgan.objectives import adversarial_loss

SMALL = Autoencoder(
    image_channels=1, ch=4, widths=(1, 2, 2), blocks=1, attention=(4,), z_dim=4, codes=8, dim=3, groups=2
)
CRITIC = patchgan.Discriminator(ch=3, layers=1, conditional=False, norm="none")
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1), np.uint8)


def apart(variables, a, b):
    return variables["scale"] * jnp.square(a - b).mean((1, 2, 3))


def make(**changes):
    settings = dict(
        autoencoder=SMALL,
        discriminator=CRITIC,
        optimizers={"p": optax.sgd(1.0), "d": optax.sgd(1.0)},
        loss=adversarial_loss("hinge"),
        distance=apart,
        perceptual_weight=0.7,
        weight=0.8,
    )
    return VQGAN(**settings | changes)


@pytest.fixture(scope="module")
def state():
    fresh = jax.jit(make().init)(jax.random.key(0), {"image": IMAGES})
    return fresh.replace(frozen={"perceptual": {"scale": jnp.float32(2.0)}})


def moved(method, state, key=1):
    return jax.jit(method.step)(state, {"image": IMAGES}, jax.random.key(key))


def total(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_parameters_are_as_published():
    """taming-transformers' modules: f16 with 1,024 and with 16,384 codes, and the discriminator."""
    images = jax.ShapeDtypeStruct((2, 256, 256, 3), jnp.float32)
    for codes, count in ((1024, 72_141_699), (16_384, 76_073_859)):
        network = Autoencoder(codes=codes)
        found = jax.eval_shape(lambda x, n=network: n.init(jax.random.key(0), x, train=True), images)["params"]
        assert total(found) == count
    assert total(found["encoder"]) == 29_298_176 and total(found["decoder"]) == 42_449_795
    critic = patchgan.Discriminator(conditional=False)
    assert total(jax.eval_shape(lambda x: critic.init(jax.random.key(0), x, None, train=True), images)["params"]) == (
        2_765_633
    )


@pytest.mark.slow
def test_the_adaptive_weight_is_the_ratio_of_two_gradients_and_the_step_follows_it(state):
    """By the whole gradient of each part, as the equation is written; plain SGD of rate 1 shows the step's."""
    images = jnp.asarray(IMAGES, jnp.float32) / 127.5 - 1
    params = state.nets["autoencoder"]["params"]

    def parts(params):
        back, levels = SMALL.apply({"params": params}, images, train=True)
        error = jnp.abs(back - images).mean() + 0.7 * apart({"scale": 2.0}, images, back).mean()
        fooling = -CRITIC.apply({"params": state.nets["d"]["params"]}, back, None, train=True).mean()
        return jnp.stack([error, fooling, levels[0].loss])

    of_parts = jax.jit(jax.jacrev(parts))(params)
    last = np.asarray(of_parts["decoder"]["conv_out"]["kernel"])
    expected = np.linalg.norm(last[0]) / (np.linalg.norm(last[1]) + 1e-4)
    new, metrics = moved(make(), state)
    assert metrics["p/adaptive_weight"] == pytest.approx(expected, rel=1e-3)
    share = 0.8 * expected
    gradients = jax.tree.map(lambda each: each[0] + share * each[1] + each[2], of_parts)
    steps = jax.tree.map(lambda old, now: old - now, params, new.nets["autoencoder"]["params"])
    for (path, step), wanted in zip(jax.tree_util.tree_leaves_with_path(steps), jax.tree.leaves(gradients)):
        np.testing.assert_allclose(step, wanted, rtol=2e-3, atol=2e-5, err_msg=jax.tree_util.keystr(path))
    value = np.asarray(jax.jit(parts)(params)) @ [1, share, 1]
    assert metrics["p/loss"] == pytest.approx(value, rel=1e-3)


@pytest.mark.slow
def test_before_it_starts_d_stands_still_and_nobody_hears_it(state):
    late = make(start_step=5)
    new, metrics = moved(late, state)
    jax.tree.map(np.testing.assert_array_equal, new.nets["d"], state.nets["d"])
    assert metrics["d/loss"] == 0 and metrics["p/adversarial"] != 0
    without, _ = moved(make(weight=0.0, start_step=5), state)
    jax.tree.map(np.testing.assert_array_equal, new.nets["autoencoder"], without.nets["autoencoder"])
    started, metrics = moved(late, state.replace(step=jnp.int32(5)))
    assert metrics["d/loss"] > 0
    assert np.abs(started.nets["d"]["params"]["conv_0"]["kernel"] - state.nets["d"]["params"]["conv_0"]["kernel"]).max()


@pytest.mark.slow
def test_codes_alone_give_what_comes_back(state):
    method = make()
    codes = jax.jit(method.codes)(state.nets, IMAGES)
    assert [code.shape for code in codes] == [(4, 4, 4)] and method.reductions == (4,)
    back = jax.jit(method.sample)(state.nets, {"image": IMAGES}, jax.random.key(0))["image"]
    np.testing.assert_allclose(jax.jit(method.decode)(state.nets, codes), back, atol=1e-5)
    with pytest.raises(ValueError, match="3 levels take sides in multiples of 4, got 18x18"):
        jax.eval_shape(lambda images: method.codes(state.nets, images), jnp.zeros((1, 18, 18, 1), jnp.uint8))


@pytest.mark.slow
def test_codes_that_are_drawn_relax_and_the_likeliest_come_back():
    """The Gumbel variant: one-hot draws with a gradient to the logits, at the step's temperature."""
    drawing = make(autoencoder=SMALL.clone(gumbel=True, kl=0.1), weight=0.0, temperature=cosine_ramp(1.0, 0.5, 10))
    fresh = jax.jit(drawing.init)(jax.random.key(0), {"image": IMAGES})
    fresh = fresh.replace(frozen={"perceptual": {"scale": jnp.float32(2.0)}}, step=jnp.int32(5))
    new, metrics = moved(drawing, fresh)
    assert metrics["p/temperature"] == pytest.approx(0.75) and 0 < metrics["p/quantiser"] < 0.1 * np.log(8)
    before, after = (state.nets["autoencoder"]["params"]["quantizer"] for state in (fresh, new))
    assert np.abs(after["to_logits"]["kernel"] - before["to_logits"]["kernel"]).max() > 0
    one, two = (moved(drawing, fresh, key)[1]["p/error"] for key in (1, 2))
    assert one != two
    codes = jax.jit(drawing.codes)(fresh.nets, IMAGES)
    back = jax.jit(drawing.sample)(fresh.nets, {"image": IMAGES}, jax.random.key(0))["image"]
    np.testing.assert_allclose(jax.jit(drawing.decode)(fresh.nets, codes), back, atol=1e-5)
