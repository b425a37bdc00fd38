import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxgan.networks.dcgan import Discriminator, Generator, down_conv
from jaxgan.nn.fractional_conv import up_conv

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 5)).astype(np.float32)
LABELS = np.array([0, 2, 1, 2], np.int32)
IMAGES = RNG.uniform(-1, 1, size=(4, 8, 8, 2)).astype(np.float32)
TINY_G = Generator(z_dim=5, ch=2, widths=(2, 1), base=(2, 2), image_channels=2)
TINY_D = Discriminator(ch=2, widths=(1, 2))


def shapes(network, first):
    init = functools.partial(network.init_with_output, train=False)
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    return jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct((2, *first), jnp.float32), labels)


def parameters(network, first):
    flat = traverse_util.flatten_dict(shapes(network, first)[1]["params"], sep="/")
    return {path: leaf.shape for path, leaf in flat.items()}, sum(leaf.size for leaf in flat.values())


def filled(network, first):
    """Random variables drawn in numpy: compiling an init takes longer."""
    rng = np.random.default_rng(1)
    flat = traverse_util.flatten_dict(shapes(network, first)[1])
    values = {path: rng.normal(size=leaf.shape).astype(np.float32) for path, leaf in flat.items()}
    values |= {path: np.ones_like(v) for path, v in values.items() if path[-1] in ("var", "scale")}
    return traverse_util.unflatten_dict({path: v for path, v in values.items() if path[0] != "features"})


@functools.cache
def compiled(network, train):
    def loss(params, rest, first, labels):
        rngs = {"dropout": jax.random.key(0)} if train else None
        out, moved = network.apply(
            {"params": params, **rest}, first, labels, train=train, rngs=rngs, mutable=[*rest, "features"]
        )
        return jnp.square(out).mean(), (out, moved)

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def run(network, first, labels=LABELS, *, train=True):
    """Output, what moved, and the gradient of the output's mean square in all parameters."""
    variables = filled(network, first.shape[1:])
    (_, (out, moved)), grads = compiled(network, train)(variables.pop("params"), variables, first, labels)
    grads = traverse_util.flatten_dict(grads, sep="/")
    assert not [path for path, leaf in grads.items() if not np.isfinite(leaf).all()]
    return np.asarray(out), moved, grads


def test_the_defaults_are_pytorch_examples():
    """dcgan/main.py: G is ConvTranspose2d 100-512 (4x4, from 1x1 to 4x4), 512-256, 256-128, 128-64, 64-3, and batch
    norms of 512, 256, 128, 64; D is Conv2d 3-64, 64-128, 128-256, 256-512, 512-1 (4x4, from 4x4 to 1x1), and batch
    norms of 128, 256, 512; all kernels 4x4, without biases.
    """
    g = 16 * (100 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 2 * (512 + 256 + 128 + 64)
    d = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) + 2 * (128 + 256 + 512)
    assert (g, d) == (3_576_704, 2_765_568)
    assert parameters(Generator(), (100,))[1] == g
    assert parameters(Discriminator(), (64, 64, 3))[1] == d


def test_kernels_of_five_are_the_authors():
    """faces/train_uncond_dcgan.py: gw (100, 1024 * 4 * 4) with gg and gb as long, gw2 (1024, 512, 5, 5), gw3 (512, 256,
    5, 5), gw4 (256, 128, 5, 5), gwx (128, 3, 5, 5), gains and biases of 512, 256, 128; dw (128, 3, 5, 5), dw2 (256,
    128, 5, 5), dw3 (512, 256, 5, 5), dw4 (1024, 512, 5, 5), dwy (1024 * 4 * 4, 1), gains and biases of 256, 512, 1024.
    """
    g, total = parameters(Generator(ch=128, kernel=5, project_norm="unit"), (100,))
    assert g == {
        "seed/kernel": (100, 16384),
        "norm_seed/scale": (16384,),
        "norm_seed/bias": (16384,),
        "conv_0/kernel": (5, 5, 1024, 512),
        "conv_1/kernel": (5, 5, 512, 256),
        "conv_2/kernel": (5, 5, 256, 128),
        "to_image/kernel": (5, 5, 128, 3),
        **{f"norm_{i}/{name}": (512 // 2**i,) for i in range(3) for name in ("scale", "bias")},
    }
    assert total == 100 * 16384 + 2 * 16384 + 25 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + 2 * 896
    d, total = parameters(Discriminator(ch=128, kernel=5), (64, 64, 3))
    assert d["head/linear/kernel"] == (16384, 1)
    assert total == 25 * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024) + 16384 + 2 * (256 + 512 + 1024)


@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize(
    ("side", "base", "g_widths", "d_widths"),
    [(28, (7, 7), (2, 1), (1, 2)), (32, (4, 4), (4, 2, 1), (1, 2, 4)), (64, (4, 4), (8, 4, 2, 1), (1, 2, 4, 8))],
)
def test_sides(kernel, side, base, g_widths, d_widths):
    images, _ = shapes(Generator(widths=g_widths, base=base, kernel=kernel), (100,))
    assert images.shape == (2, side, side, 3) and images.dtype == jnp.float32
    logits, variables = shapes(Discriminator(widths=d_widths, kernel=kernel), images.shape[1:])
    assert logits.shape == (2,) and logits.dtype == jnp.float32
    assert variables["features"]["last"].shape == (2, base[0] * base[1] * 64 * d_widths[-1])


@pytest.mark.parametrize("kernel", [4, 5])
def test_up_is_the_transpose_of_down(kernel):
    """<up(x), y> = <x, down(y)>, the kernel turned and its channels exchanged."""
    x, y = RNG.normal(size=(1, 3, 3, 2)).astype(np.float32), RNG.normal(size=(1, 6, 6, 3)).astype(np.float32)
    weight = RNG.normal(size=(kernel, kernel, 2, 3)).astype(np.float32)
    up = up_conv(3, kernel, use_bias=False, spectral_norm=False).apply({"params": {"kernel": weight}}, x)
    other = weight[::-1, ::-1].transpose(0, 1, 3, 2)
    down = down_conv(2, kernel, use_bias=False, spectral_norm=False).apply({"params": {"kernel": other}}, y)
    np.testing.assert_allclose((up * y).sum(), (x * down).sum(), rtol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        dict(num_classes=3, kernel=5, project_norm="unit", resample="strided"),
        dict(num_classes=3, conditioning="concat", batch_norm=False, use_bias=True),
        dict(num_classes=3, conditioning="cbn", spectral_norm=True),
    ],
)
def test_generators(changes):
    network = TINY_G.clone(**changes)
    images, moved, grads = run(network, Z)
    assert images.shape == (4, 8, 8, 2) and images.dtype == np.float32
    assert np.abs(images).max() <= 1
    assert ("batch_stats" in moved) == network.batch_norm
    assert all(np.abs(leaf).max() > 0 for path, leaf in grads.items() if path.endswith("kernel"))
    others = run(network, Z, (LABELS + 1) % 3)[0]
    assert (np.abs(images - others).max() > 1e-5) == (network.conditioning != "none")
    assert (len([path for path in grads if path.endswith("/bias")]) == 3) or network.batch_norm


