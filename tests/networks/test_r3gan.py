"""Parameter counts are those of brownvc/R3GAN, R3GAN/Networks.py under train.py's presets, by its layers:

a block of C channels: LinearLayer1 C -> 2C, NonLinearity1 2C, LinearLayer2 3x3 2C -> 2C in groups, NonLinearity2 2C,
LinearLayer3 2C -> C, none with a bias of its own; transitions 1x1 without bias, and only where widths differ;
GenerativeBasis [C, 4, 4] and z -> C; AggregationLayer C -> 3; ExtractionLayer 3 -> C; DiscriminativeBasis [C, 1, 4, 4]
and C -> 1 (or, conditional, C -> the embedding); EmbeddingLayer classes -> the embedding, 64 in G and C in D.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import traverse_util

from jaxgan.networks.r3gan import Block, Discriminator, Generator, downsample_smooth, upsample_smooth

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 5)).astype(np.float32)
IMAGES = RNG.uniform(-1, 1, size=(4, 8, 8, 3)).astype(np.float32)
LABELS = np.array([0, 2, 4, 2])
TINY_G = Generator(5, z_dim=5, conditioning="concat", widths=(8, 6), blocks=1, group_size=4)
TINY_D = Discriminator(5, conditioning="projection", widths=(6, 8), blocks=1, group_size=4)


def abstract(network, first):
    init = functools.partial(network.init_with_output, train=True)
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    return jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct((2, *first), jnp.float32), labels)


def count(network, first):
    return sum(leaf.size for leaf in jax.tree.leaves(abstract(network, first)[1]["params"]))


@functools.cache
def filled(network):
    rng = np.random.default_rng(1)
    first = (network.z_dim,) if isinstance(network, Generator) else IMAGES.shape[1:]
    shapes = traverse_util.flatten_dict(abstract(network, first)[1]["params"])
    values = {path: rng.normal(size=s.shape).astype(np.float32) / 3 for path, s in shapes.items()}
    return {"params": traverse_util.unflatten_dict(values)}


@functools.cache
def compiled(network):
    return jax.jit(functools.partial(network.apply, train=True, mutable="features"))


def run(network, x, labels=LABELS):
    out, shown = compiled(network)(filled(network), x, labels)
    return np.asarray(out), shown


def block_parameters(c, group):
    return c * 2 * c + 9 * group * 2 * c + 2 * c * c + 2 * 2 * c


def shared_parameters(widths, group):
    """Blocks, transitions and bases, the last of which have the first width."""
    blocks = sum(2 * block_parameters(c, group) for c in widths)
    return blocks + sum(a * b for a, b in itertools.pairwise(widths) if a != b) + 16 * widths[0] + 3 * widths[-1]


@pytest.mark.parametrize(
    ("widths", "group", "classes", "figures"),
    [
        ((768,) * 4, 16, 0, (20_732_160, 20_683_776)),  # CIFAR10
        ((768,) * 4, 16, 10, (20_781_952, 21_280_512)),  # CIFAR10 --cond
        ((768,) * 4 + (384,), 16, 0, None),  # FFHQ-64
        ((768,) * 4 + (384, 192, 96), 16, 0, None),  # FFHQ-256
        ((1536,) * 5, 32, 1000, None),  # ImageNet-64
    ],
)
def test_parameters_are_the_released_codes(widths, group, classes, figures):
    size = 4 * 2 ** (len(widths) - 1)
    words = {"num_classes": classes, "group_size": group}
    g = Generator(widths=widths, conditioning="concat" if classes else "none", **words)
    d = Discriminator(widths=widths[::-1], conditioning="projection" if classes else "none", **words)
    shared, top = shared_parameters(widths, group), widths[0]
    found = count(g, (64,)), count(d, (size, size, 3))
    assert found[0] == shared + (64 + 64 * bool(classes)) * top + 64 * classes
    assert found[1] == shared + (top * top + top * classes if classes else top)
    if figures:
        assert found == figures


def test_resampling_is_the_filter_with_zeros_outside():
    x = RNG.normal(size=(2, 4, 6, 3))
    taps = np.convolve([1, 2, 1], [1, 1]) / 8

    def up_matrix(size):
        # Zeros between the pixels, then the filter, which doubled pixels make twice as large.
        matrix = np.zeros((2 * size, size))
        for i, j in itertools.product(range(size), range(4)):
            if 0 <= 2 * i + j - 1 < 2 * size:
                matrix[2 * i + j - 1, i] = 2 * taps[j]
        return matrix

    expected = np.einsum("ph,qw,bhwc->bpqc", up_matrix(4), up_matrix(6), x)
    np.testing.assert_allclose(upsample_smooth(jnp.asarray(x, jnp.float32)), expected, atol=1e-5)
    expected = np.einsum("hp,wq,bhwc->bpqc", up_matrix(2), up_matrix(3), x) / 4
    np.testing.assert_allclose(downsample_smooth(jnp.asarray(x, jnp.float32)), expected, atol=1e-5)
    with pytest.raises(ValueError, match="even height and width, got 3x4"):
        downsample_smooth(jnp.zeros((1, 3, 4, 1)))


def test_a_block_is_its_three_convolutions_in_groups():
    block = Block(8, expansion=2, group_size=3)
    x = RNG.normal(size=(2, 5, 4, 6)).astype(np.float32)
    shapes = jax.eval_shape(block.init, jax.random.key(0), x)["params"]
    params = jax.tree.map(lambda s: RNG.normal(size=s.shape).astype(np.float32), shapes)
    leaky = lambda h: np.maximum(h, 0.2 * h)  # noqa: E731
    wide = jax.tree.map(lambda p: p.astype(np.float64), params)
    h = leaky(x @ wide["conv_0"]["kernel"][0, 0] + wide["conv_0"]["bias"])
    padded = np.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
    kernel = wide["conv_1"]["kernel"]
    assert kernel.shape == (3, 3, 3, 12)
    h = np.zeros_like(h) + wide["conv_1"]["bias"]
    for i, j, group in itertools.product(range(3), range(3), range(4)):
        own = slice(3 * group, 3 * group + 3)
        h[..., own] += padded[:, i : i + 5, j : j + 4, own] @ kernel[i, j, :, own]
    expected = x + leaky(h) @ wide["conv_2"]["kernel"][0, 0]
    np.testing.assert_allclose(block.apply({"params": params}, x), expected, rtol=1e-4, atol=1e-4)
    assert set(params["conv_2"]) == {"kernel"}


def test_a_block_starts_as_the_identity_and_smaller_with_more_blocks():
    x = np.ones((1, 1, 1, 64), np.float32)
    params = jax.jit(Block(16).init)(jax.random.key(0), x)["params"]
    assert not np.any(params["conv_2"]["kernel"])
    for name, fan_in in [("conv_0", 64), ("conv_1", 9 * 16)]:
        # 2 / (1 + 0.2 ** 2) / sqrt(16)
        np.testing.assert_allclose(params[name]["kernel"].var(), 2 / 1.04 / 4 / fan_in, rtol=0.05)


@pytest.mark.parametrize(
    ("base", "stages", "size"), [((4, 4), 4, (32, 32)), ((7, 7), 3, (28, 28)), ((4, 6), 5, (64, 96))]
)
def test_shapes(base, stages, size):
    widths = tuple(8 * 2**i for i in range(stages, 0, -1))
    images, g = abstract(Generator(widths=widths, base=base, image_channels=1), (64,))
    assert (images.shape, images.dtype) == ((2, *size, 1), jnp.float32)
    logits, d = abstract(Discriminator(widths=widths[::-1]), images.shape[1:])
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)
    assert d["features"]["last"].shape == (2, widths[0])
    assert d["params"]["basis"].shape == g["params"]["basis"].shape == (*base, widths[0])
    assert set(g) == {"params"}


def test_the_generators_output_is_not_squashed_unless_asked_and_knows_the_class():
    out, _ = run(TINY_G, Z)
    assert np.abs(out - run(TINY_G, Z, (LABELS + 1) % 5)[0]).max() > 1e-3
    np.testing.assert_allclose(run(TINY_G, Z, np.eye(5, dtype=np.float32)[LABELS])[0], out, rtol=1e-4, atol=1e-5)
    squashed, _ = compiled(TINY_G.clone(output="tanh"))(filled(TINY_G), Z, LABELS)
    np.testing.assert_allclose(squashed, np.tanh(out), atol=1e-5)
    assert np.abs(run(TINY_G, 100 * Z)[0]).max() > 1


def test_logits_are_inner_products_of_the_features_shown_and_the_class():
    logits, shown = run(TINY_D, IMAGES)
    h = np.asarray(shown["features"]["last"], np.float64)
    params = filled(TINY_D)["params"]
    expected = ((h @ params["linear"]["kernel"]) * params["embed"]["embedding"][LABELS]).sum(1)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("minibatch", "inputs"), [("none", 8), ("discrimination", 108), ("stddev", 9)])
def test_what_the_last_layer_knows_of_the_batch(minibatch, inputs):
    network = TINY_D.clone(conditioning="none", minibatch=minibatch)
    assert abstract(network, (8, 8, 3))[1]["params"]["linear"]["kernel"].shape == (inputs, 1)
    alone = np.repeat(IMAGES[:1], 4, axis=0)
    difference = np.abs(run(network, alone)[0][0] - run(network, IMAGES)[0][0])
    assert difference < 1e-4 if minibatch == "none" else difference > 1e-4


def test_the_discriminators_weights_may_be_normalised():
    network = TINY_D.clone(spectral_norm=True)
    variables = jax.jit(lambda key: network.init(key, IMAGES, LABELS, train=True))(jax.random.key(0))

    def owners(tree, *names):
        return {path[:-1] for path in traverse_util.flatten_dict(tree) if path[-1] in names}

    assert owners(variables["spectral"], "u") == owners(variables["params"], "kernel", "embedding")
    assert "spectral" not in abstract(TINY_D, (8, 8, 3))[1]
    logits = network.apply(variables, IMAGES, LABELS, train=True)
    assert np.isfinite(logits).all()
    # Twice a weight is the same weight.
    params = variables["params"] | {"linear": {"kernel": 2 * variables["params"]["linear"]["kernel"]}}
    np.testing.assert_allclose(
        network.apply({**variables, "params": params}, IMAGES, LABELS, train=True), logits, rtol=1e-4
    )


def test_bfloat16_leaves_the_lowest_resolution_in_float32():
    kept = []

    def spy(next_fun, args, kwargs, context):
        out = next_fun(*args, **kwargs)
        if isinstance(context.module, Block):
            kept.append((context.module.name, out.dtype))
        return out

    for network, first in [(TINY_G, (5,)), (TINY_D, (8, 8, 3))]:
        with nn.intercept_methods(spy):
            out, _ = abstract(network.clone(dtype=jnp.bfloat16), first)
        assert out.dtype == jnp.float32
    half, whole = jnp.bfloat16, jnp.float32
    assert kept == [("block_0_0", whole), ("block_1_0", half), ("block_0_0", half), ("block_1_0", whole)]


@pytest.mark.parametrize(
    ("network", "first", "message"),
    [
        (Generator(widths=(8, 8), group_size=5), (64,), "group_size=5 does not divide 8 \\* 2 hidden channels"),
        (Generator(blocks=(1, 2)), (64,), "has 2 entries; widths have 4 stages"),
        (Generator(), (65,), "z has 65 columns, but z_dim=64"),
        (Generator(conditioning="concat"), (64,), "num_classes=0"),
        (Generator(output="relu"), (64,), "output='relu'; choose from linear, tanh"),
        (Discriminator(10, conditioning="concat"), (32, 32, 3), "takes none, projection"),
        (Discriminator(minibatch="std"), (32, 32, 3), "choose from none, discrimination, stddev"),
        (Discriminator(), (28, 28, 3), "even height and width, got 7x7"),
    ],
)
def test_errors_say_what_would_do(network, first, message):
    with pytest.raises(ValueError, match=message):
        abstract(network, first)
