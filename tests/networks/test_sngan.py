"""Parameter counts are those of pfnet-research/sngan_projection, by the shapes of its layers:

gen_models/resnet_32.py (ch 256): l1 128 -> 4 * 4 * 256, three blocks of c1 and c2 3x3 256 -> 256, c_sc 1x1 256 -> 256
and norms of 256, b5 256, c5 3x3 256 -> 3. gen_models/resnet_64.py, resnet.py (ch 64): l1 128 -> 4 * 4 * 1024, blocks
1024 (-> 1024) -> 512 -> 256 -> 128 -> 64 with c1 in -> out, c2 out -> out and c_sc in -> out. A class-conditional norm
has two tables [classes, channels] in place of two vectors.

dis_models/snresnet_32.py (ch 128): OptimizedBlock 3 -> 128, a block 128 -> 128 that halves, two that do not and have no
c_sc, l5 128 -> 1 without bias, l_y [classes, 128]. dis_models/snresnet_64.py, snresnet.py (ch 64): OptimizedBlock
3 -> 64, blocks 64 -> 128 -> 256 -> 512 -> 1024 (-> 1024) with c1 in -> in, c2 in -> out, linear with bias.
ConcatDiscriminator: l_y [classes, 128] joins the 256 channels that the fourth block reads.
"""

import functools
import itertools

import jax
import numpy as np
import pytest

from jaxgan.networks.sngan import Discriminator, Generator
from jaxgan.nn import sown

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 6)).astype(np.float32)
IMAGES = RNG.uniform(-1, 1, size=(4, 16, 16, 3)).astype(np.float32)
LABELS = np.array([0, 2, 4, 2])
TINY_G = Generator(5, resolution=16, ch=8, z_dim=6, conditioning="cbn", resample="plain")
TINY_D = Discriminator(5, resolution=16, ch=8, conditioning="projection", widths=(1, 1, 1, 2), resample="plain")


def block(inside, hidden, out, *, norm=0, shortcut=True):
    """Parameters of a block: two 3x3 convolutions, norms with ``norm`` rows, a shortcut."""
    convs = 9 * inside * hidden + hidden + 9 * hidden * out + out
    return convs + norm * (inside + hidden) + (inside * out + out if shortcut else 0)


def reference_generator(widths, base, classes):
    rows = 2 * max(classes, 1)
    blocks = sum(block(a, b, b, norm=rows) for a, b in itertools.pairwise(widths))
    last = widths[-1]
    return (128 + 1) * base**2 * widths[0] + blocks + 2 * last + 9 * last * 3 + 3


def reference_discriminator(widths, plain, *, bias, classes=0, concat=None):
    inputs = [*widths[:-1]]
    total = block(3, widths[0], widths[0])
    for index, (a, b) in enumerate(zip(inputs, widths[1:]), start=1):
        a += 128 if index == concat else 0
        total += block(a, a, b, shortcut=a != b or index < len(widths) - plain)
    return total + widths[-1] + bias + (classes * (128 if concat else widths[-1]))


@pytest.mark.parametrize(
    ("resolution", "widths", "base", "conditional"),
    [
        (32, [256] * 4, 4, False),
        (32, [256] * 4, 4, True),
        (48, [512, 256, 128, 64], 6, False),
        (64, [1024, 512, 256, 128, 64], 4, False),
        (128, [1024, 1024, 512, 256, 128, 64], 4, True),
        (256, [1024, 1024, 512, 512, 256, 128, 64], 4, True),
    ],
)
def test_generators_parameters_are_the_released_codes(parameters, resolution, widths, base, conditional):
    classes = (10 if resolution == 32 else 1000) if conditional else 0
    generator = Generator(classes, resolution=resolution, conditioning="cbn" if conditional else "none")
    assert parameters(generator, (128,)) == reference_generator(widths, base, classes)


@pytest.mark.parametrize(
    ("resolution", "widths", "plain"),
    [
        (32, [128] * 4, 2),
        (48, [64, 128, 256, 512, 1024], 1),
        (64, [64, 128, 256, 512, 1024], 0),
        (128, [64, 128, 256, 512, 1024, 1024], 1),
        (256, [64, 128, 256, 512, 512, 1024, 1024], 1),
    ],
)
@pytest.mark.parametrize("classes", [0, 1000])
def test_discriminators_parameters_are_the_released_codes(parameters, resolution, widths, plain, classes):
    words = {"num_classes": classes, "conditioning": "projection" if classes else "none"}
    discriminator = Discriminator(resolution=resolution, **words)
    expected = reference_discriminator(widths, plain, bias=resolution > 32, classes=classes)
    assert parameters(discriminator, (resolution, resolution, 3)) == expected


