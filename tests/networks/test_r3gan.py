"""Parameter counts are those of brownvc/R3GAN, R3GAN/Networks.py under train.py's presets, by its layers:

a block of C channels: LinearLayer1 C -> 2C, NonLinearity1 2C, LinearLayer2 3x3 2C -> 2C in groups, NonLinearity2 2C,
LinearLayer3 2C -> C, none with a bias of its own; transitions 1x1 without bias, and only where widths differ;
GenerativeBasis [C, 4, 4] and z -> C; AggregationLayer C -> 3; ExtractionLayer 3 -> C; DiscriminativeBasis [C, 1, 4, 4]
and C -> 1 (or, conditional, C -> the embedding); EmbeddingLayer classes -> the embedding, 64 in G and C in D.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.networks.r3gan import Block, Discriminator, Generator, downsample_smooth, upsample_smooth
from jaxgan.nn import sown

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 5)).astype(np.float32)
IMAGES = RNG.uniform(-1, 1, size=(4, 8, 8, 3)).astype(np.float32)
LABELS = np.array([0, 2, 4, 2])
TINY_G = Generator(5, z_dim=5, conditioning="concat", widths=(8, 6), blocks=1, group_size=4)
TINY_D = Discriminator(5, conditioning="projection", widths=(6, 8), blocks=1, group_size=4)


def block_parameters(c, group):
    return c * 2 * c + 9 * group * 2 * c + 2 * c * c + 2 * 2 * c


def shared_parameters(widths, group):
    """Blocks, transitions and bases, the last of which have the first width."""
    blocks = sum(2 * block_parameters(c, group) for c in widths)
    return blocks + sum(a * b for a, b in itertools.pairwise(widths) if a != b) + 16 * widths[0] + 3 * widths[-1]


@pytest.mark.parametrize(
    ("widths", "group", "classes"),
    [
        ((768,) * 4, 16, 0),  # CIFAR10
        ((768,) * 4, 16, 10),  # CIFAR10 --cond
        ((768,) * 4 + (384,), 16, 0),  # FFHQ-64
        ((768,) * 4 + (384, 192, 96), 16, 0),  # FFHQ-256
        ((1536,) * 5, 32, 1000),  # ImageNet-64
    ],
)
def test_parameters_are_the_released_codes(parameters, widths, group, classes):
    size = 4 * 2 ** (len(widths) - 1)
    words = {"num_classes": classes, "group_size": group}
    g = Generator(widths=widths, conditioning="concat" if classes else "none", **words)
    d = Discriminator(widths=widths[::-1], conditioning="projection" if classes else "none", **words)
    shared, top = shared_parameters(widths, group), widths[0]
    assert parameters(g, (64,)) == shared + (64 + 64 * bool(classes)) * top + 64 * classes
    assert parameters(d, (size, size, 3)) == shared + (top * top + top * classes if classes else top)


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


def test_the_generators_output_is_not_squashed_unless_asked(run, filled):
    variables = filled(TINY_G, (5,), LABELS, 1 / 3)
    out = run(TINY_G, Z, LABELS, variables=variables)[0]
    squashed = run(TINY_G.clone(output="tanh"), Z, LABELS, variables=variables)[0]
    np.testing.assert_allclose(squashed, np.tanh(out), atol=1e-5)
    assert np.abs(run(TINY_G, 100 * Z, LABELS, variables=variables)[0]).max() > 1


def test_logits_are_inner_products_of_the_features_shown_and_the_class(run, filled):
    params = filled(TINY_D, (8, 8, 3), LABELS, 1 / 3)["params"]
    logits, shown, _ = run(TINY_D, IMAGES, LABELS, variables={"params": params})
    h = np.asarray(sown(shown["features"])[-1], np.float64)
    expected = ((h @ params["linear"]["kernel"]) * params["embed"]["embedding"][LABELS]).sum(1)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("minibatch", "inputs"), [("none", 8), ("discrimination", 108), ("stddev", 9)])
def test_what_the_last_layer_knows_of_the_batch(kernels, run, minibatch, inputs):
    network = TINY_D.clone(conditioning="none", minibatch=minibatch)
    assert kernels(network, (8, 8, 3))["linear"] == (inputs, 1)
    alone = np.repeat(IMAGES[:1], 4, axis=0)
    difference = np.abs(run(network, alone, LABELS)[0][0] - run(network, IMAGES, LABELS)[0][0])
    assert difference < 1e-4 if minibatch == "none" else difference > 1e-4


def test_the_discriminators_weights_may_be_normalised(abstract, filled, owners, run):
    network = TINY_D.clone(spectral_norm=True)
    variables = filled(network, (8, 8, 3))
    assert owners(variables["spectral"], "u") == owners(variables["params"], "kernel", "embedding")
    assert "spectral" not in abstract(TINY_D, (8, 8, 3))[1]
    logits = run(network, IMAGES, LABELS, variables=variables)[0]
    # Twice a weight is the same weight.
    params = variables["params"] | {"linear": {"kernel": 2 * variables["params"]["linear"]["kernel"]}}
    np.testing.assert_allclose(
        run(network, IMAGES, LABELS, variables={**variables, "params": params})[0], logits, rtol=1e-4
    )


def test_bfloat16_leaves_the_lowest_resolution_in_float32(abstract):
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
