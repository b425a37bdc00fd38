"""Every network: parameter counts as published, shapes and dtypes, gradients, the class heard, bfloat16, errors."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks import biggan, biggan_deep, dcgan, infogan, lapgan, mlp, r3gan, sagan, sngan, wgan_gp
from jaxgan.nn import FEATURES, sown

RNG = np.random.default_rng(0)
CLASSES = np.array([0, 2, 1, 2], np.int32)

# Network, shape of its first input, parameters, where they were counted.
PUBLISHED = [
    (dcgan.Generator(), (100,), 3_576_704, "pytorch/examples, dcgan/main.py"),
    (dcgan.Discriminator(), (64, 64, 3), 2_765_568, "pytorch/examples, dcgan/main.py"),
    (dcgan.Generator(ch=128, kernel=5, project_norm="unit"), (100,), 18_885_760, "Newmu, train_uncond_dcgan.py"),
    (dcgan.Discriminator(ch=128, kernel=5), (64, 64, 3), 17_232_768, "Newmu, train_uncond_dcgan.py"),
    (infogan.Generator(), (74,), 6_652_481, "openai/InfoGAN, regularized_gan.py"),
    (infogan.Discriminator(), (28, 28, 1), 6_559_169, "openai/InfoGAN, regularized_gan.py"),
    (sngan.Generator(), (128,), 4_276_739, "pfnet-research, gen_models/resnet_32.py"),
    (sngan.Discriminator(), (32, 32, 3), 1_053_824, "pfnet-research, dis_models/snresnet_32.py"),
    (wgan_gp.Generator(), (128,), 1_204_483, "igul222, gan_cifar_resnet.py"),
    (wgan_gp.Discriminator(), (32, 32, 3), 1_053_825, "igul222, gan_cifar_resnet.py"),
    (sagan.Generator(1000, conditioning="cbn"), (128,), 42_078_852, "brain-research, generator_test"),
    (sagan.Discriminator(1000, conditioning="projection"), (128, 128, 3), 39_463_618, "brain-research, discriminator"),
    (biggan.Generator(1000), (120,), 70_433_988, "BigGAN-PyTorch at 128"),
    (biggan.Discriminator(1000), (128, 128, 3), 87_982_370, "BigGAN-PyTorch at 128"),
    (biggan.Generator(10, resolution=32, z_dim=80, attention=(16,)), (80,), 9_416_196, "StudioGAN on CIFAR-10"),
    (
        biggan.Discriminator(10, resolution=32, attention=(16,), widths=(2, 2, 2, 2)),
        (32, 32, 3),
        2_415_170,
        "StudioGAN on CIFAR-10",
    ),
    (biggan_deep.Generator(1000), (128,), 50_244_484, "TF Hub at 128: 50.4 million, see test_biggan_deep"),
    (biggan_deep.Generator(1000, resolution=256), (128,), 55_736_708, "TF Hub at 256: 55.9 million"),
    (biggan_deep.Generator(1000, resolution=512), (128,), 56_019_780, "TF Hub at 512: 56.2 million"),
    (r3gan.Generator(), (64,), 20_732_160, "brownvc/R3GAN, CIFAR10"),
    (r3gan.Discriminator(), (32, 32, 3), 20_683_776, "brownvc/R3GAN, CIFAR10"),
    (r3gan.Generator(10, conditioning="concat"), (64,), 20_781_952, "brownvc/R3GAN, CIFAR10 --cond"),
    (r3gan.Discriminator(10, conditioning="projection"), (32, 32, 3), 21_280_512, "brownvc/R3GAN, CIFAR10 --cond"),
]


@pytest.mark.parametrize(("network", "first", "count", "source"), PUBLISHED)
def test_parameters_are_as_published(parameters, network, first, count, source):
    assert parameters(network, first) == count, source


# Generator, discriminator, shape of the images that the first draws and the second takes, size of D's features.
SIZES = [
    *(
        (
            dcgan.Generator(widths=up, base=base, kernel=kernel, ch=8),
            dcgan.Discriminator(widths=down, kernel=kernel, ch=8),
            (side, side, 3),
            base[0] * base[1] * 8 * down[-1],
        )
        for kernel in (4, 5)
        for side, base, up, down in [
            (28, (7, 7), (2, 1), (1, 2)),
            (32, (4, 4), (4, 2, 1), (1, 2, 4)),
            (64, (4, 4), (8, 4, 2, 1), (1, 2, 4, 8)),
        ]
    ),
    (infogan.Generator(), infogan.Discriminator(), (28, 28, 1), 1024),
    (infogan.Generator(base=(8, 8), image_channels=3), infogan.Discriminator(), (32, 32, 3), 1024),
    (mlp.Generator(), mlp.Discriminator(dropout=0.5, input_dropout=0.2), (28, 28, 1), 240),
    (mlp.Generator(image_shape=(2,)), mlp.Discriminator(), (2,), 240),
    *(
        (
            sngan.Generator(resolution=side, ch=4, image_channels=1),
            sngan.Discriminator(resolution=side, ch=4),
            (side, side, 1),
            4 * sngan.DISCRIMINATOR_WIDTHS[side][-1],
        )
        for side in (16, 28, 32, 48, 64, 128, 256)
    ),
    *(
        (
            wgan_gp.Generator(resolution=side, ch=4),
            wgan_gp.Discriminator(resolution=side, ch=4),
            (side, side, 3),
            4 * sngan.DISCRIMINATOR_WIDTHS[side][-1],
        )
        for side in (16, 28, 32, 64)
    ),
    *(
        (
            biggan.Generator(10, resolution=side, ch=8, z_dim=4 * len(biggan.GENERATOR_WIDTHS[side]), base=base),
            biggan.Discriminator(10, resolution=side, ch=8),
            (base[0] * side // 4, base[1] * side // 4, 3),
            8 * biggan.DISCRIMINATOR_WIDTHS[side][-1],
        )
        for side, base in [
            (16, (4, 4)),
            (32, (4, 6)),
            (64, (4, 4)),
            (128, (4, 6)),
            (256, (4, 4)),
            (512, (4, 4)),
        ]
    ),
    *(
        (
            biggan_deep.Generator(10, resolution=side, ch=8, depth=1, base=base),
            biggan_deep.Discriminator(10, resolution=side, ch=8, depth=1),
            (base[0] * side // 4, base[1] * side // 4, 3),
            8 * biggan_deep.DISCRIMINATOR_WIDTHS[side][-1],
        )
        for side, base in [(32, (4, 6)), (64, (4, 4)), (128, (2, 1))]
    ),
    *(
        (
            r3gan.Generator(widths=widths, base=base, image_channels=1),
            r3gan.Discriminator(widths=widths[::-1]),
            (*size, 1),
            widths[0],
        )
        for widths, base, size in [
            ((64, 32, 16, 16), (4, 4), (32, 32)),
            ((32, 16, 16), (7, 7), (28, 28)),
            ((64, 32, 32, 16, 16), (4, 6), (64, 96)),
        ]
    ),
]


@pytest.mark.parametrize(("generator", "discriminator", "images", "features"), SIZES)
def test_shapes(abstract, generator, discriminator, images, features):
    drawn, _ = abstract(generator, (generator.z_dim,))
    assert (drawn.shape, drawn.dtype) == ((2, *images), jnp.float32)
    logits, variables = abstract(discriminator, images)
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)
    assert [x.shape for x in sown(variables[FEATURES])] == [(2, features)]


class Row(NamedTuple):
    """A tiny network: its first input [4, *first], the shape of its output without the batch, whether that is bounded
    by a tanh, the length of the features that it shows, the collections that training moves.
    """

    network: Any
    first: tuple[int, ...]
    out: tuple[int, ...] = ()
    bounded: bool = False
    features: int | None = None
    moves: tuple[str, ...] = ()
    condition: dict[str, Any] | None = None  # what the condition holds besides the class


def rows(network, first, *changes, out=(), bounded=False, features=None, moves=()):
    """One row for each of ``changes`` to ``network``."""
    for change in changes:
        row = dict(out=out, bounded=bounded, features=features, moves=moves)
        row |= {key: change[key] for key in change if key in row}
        fields = {key: value for key, value in change.items() if key not in row}
        yield Row(network.clone(**fields), first, **row)


NORMS, SN = ("batch_stats",), ("spectral",)
OTHERS = tuple(
    getattr(module, name) for module in (sagan, wgan_gp, biggan_deep) for name in ("Generator", "Discriminator")
)
C3 = dict(num_classes=3)
COARSE = RNG.uniform(-1, 1, size=(4, 12, 11, 2)).astype(np.float32)
MEANS = RNG.normal(size=(4, 2)).astype(np.float32)
PLAIN = dict(resolution=16, resample="plain")
LAPGAN_G = lapgan.Generator(image_shape=(12, 11, 2), z_dim=132, hidden=(3, 2), kernels=(3, 3, 1))
LAPGAN_D = lapgan.Discriminator(hidden=(6, 5))

TABLE = [
    *rows(
        dcgan.Generator(z_dim=5, ch=2, widths=(2, 1), base=(2, 2), image_channels=2),
        (5,),
        dict(**C3, kernel=5, project_norm="unit", resample="strided"),
        dict(**C3, conditioning="concat", batch_norm=False, use_bias=True, moves=()),
        dict(**C3, conditioning="cbn", spectral_norm=True, moves=NORMS + SN),
        out=(8, 8, 2),
        bounded=True,
        moves=NORMS,
    ),
    *rows(
        dcgan.Discriminator(ch=2, widths=(1, 2)),
        (8, 8, 2),
        dict(**C3, kernel=5, dropout=0.2, minibatch="stddev"),
        dict(**C3, conditioning="concat", batch_norm=False, layer_norm=True, use_bias=True, moves=()),
        dict(**C3, conditioning="projection", spectral_norm=True, batch_norm=False, moves=SN),
        dict(minibatch="discrimination", minibatch_kernels=3),
        features=16,
        moves=NORMS,
    ),
    *rows(
        infogan.Generator(z_dim=5, hidden=6, widths=(4, 2), base=(2, 2), image_channels=2),
        (5,),
        C3,
        dict(**C3, conditioning="concat"),
        out=(8, 8, 2),
        bounded=True,
        moves=NORMS,
    ),
    *rows(
        infogan.Discriminator(hidden=6, widths=(2, 4)),
        (8, 8, 2),
        dict(**C3, dropout=0.2, minibatch="stddev"),
        dict(**C3, conditioning="concat"),
        dict(**C3, conditioning="projection", spectral_norm=True, batch_norm=False, moves=SN),
        features=6,
        moves=NORMS,
    ),
    *rows(
        mlp.Generator(z_dim=6, image_shape=(4, 4, 1), hidden=(8, 7)),
        (6,),
        {},
        dict(**C3, conditioning="concat"),
        dict(**C3, conditioning="concat", label_hidden=3, dropout=0.3),
        dict(**C3, conditioning="cbn", batch_norm=True, spectral_norm=True, moves=NORMS + SN),
        dict(**C3, activation="tanh", batch_norm=True, moves=NORMS),
        dict(activation="leaky_relu", spectral_norm=True, moves=SN),
        out=(4, 4, 1),
        bounded=True,
    ),
    *rows(
        mlp.Discriminator(hidden=(5, 4), pieces=(3, 2)),
        (2,),
        {},
        dict(**C3, conditioning="concat"),
        dict(**C3, conditioning="concat", label_hidden=3, batch_norm=True, moves=NORMS),
        features=4,
    ),
    *rows(
        mlp.Discriminator(hidden=(5, 4), pieces=(3, 2)),
        (4, 4, 1),
        dict(**C3, conditioning="projection", spectral_norm=True, activation="relu", moves=SN),
        dict(**C3, activation="leaky_relu", batch_norm=True, dropout=0.2, moves=NORMS),
        dict(activation="tanh", spectral_norm=True, input_dropout=0.2, moves=SN),
        features=4,
    ),
    *(
        Row(LAPGAN_G.clone(**fields), (132,), out, moves=moves, condition=condition)
        for fields, out, moves, condition in [
            (C3, (12, 11, 2), (), {"coarse": COARSE}),
            (dict(**C3, conditioning="concat", spectral_norm=True), (12, 11, 2), SN, {"coarse": COARSE}),
            (dict(**C3, conditioning="concat", coarsest=True), (12, 11, 2), (), {}),
            (dict(**C3, conditioning="concat", image_shape=(2,)), (2,), (), {"coarse": MEANS}),
            (dict(image_shape=(1,), coarsest=True), (1,), (), {}),
        ]
    ),
    *(
        Row(LAPGAN_D.clone(**fields), first, features=features, moves=moves, condition=condition)
        for fields, first, features, moves, condition in [
            (C3, (12, 11, 2), 20, (), {"coarse": COARSE}),
            (dict(**C3, conditioning="concat", spectral_norm=True), (12, 11, 2), 20, SN, {"coarse": COARSE}),
            (dict(**C3, conditioning="projection", coarsest=True), (12, 11, 2), 5, (), {}),
            (dict(**C3, conditioning="concat"), (2,), 5, (), {"coarse": MEANS}),
            (dict(coarsest=True), (1,), 5, (), {}),
        ]
    ),
    Row(sngan.Generator(3, ch=8, z_dim=6, conditioning="cbn", **PLAIN), (6,), (16, 16, 3), bounded=True, moves=NORMS),
    *rows(
        sngan.Discriminator(3, ch=8, **PLAIN),
        (16, 16, 3),
        dict(conditioning="projection"),
        dict(conditioning="concat", minibatch="stddev"),
        features=8,
        moves=SN,
    ),
    Row(
        sagan.Generator(3, ch=8, z_dim=4, conditioning="cbn", **PLAIN),
        (4,),
        (16, 16, 3),
        bounded=True,
        moves=NORMS + SN,
    ),
    Row(wgan_gp.Discriminator(ch=8, **PLAIN), (16, 16, 3), features=8),
    Row(
        biggan.Generator(3, ch=4, z_dim=12, shared_dim=6, attention=(8,), **PLAIN),
        (12,),
        (16, 16, 3),
        bounded=True,
        moves=NORMS + SN,
    ),
    Row(biggan.Discriminator(3, ch=4, attention=(8,), **PLAIN), (16, 16, 3), features=16, moves=SN),
    Row(
        biggan_deep.Generator(3, resolution=32, ch=4, depth=1, z_dim=5, shared_dim=4, attention=(8,), base=(1, 2)),
        (5,),
        (8, 16, 3),
        bounded=True,
        moves=NORMS + SN,
    ),
    Row(biggan_deep.Discriminator(3, resolution=32, ch=4, depth=1, attention=()), (8, 16, 3), features=16, moves=SN),
    *rows(
        r3gan.Generator(3, z_dim=5, widths=(8, 6), blocks=1, group_size=4),
        (5,),
        dict(conditioning="concat"),
        out=(8, 8, 3),
    ),
    *rows(
        r3gan.Discriminator(3, widths=(6, 8), blocks=1, group_size=4),
        (8, 8, 3),
        dict(conditioning="projection", spectral_norm=True, moves=SN),
        dict(minibatch="stddev"),
        features=8,
    ),
]


def conditioning(network):
    """BigGAN's generators, which have no such field, condition their batch norms on a shared embedding."""
    return getattr(network, "conditioning", "shared")


