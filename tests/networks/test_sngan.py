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
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxgan.networks.sngan import DISCRIMINATOR_WIDTHS, GENERATOR_WIDTHS, HALVINGS, Discriminator, Generator

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 6)).astype(np.float32)
IMAGES = RNG.uniform(-1, 1, size=(4, 16, 16, 3)).astype(np.float32)
LABELS = np.array([0, 2, 4, 2])
TINY_G = Generator(5, resolution=16, ch=8, z_dim=6, conditioning="cbn", resample="plain")
TINY_D = Discriminator(5, resolution=16, ch=8, conditioning="projection", widths=(1, 1, 1, 2), resample="plain")


def abstract(network, first, *, train=False):
    init = functools.partial(network.init_with_output, train=train)
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    return jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct((2, *first), jnp.float32), labels)


def count(network, first):
    return sum(leaf.size for leaf in jax.tree.leaves(abstract(network, first)[1]["params"]))


@functools.cache
def filled(network):
    """Random variables, drawn in numpy: compiling an init takes longer than all the rest."""
    rng = np.random.default_rng(1)
    first = (network.z_dim,) if isinstance(network, Generator) else IMAGES.shape[1:]
    shapes = traverse_util.flatten_dict({**abstract(network, first)[1], "features": {}})
    values = {path: rng.normal(size=s.shape).astype(np.float32) for path, s in shapes.items()}
    values |= {path: np.ones_like(v) for path, v in values.items() if path[-1] in ("var", "scale")}
    return traverse_util.unflatten_dict(values)


@functools.cache
def compiled(network, mutable=False):
    return jax.jit(functools.partial(network.apply, train=False, mutable=mutable))


def run(network, x, labels=LABELS, variables=None, **kwargs):
    return compiled(network, **kwargs)(filled(network) if variables is None else variables, x, labels)


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
def test_generators_parameters_are_the_released_codes(resolution, widths, base, conditional):
    classes = (10 if resolution == 32 else 1000) if conditional else 0
    generator = Generator(classes, resolution=resolution, conditioning="cbn" if conditional else "none")
    assert count(generator, (128,)) == reference_generator(widths, base, classes)


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
def test_discriminators_parameters_are_the_released_codes(resolution, widths, plain, classes):
    words = {"num_classes": classes, "conditioning": "projection" if classes else "none"}
    discriminator = Discriminator(resolution=resolution, **words)
    expected = reference_discriminator(widths, plain, bias=resolution > 32, classes=classes)
    assert count(discriminator, (resolution, resolution, 3)) == expected


def test_parameters_in_figures():
    # The sums above, once written out, so that the test's own arithmetic has something to answer to.
    assert count(Generator(), (128,)) == 4_276_739
    assert count(Discriminator(), (32, 32, 3)) == 1_053_824
    concat = Discriminator(1000, resolution=128, conditioning="concat")
    expected = reference_discriminator([64, 128, 256, 512, 1024, 1024], 1, bias=True, classes=1000, concat=3)
    assert count(concat, (128, 128, 3)) == expected


@pytest.mark.parametrize("resolution", sorted(GENERATOR_WIDTHS))
def test_shapes_at_every_resolution(resolution):
    assert set(GENERATOR_WIDTHS) == set(DISCRIMINATOR_WIDTHS) == set(HALVINGS)
    images, _ = abstract(Generator(resolution=resolution, ch=4, image_channels=1), (128,))
    assert images.shape == (2, resolution, resolution, 1)
    logits, variables = abstract(Discriminator(resolution=resolution, ch=4), images.shape[1:])
    assert (logits.shape, logits.dtype, images.dtype) == ((2,), jnp.float32, jnp.float32)
    assert variables["features"]["last"].shape == (2, 4 * DISCRIMINATOR_WIDTHS[resolution][-1])


def owners(tree, *names):
    return {path[:-1] for path in traverse_util.flatten_dict(tree) if path[-1] in names}


def test_every_weight_of_the_discriminator_is_normalised_and_none_of_the_generator():
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


def test_logits_are_linear_in_the_features_shown_and_project_the_class():
    logits, shown = run(TINY_D, IMAGES, LABELS, mutable="features")
    h = np.asarray(shown["features"]["last"], np.float64)
    assert h.shape == (4, 16)
    assert h.min() >= 0
    head = jax.tree.map(lambda v: np.asarray(v, np.float64), filled(TINY_D)["params"]["head"])
    spectral = filled(TINY_D)["spectral"]["head"]

    def normalized(matrix, u):
        v = matrix.T @ u
        v /= np.linalg.norm(v)
        return matrix / np.linalg.norm(matrix @ v)

    linear = normalized(head["linear"]["kernel"].T, spectral["linear"]["u"])[0]
    table = normalized(head["embed"]["embedding"], spectral["embed"]["u"])
    assert set(head["linear"]) == {"kernel"}  # no bias at 32 pixels and below
    np.testing.assert_allclose(logits, h @ linear + (table[LABELS] * h).sum(1), rtol=1e-4)


@pytest.mark.parametrize(
    ("network", "x"),
    [(TINY_G, Z), (TINY_D, IMAGES), (TINY_D.clone(conditioning="concat"), IMAGES)],
    ids=["cbn", "projection", "concat"],
)
def test_the_class_is_told_apart_mixed_or_not_asked_for(network, x):
    out = run(network, x, LABELS)
    assert np.abs(out - run(network, x, (LABELS + 1) % 5)).max() > 1e-3
    np.testing.assert_allclose(run(network, x, np.eye(5, dtype=np.float32)[LABELS]), out, rtol=1e-4, atol=1e-5)
    deaf = network.clone(conditioning="none")
    params = jax.eval_shape(functools.partial(deaf.init, train=False), jax.random.key(0), x, None)["params"]
    assert not owners(params, "embedding")


@pytest.mark.parametrize(("minibatch", "more"), [("discrimination", 100), ("stddev", 1)])
def test_what_the_head_knows_of_the_batch(minibatch, more):
    network = TINY_D.clone(minibatch=minibatch)
    assert abstract(network, (16, 16, 3))[1]["params"]["head"]["linear"]["kernel"].shape == (16 + more, 1)
    alone = np.repeat(IMAGES[:1], 4, axis=0)
    assert np.abs(run(network, alone)[0] - run(network, IMAGES)[0]) > 1e-4
    np.testing.assert_allclose(run(TINY_D, alone)[0], run(TINY_D, IMAGES)[0], rtol=1e-4)


def test_mean_pooling_divides_by_the_positions():
    network = TINY_D.clone(conditioning="none")
    mean = run(network.clone(pooling="mean"), IMAGES, variables=filled(network))
    np.testing.assert_allclose(mean * 16, run(network, IMAGES), rtol=1e-4)


@pytest.mark.parametrize(
    ("network", "first", "message"),
    [
        (Generator(resolution=100), (128,), r"resolution=100 .*\[16, 28, 32, 48, 64, 128, 256\]"),
        (Generator(), (64,), "z has 64 columns, but z_dim=128"),
        (Generator(conditioning="cbn"), (128,), "num_classes=0"),
        (Generator(10, conditioning="projection"), (128,), "takes none, cbn"),
        (Discriminator(conditioning="projection"), (32, 32, 3), "num_classes=0"),
        (Discriminator(10, conditioning="cbn"), (32, 32, 3), "takes none, projection, concat"),
    ],
)
def test_errors_say_what_would_do(network, first, message):
    with pytest.raises(ValueError, match=message):
        abstract(network, first)