@pytest.mark.parametrize(
    "changes",
    [
        dict(num_classes=3, kernel=5, dropout=0.2, minibatch="stddev"),
        dict(num_classes=3, conditioning="concat", batch_norm=False, layer_norm=True, use_bias=True),
        dict(num_classes=3, conditioning="projection", spectral_norm=True, batch_norm=False),
        dict(minibatch="discrimination", minibatch_kernels=3),
    ],
)
def test_discriminators(changes):
    network = TINY_D.clone(**changes)
    logits, moved, grads = run(network, IMAGES)
    assert logits.shape == (4,) and logits.dtype == np.float32
    assert moved["features"]["last"].shape == (4, 2 * 2 * 4)
    assert all(np.abs(leaf).max() > 0 for path, leaf in grads.items() if path.endswith("kernel"))
    others = run(network, IMAGES, (LABELS + 1) % 3)[0]
    assert (np.abs(logits - others).max() > 1e-5) == (network.conditioning != "none")


def test_layer_norm_scores_each_image_alone():
    network = TINY_D.clone(batch_norm=False, layer_norm=True)
    all_logits = run(network, IMAGES)[0]
    alone = run(network, np.concatenate([IMAGES[:1], 0 * IMAGES[1:]]))[0]
    np.testing.assert_allclose(alone[0], all_logits[0], rtol=1e-5)
    # The image's own statistics, over positions and channels, and a gain for each channel.
    params = filled(network, (8, 8, 2))["params"]
    assert params["norm_1"]["scale"].shape == (4,)
    assert np.abs(run(TINY_D, IMAGES)[0][0] - run(TINY_D, np.concatenate([IMAGES[:1], 0 * IMAGES[1:]]))[0][0]) > 1e-4


def test_bfloat16_computes_with_float32_parameters_and_results():
    for network, first in [(TINY_G, Z), (TINY_D, IMAGES)]:
        half = network.clone(dtype=jnp.bfloat16)
        wide, (narrow, _, grads) = run(network, first)[0], run(half, first)
        assert {leaf.dtype for leaf in grads.values()} == {jnp.dtype(jnp.float32)}
        assert narrow.dtype == np.float32
        assert 0 < np.abs(narrow - wide).max() < 0.2 * np.abs(wide).max()


@pytest.mark.parametrize(
    ("network", "first", "message"),
    [
        (TINY_G, (4,), "z has 4 columns, but z_dim=5"),
        (TINY_G.clone(project_norm="layer"), (5,), "choose from channel, unit"),
        (TINY_G.clone(conditioning="cbn", num_classes=3, batch_norm=False), (5,), "set batch_norm=True"),
        (TINY_G.clone(conditioning="projection", num_classes=3), (5,), "takes none, concat, cbn"),
        (TINY_D.clone(conditioning="concat"), (8, 8, 2), "needs classes, but num_classes=0"),
        (TINY_D.clone(layer_norm=True), (8, 8, 2), "takes batch_norm=False"),
        (TINY_D.clone(minibatch="std"), (8, 8, 2), "choose from none, discrimination, stddev"),
    ],
)
def test_errors_say_what_would_do(network, first, message):
    with pytest.raises(ValueError, match=message):
        shapes(network, first)