def named(row):
    """The row in a test's name."""
    network = row.network
    words = [type(network).__module__.rpartition(".")[-1], type(network).__name__[0], conditioning(network)]
    return "-".join([*words, *row.moves])


def inputs(row):
    return np.random.default_rng(2).uniform(-1, 1, size=(4, *row.first)).astype(np.float32)


def condition(row, classes):
    return classes if row.condition is None else {"class": classes, **row.condition}


def hears(network):
    return network.num_classes > 0 and conditioning(network) != "none"


# Networks that are others' with other fields, or made of the same layers, are compiled once.
DISTINCT = [row for row in TABLE if not isinstance(row.network, OTHERS)]


# One generator and one discriminator a family, and those of which all is asked every time.
FAMILIES = {type(row.network): row for row in DISTINCT if getattr(row.network, "minibatch", "none") == "none"}
FIRST = {kind: row for kind, row in FAMILIES.items() if kind.__module__.endswith((".biggan", ".mlp"))}


def others_slow(rows, often=FAMILIES):
    """The rows, of which all but a family's one are slow."""
    often = {id(row) for row in often.values()}
    return [row if id(row) in often else pytest.param(row, marks=pytest.mark.slow) for row in rows]


@pytest.mark.parametrize("row", others_slow(TABLE), ids=named)
def test_a_network_trains(run, row):
    network, x = row.network, inputs(row)
    out, moved, grads = run(network, x, condition(row, CLASSES), train=True, grad=True)
    assert (out.shape, out.dtype) == ((4, *row.out), np.float32)
    assert not row.bounded or np.abs(out).max() <= 1
    shown = sown(moved.pop(FEATURES, {}))
    assert [features.shape for features in shown] == ([] if row.features is None else [(4, row.features)])
    assert set(moved) == set(row.moves)
    assert {leaf.dtype for leaf in grads.values()} == {np.dtype(np.float32)}
    assert [path for path, leaf in grads.items() if not np.isfinite(leaf).all()] == []
    assert [path for path, leaf in grads.items() if path.endswith("kernel") and not np.abs(leaf).max() > 0] == []
    others, _, _ = run(network, x, condition(row, (CLASSES + 1) % 3), train=True, grad=True)
    assert (np.abs(out - others).max() > 1e-5) == hears(network)