def test_a_concatenated_class_widens_the_fourth_block(parameters):
    concat = Discriminator(1000, resolution=128, conditioning="concat")
    expected = reference_discriminator([64, 128, 256, 512, 1024, 1024], 1, bias=True, classes=1000, concat=3)
    assert parameters(concat, (128, 128, 3)) == expected


def test_every_weight_of_the_discriminator_is_normalised_and_none_of_the_generator(abstract, owners):
    g, d = abstract(TINY_G, (6,))[1], abstract(TINY_D, (16, 16, 3))[1]
    assert owners(d["spectral"], "u") == owners(d["params"], "kernel", "embedding")
    assert "spectral" not in g
    g = abstract(TINY_G.clone(spectral_norm=True), (6,))[1]
    assert owners(g["spectral"], "u") == owners(g["params"], "kernel")
    assert "spectral" not in abstract(TINY_D.clone(spectral_norm=False), (16, 16, 3))[1]


def test_glorots_gain_is_the_root_of_two_in_the_blocks_3x3_convolutions_and_tables_start_at_nothing():
    init = functools.partial(TINY_G.clone(ch=32).init, train=False)
    # The outputs are not asked for, so nothing but the draws is compiled.
    params = jax.jit(lambda key: init(key, Z, LABELS)["params"])(jax.random.key(0))
    first = params["block_0"]
    for kernel, gain in [
        (first["conv_0"]["kernel"], 2.0),
        (first["conv_shortcut"]["kernel"], 1.0),
        (params["to_image"]["kernel"], 1.0),
        (params["project"]["kernel"], 1.0),
    ]:
        positions = np.prod(kernel.shape[:-2])
        variance = gain * 2 / (positions * sum(kernel.shape[-2:]))
        assert np.abs(kernel).max() <= np.sqrt(3 * variance)
        np.testing.assert_allclose(kernel.var(), variance, rtol=0.1)
    assert not np.any(first["norm_0"]["gain"]["embedding"])
    assert not np.any(first["norm_0"]["bias"]["embedding"])


def test_logits_are_linear_in_the_features_shown_and_project_the_class(filled, run):
    variables = filled(TINY_D, (16, 16, 3))
    logits, shown, _ = run(TINY_D, IMAGES, LABELS, variables=variables)
    h = np.asarray(sown(shown["features"])[-1], np.float64)
    assert h.shape == (4, 16)
    assert h.min() >= 0
    head = jax.tree.map(lambda v: np.asarray(v, np.float64), variables["params"]["head"])
    spectral = variables["spectral"]["head"]

    def normalized(matrix, u):
        v = matrix.T @ u
        v /= np.linalg.norm(v)
        return matrix / np.linalg.norm(matrix @ v)

    linear = normalized(head["linear"]["kernel"].T, spectral["linear"]["u"])[0]
    table = normalized(head["embed"]["embedding"], spectral["embed"]["u"])
    assert set(head["linear"]) == {"kernel"}  # no bias at 32 pixels and below
    np.testing.assert_allclose(logits, h @ linear + (table[LABELS] * h).sum(1), rtol=1e-4)


@pytest.mark.parametrize(("minibatch", "more"), [("discrimination", 100), ("stddev", 1)])
def test_what_the_head_knows_of_the_batch(kernels, run, minibatch, more):
    network = TINY_D.clone(minibatch=minibatch)
    assert kernels(network, (16, 16, 3))["head/linear"] == (16 + more, 1)
    alone = np.repeat(IMAGES[:1], 4, axis=0)
    logit = lambda network, images: run(network, images, LABELS)[0][0]  # noqa: E731
    assert np.abs(logit(network, alone) - logit(network, IMAGES)) > 1e-4
    np.testing.assert_allclose(logit(TINY_D, alone), logit(TINY_D, IMAGES), rtol=1e-4)


def test_mean_pooling_divides_by_the_positions(run):
    network = TINY_D.clone(conditioning="none")
    mean = run(network.clone(pooling="mean"), IMAGES, LABELS)[0]
    np.testing.assert_allclose(mean * 16, run(network, IMAGES, LABELS)[0], rtol=1e-4)


def test_labels_that_nothing_reads_may_be_absent(owners):
    for network, x in [(TINY_G, Z), (TINY_D, IMAGES)]:
        init = functools.partial(network.clone(conditioning="none").init, train=False)
        assert not owners(jax.eval_shape(init, jax.random.key(0), x, None)["params"], "embedding")
