"""A step in micro-batches is the step of the whole batch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from jaxgan import nn as layers
from jaxgan.methods.gan import GAN
from jaxgan.methods.latents import Latents
from jaxgan.methods.terms.gradient_penalties import gradient_penalties
from jaxgan.methods.terms.orthogonal import orthogonal
from jaxgan.networks.heads import LogitHead
from jaxgan.objectives import adversarial_loss
from jaxgan.training.ema import Ema
from jaxgan.training.microbatches import Microbatches
from jaxgan.training.step import make_step

ROWS, CLASSES, Z_DIM = 24, 3, 5


class Generator(nn.Module):
    """Two norms, one after another: the second's statistics depend on the first's."""

    remat: str = "none"

    @nn.compact
    def __call__(self, z, labels, *, train):
        condition = layers.Embed(CLASSES, 4, spectral_norm=False, name="shared")(labels)
        h = layers.Dense(2 * 2 * 4, name="project")(z).reshape(-1, 2, 2, 4)
        conv = functools.partial(layers.Conv, kernel_init=nn.initializers.normal(1.0))
        block = layers.UpBlock(4, conv, layers.ConditionalBatchNorm, name="block")
        h = layers.rematerialized(block, h, condition, remat=self.remat, train=train)
        return jnp.tanh(layers.Conv(1, (3, 3), name="to_image")(h))


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, images, labels, *, train):
        h = nn.softplus(layers.Conv(4, (3, 3), name="conv")(images))
        return LogitHead(CLASSES, "projection", spectral_norm=True, name="head")(layers.pooled(h), labels)


def make(discriminator=None, remat="none", **changes):
    settings = dict(
        generator=Generator(remat=remat),
        discriminator=discriminator or Discriminator(),
        # Its moves are proportional to gradients, so that errors are not hidden or blown up.
        optimizers={player: optax.sgd(0.05, momentum=0.9) for player in ("g", "d")},
        loss=adversarial_loss("non_saturating"),
        latents=Latents(z_dim=Z_DIM, num_classes=CLASSES),
        d_steps=2,
        g_weights_term=orthogonal(weight=1e-2),
    )
    return GAN(**settings | changes)


def batch():
    draw = np.random.default_rng(0)
    return {
        "image": draw.integers(0, 256, (2 * ROWS, 4, 4, 1), np.uint8),
        "label": draw.integers(0, CLASSES, 2 * ROWS).astype(np.int32),
    }


@pytest.fixture(scope="module")
def state():
    """Random weights: power iteration has nothing to move on orthogonal ones."""
    fresh = jax.jit(lambda: make().init(jax.random.key(0), batch()))()
    draw = np.random.default_rng(1)

    def fill(x):
        return jnp.asarray(draw.normal(size=x.shape), x.dtype)

    nets = {name: {**net, "params": jax.tree.map(fill, net["params"])} for name, net in fresh.nets.items()}
    return fresh.replace(nets=nets)


def run(method, state):
    ema = Ema(nets=("g",), decay=0.9)
    step = jax.jit(make_step(method, ema=ema))
    return step(state.replace(ema=ema.init(state.nets)), batch(), jax.random.key(5))


@pytest.fixture(scope="module")
def whole(state):
    return functools.cache(lambda **changes: run(make(**changes), state))


def assert_close(a, b):
    def one(path, x, y):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        scale = max(1e-2, np.abs(np.asarray(x)).max())
        np.testing.assert_allclose(x, y, atol=3e-5 * scale, rtol=0, err_msg=name)

    jax.tree_util.tree_map_with_path(one, a, b)


@pytest.mark.parametrize(
    ("parts", "changes"),
    [
        (2, {}),
        pytest.param(4, {}, marks=pytest.mark.slow),
        pytest.param(3, {"joint": False}, marks=pytest.mark.slow),
        pytest.param(2, {"regularizers": (gradient_penalties(r1=1.0),)}, marks=pytest.mark.slow),
        pytest.param(2, {"remat": "blocks"}, marks=pytest.mark.slow),
        pytest.param(4, {"remat": "convs"}, marks=pytest.mark.slow),
    ],
)
def test_micro_batches_equal_the_whole_batch(state, whole, parts, changes):
    """Weights, u, running statistics, optimisers and averages."""
    reference = {name: value for name, value in changes.items() if name in ("joint", "regularizers")}
    expected, expected_metrics = whole(**reference)
    got, metrics = run(make(microbatches=Microbatches(parts, unroll=parts != 4), **changes), state)
    assert_close(got, expected)
    assert_close(metrics, expected_metrics)


@pytest.mark.slow
def test_the_noise_scale_leaves_the_step_as_it_is(state, whole):
    expected, _ = whole()
    got, metrics = run(make(microbatches=Microbatches(noise_scale=True)), state)
    assert_close(got, expected)
    for player in ("g", "d"):
        assert all(np.isfinite(metrics[f"{player}/{name}"]) for name in ("noise_scale", "gradient_square"))


class Normalised(nn.Module):
    @nn.compact
    def __call__(self, images, labels, *, train):
        h = layers.BatchNorm(name="norm")(images, train=train)
        return LogitHead(CLASSES, "projection", spectral_norm=True, name="head")(layers.pooled(h), labels)


@pytest.mark.parametrize("changes", [{"count": 2}, {"noise_scale": True}])
def test_batch_statistics_in_d_are_refused(changes):
    with pytest.raises(ValueError, match="D normalises over the batch"):
        jax.eval_shape(
            lambda: make(Normalised(), microbatches=Microbatches(**changes)).init(jax.random.key(0), batch())
        )


def test_no_micro_batch_is_an_error():
    with pytest.raises(ValueError, match="count=0"):
        Microbatches(0)