@pytest.mark.parametrize("row", others_slow([row for row in DISTINCT if hears(row.network)], FIRST), ids=named)
def test_class_weights_are_a_mixture_of_classes(run, row):
    x, one_hot = inputs(row), np.eye(3, dtype=np.float32)[CLASSES]
    of_classes, _, _ = run(row.network, x, condition(row, CLASSES))
    of_weights, _, _ = run(row.network, x, condition(row, one_hot))
    np.testing.assert_allclose(of_weights, of_classes, rtol=1e-4, atol=1e-5 * max(1, np.abs(of_classes).max()))


@pytest.mark.parametrize("row", others_slow(FAMILIES.values(), FIRST), ids=named)
def test_bfloat16_computes_with_float32_parameters_and_results(abstract, filled, run, row):
    x, labels = inputs(row), condition(row, CLASSES)
    half = row.network.clone(dtype=jnp.bfloat16)
    variables = abstract(half, row.first, labels)[1]
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}
    # Weights of the size that they start with: larger ones would leave no tanh unsaturated.
    small = filled(row.network, row.first, labels, 0.2)
    wide, narrow = (run(network, x, labels, variables=small)[0] for network in (row.network, half))
    assert narrow.dtype == np.float32
    assert 0 < np.abs(narrow - wide).max() < 0.1 * np.abs(wide).max()


@pytest.mark.parametrize(
    ("network", "first", "message"),
    [
        *(
            (network, (4,), f"z has 4 columns, but z_dim={network.z_dim}")
            for network in [
                dcgan.Generator(),
                infogan.Generator(),
                mlp.Generator(),
                sngan.Generator(),
                sagan.Generator(),
                wgan_gp.Generator(),
                biggan.Generator(10),
                biggan_deep.Generator(10),
                r3gan.Generator(),
            ]
        ),
        *(
            (network.clone(conditioning=conditioning), first, "needs classes, but num_classes=0")
            for network, first, conditioning in [
                (dcgan.Generator(), (100,), "cbn"),
                (dcgan.Discriminator(), (64, 64, 3), "concat"),
                (infogan.Discriminator(), (28, 28, 1), "concat"),
                (mlp.Generator(), (100,), "concat"),
                (mlp.Discriminator(), (2,), "projection"),
                (sngan.Generator(), (128,), "cbn"),
                (sngan.Discriminator(), (32, 32, 3), "projection"),
                (r3gan.Generator(), (64,), "concat"),
            ]
        ),
        *(
            (network.clone(num_classes=3, conditioning=conditioning), first, f"takes {accepted}")
            for network, first, conditioning, accepted in [
                (dcgan.Generator(), (100,), "projection", "none, concat, cbn"),
                (infogan.Generator(), (74,), "cbn", "none, concat"),
                (mlp.Generator(), (100,), "projection", "none, concat, cbn"),
                (sngan.Generator(), (128,), "projection", "none, cbn"),
                (sngan.Discriminator(), (32, 32, 3), "cbn", "none, projection, concat"),
                (biggan.Discriminator(10), (128, 128, 3), "concat", "none, projection"),
                (r3gan.Discriminator(), (32, 32, 3), "concat", "none, projection"),
            ]
        ),
        *(
            (network.clone(minibatch="std"), first, "choose from none, discrimination, stddev")
            for network, first in [
                (dcgan.Discriminator(), (64, 64, 3)),
                (mlp.Discriminator(), (2,)),
                (biggan.Discriminator(10), (128, 128, 3)),
                (r3gan.Discriminator(), (32, 32, 3)),
            ]
        ),
        (dcgan.Generator(project_norm="layer"), (100,), "choose from channel, unit"),
        (dcgan.Generator(3, conditioning="cbn", batch_norm=False), (100,), "set batch_norm=True"),
        (dcgan.Discriminator(layer_norm=True), (64, 64, 3), "takes batch_norm=False"),
        (mlp.Generator(3, conditioning="cbn"), (100,), "set batch_norm=True"),
        (mlp.Generator(output="sigmoid"), (100,), "choose from auto, tanh, linear"),
        (mlp.Generator(activation="swish"), (100,), "choose from relu, leaky_relu, tanh"),
        (mlp.Discriminator(activation="swish"), (2,), "choose from relu, leaky_relu, tanh, maxout"),
        (mlp.Discriminator(pieces=(3,)), (2,), "has 1 entries; set 2, one for each hidden layer"),
        (sngan.Generator(resolution=100), (128,), r"resolution=100 .*\[16, 28, 32, 48, 64, 128, 256\]"),
        (biggan.Generator(10, z_dim=128), (128,), "6 equal chunks: z_dim=128 is no multiple; try 126"),
        (biggan.Generator(10, shared_dim=None), (120,), "set shared_dim"),
        (biggan.Generator(10, resolution=100), (120,), r"resolution=100 .*\[16, 32, 64, 128, 256, 512\]"),
        (biggan.Generator(10, widths=(4, 4)), (120,), "has 2 entries; resolution 128 has 6"),
        (biggan.Discriminator(10, resolution=100), (100, 100, 3), r"resolution=100 .*\[16, 32, 64, 128, 256, 512\]"),
        (biggan.Discriminator(10, widths=(1,) * 7), (128, 128, 3), "has 7 entries; resolution 128 has 6"),
        (biggan_deep.Generator(10, resolution=100), (128,), r"resolution=100 .*\[32, 64, 128, 256, 512\]"),
        (r3gan.Generator(widths=(8, 8), group_size=5), (64,), "group_size=5 does not divide 8 \\* 2 hidden channels"),
        (r3gan.Generator(blocks=(1, 2)), (64,), "has 2 entries; set 4, one for each stage"),
        (r3gan.Generator(output="relu"), (64,), "output='relu'; choose from linear, tanh"),
        (r3gan.Discriminator(), (28, 28, 3), "even height and width, got 7x7"),
    ],
)
def test_errors_say_what_would_do(abstract, network, first, message):
    with pytest.raises(ValueError, match=message):
        abstract(network, first)
