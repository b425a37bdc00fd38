"""Networks of image to image: published sizes, patches, and the parts that have a closed form."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from jaxgan import nn as layers
from jaxgan.networks import johnson, patchgan, pix2pixhd, spade, srgan, unet
from jaxgan.networks.multi_scale import MultiScaleDiscriminator

Z = (2, 0)


def shapes_of(network, *inputs):
    """Variables, abstract; an input is a shape, or a tree of them."""

    def abstract(shape):
        # Three axes are ids.
        return jax.ShapeDtypeStruct(shape, jnp.int32 if len(shape) == 3 else jnp.float32)

    zeros = jax.tree.map(abstract, inputs, is_leaf=is_shape)
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    return jax.eval_shape(lambda *x: network.init(keys, *x, train=True), *zeros)


def is_shape(x):
    return isinstance(x, tuple) and all(isinstance(n, int) for n in x)


def count(network, *inputs):
    return sum(leaf.size for leaf in jax.tree.leaves(shapes_of(network, *inputs)["params"]))


def square(side, channels):
    return (2, side, side, channels)


def maps(side, classes, **more):
    return {"map": square(side, classes), **more}


HD = patchgan.Discriminator(norm="instance", padding=2)
SPADES = patchgan.Discriminator(norm="instance", padding=2, spectral_norm=True)
PHOTO = square(256, 3)

# As counted in the references' own modules, or of SRGAN in the paper's table of layers.
PUBLISHED = [
    # junyanz's unet_256 and unet_128; Lua's, without and with a norm in the bottleneck.
    (unet.Generator(), (Z, PHOTO), 54_413_955),
    (unet.Generator(depth=7), (Z, square(128, 3)), 41_828_995),
    (unet.Generator(use_bias=True, dropout_at="innermost"), (Z, PHOTO), 54_419_459),
    (unet.Generator(use_bias=True, innermost_norm=True), (Z, PHOTO), 54_420_483),
    (patchgan.Discriminator(), (PHOTO, PHOTO), 2_768_705),
    (patchgan.Discriminator(use_bias=True), (PHOTO, PHOTO), 2_769_601),
    (patchgan.Discriminator(layers=0), (PHOTO, PHOTO), 9_024),
    (patchgan.Discriminator(layers=1), (PHOTO, PHOTO), 139_585),
    (patchgan.Discriminator(layers=2), (PHOTO, PHOTO), 666_433),
    (patchgan.Discriminator(layers=4), (PHOTO, PHOTO), 6_964_033),
    (patchgan.Discriminator(layers=5), (PHOTO, PHOTO), 11_159_361),
    # CycleGAN's.
    (johnson.Generator(), (Z, PHOTO), 11_378_179),
    (johnson.Generator(blocks=6), (Z, PHOTO), 7_837_699),
    (patchgan.Discriminator(conditional=False, norm="instance"), (PHOTO, PHOTO), 2_764_737),
    # pix2pixHD's, of 35 classes, with edges, and with the encoder's features.
    (pix2pixhd.Generator(part="global"), (Z, square(64, 35)), 182_543_619),
    (pix2pixhd.Generator(part="global"), (Z, square(64, 36)), 182_546_755),
    (pix2pixhd.Generator(part="global"), (Z, square(64, 39)), 182_556_163),
    (pix2pixhd.Generator(), (Z, square(64, 36)), 182_857_059),
    (pix2pixhd.Generator(), (Z, square(64, 39)), 182_871_171),
    (MultiScaleDiscriminator(HD, scales=2, pool="overlapping"), (square(128, 3), square(128, 36)), 5_603_202),
    (MultiScaleDiscriminator(HD, scales=3, pool="overlapping"), (square(128, 3), square(128, 36)), 8_404_803),
    (pix2pixhd.Encoder(), (square(64, 3), (2, 64, 64)), 788_803),
    # SPADE's: COCO, ADE20K, Cityscapes, facades, CamVid.
    (spade.Generator(), (Z, maps(128, 184)), 97_480_899),
    (spade.Generator(), (Z, maps(128, 151)), 96_492_483),
    (spade.Generator(size="more"), (Z, maps(128, 36)), 93_048_003),
    (spade.Generator(), (Z, maps(128, 13)), 92_359_107),
    (spade.Generator(), (Z, maps(128, 12)), 92_329_155),
    (spade.Generator(latents="normal"), ((2, 256), maps(256, 184)), 112_626_883),
    (spade.Encoder(), (PHOTO,), 10_463_424),
    (MultiScaleDiscriminator(SPADES, scales=2, pool="overlapping"), (square(128, 3), maps(128, 184)), 5_904_514),
    (MultiScaleDiscriminator(SPADES, scales=2, pool="overlapping"), (square(128, 3), maps(128, 151)), 5_836_930),
    (MultiScaleDiscriminator(SPADES, scales=2, pool="overlapping"), (square(128, 3), maps(128, 36)), 5_601_410),
    (MultiScaleDiscriminator(SPADES, scales=2, pool="overlapping"), (square(128, 3), maps(128, 13)), 5_554_306),
    (MultiScaleDiscriminator(SPADES, scales=2, pool="overlapping"), (square(128, 3), maps(128, 12)), 5_552_258),
    (srgan.SRResNet(), (Z, square(24, 3)), 1_549_462),
    (srgan.SRResNet(use_bias=False), (Z, square(24, 3)), 1_547_350),
    (srgan.Critic(), (square(96, 3), square(96, 3)), 23_565_505),
    (srgan.Critic(use_bias=False), (square(96, 3), square(96, 3)), 23_563_649),
]


@pytest.mark.parametrize(("network", "inputs", "total"), PUBLISHED)
def test_parameters_are_as_published(network, inputs, total):
    assert count(network, *inputs) == total


@pytest.mark.parametrize(("layers", "side"), [(0, 1), (1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_a_logit_sees_one_patch(layers, side):
    """By the gradient of the middle logit; without norms, which look at the whole image."""
    network = patchgan.Discriminator(ch=2, layers=layers, norm="none")
    whole = 96 if layers < 4 else 448
    images = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (1, whole, whole, 3)), jnp.float32)
    variables = jax.jit(functools.partial(network.init, train=True))(jax.random.key(0), images, None)

    def middle(x):
        logits = network.apply(variables, x, None, train=True)
        return logits[0, logits.shape[1] // 2, logits.shape[2] // 2]

    seen = np.argwhere(np.abs(np.asarray(jax.jit(jax.grad(middle))(images))[0]).sum(-1) > 0)
    assert patchgan.receptive_field(layers) == side
    np.testing.assert_array_equal(seen.max(0) - seen.min(0) + 1, [side, side])


def test_70_pixel_patches_of_256_pixels_are_30_a_side():
    network = patchgan.Discriminator(ch=1)
    variables = shapes_of(network, PHOTO, PHOTO)
    x = jax.ShapeDtypeStruct(PHOTO, jnp.float32)
    logits = jax.eval_shape(lambda v, x: network.apply(v, x, x, train=False), variables, x)
    assert logits.shape == (2, 30, 30)


def test_a_discriminator_that_is_not_conditional_ignores_the_source():
    kernels = [
        shapes_of(patchgan.Discriminator(ch=1, conditional=told), square(70, 3), square(70, 5))["params"]["conv_0"]
        for told in (True, False)
    ]
    assert [layer["kernel"].shape[2] for layer in kernels] == [8, 3]


@pytest.mark.parametrize(("dropout_at", "levels"), [("next", {4, 5, 6}), ("innermost", {5, 6, 7})])
def test_dropout_lies_where_the_codes_have_it(dropout_at, levels):
    """By the size of what it is applied to: the transposed convolution of a level draws 256 / 2^level pixels a side."""
    found = set()

    def noted(call, args, kwargs, context):
        if isinstance(context.module, linen.Dropout):
            found.add((256 // args[0].shape[1]).bit_length() - 1)
        return call(*args, **kwargs)

    with linen.intercept_methods(noted):
        shapes_of(unet.Generator(ch=1, dropout_at=dropout_at), Z, square(256, 1))
    assert found == levels


def test_dropout_is_the_u_net_s_noise_in_sampling_too():
    network = unet.Generator(ch=2, depth=6)
    images = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (1, 64, 128, 3)), jnp.float32)
    none = jnp.zeros((1, 0))
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    variables = jax.jit(functools.partial(network.init, train=True))(keys, none, images)

    @functools.cache
    def compiled(**fields):
        apply = functools.partial(network.clone(**fields).apply, train=False)
        return jax.jit(lambda key: apply(variables, none, images, rngs={"dropout": key}))

    def drawn(seed, **fields):
        return compiled(**fields)(jax.random.key(seed))

    one, same, other = drawn(0), drawn(0), drawn(1)
    assert one.shape == images.shape
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-4
    # Where dropout lies decides what it moves.
    assert np.abs(drawn(0, dropout_at="innermost") - one).max() > 1e-4
    np.testing.assert_array_equal(drawn(0, dropout=0.0), drawn(1, dropout=0.0))


def test_one_image_s_norms_are_its_own():
    """With its own statistics an image is drawn the same in any batch that its row is taken from; running ones
    differ.
    """
    network = unet.Generator(ch=2, depth=3, dropout=0.0)
    images = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)), jnp.float32)
    none = jnp.zeros((1, 0))
    variables = jax.jit(functools.partial(network.init, train=True))(jax.random.key(0), none, images)

    def drawn(network, **more):
        return jax.jit(functools.partial(network.apply, **more))(variables, none, images)

    own = drawn(network, train=False)
    trained, _ = drawn(network, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(own, trained, atol=1e-6)
    running = drawn(network.clone(running=True), train=False)
    assert np.abs(own - running).max() > 1e-4


@pytest.mark.parametrize(
    ("network", "inputs", "message"),
    [
        (unet.Generator(depth=5), (Z, square(48, 3)), "depth 5 takes sides in multiples of 32, got 48x48"),
        (unet.Generator(norm="layer"), (Z, PHOTO), "norm='layer'; choose from batch, instance, none"),
        (johnson.Generator(), (Z, (2, 30, 32, 3)), "2 halvings take sides in multiples of 4, got 30x32"),
        (johnson.Generator(ch=2), (Z, square(4, 3)), "reflection of 1 pixels needs sides of at least 2, got 1x1"),
        (pix2pixhd.Generator(halvings=1, part="coarse"), (Z, square(32, 3)), "part='coarse'; choose from global"),
        (pix2pixhd.Generator(halvings=1), (Z, square(34, 3)), "takes sides in multiples of 4, got 34x34"),
        (spade.Generator(), (Z, maps(48, 3)), "SPADE of size 'normal' takes sides in multiples of 32, got 48x48"),
        (
            spade.Generator(latents="normal", z_dim=4, image_size=(64, 96)),
            ((2, 4), maps(128, 3)),
            "lays z out for images of 64x96, the trained size, and was given maps of 128x128: resize the maps",
        ),
        (srgan.SRResNet(factor=3), (Z, square(8, 3)), "factor=3: SRResNet enlarges by 2, 4 or another power of two"),
        (
            patchgan.Discriminator(layers=4),
            (square(16, 3), square(16, 3)),
            "16x16 are too small for discriminator.layers=4",
        ),
    ],
)
def test_errors_say_what_would_do(network, inputs, message):
    with pytest.raises(ValueError, match=message):
        shapes_of(network, *inputs)


def test_spade_s_gain_and_bias_are_a_pixel_s_own():
    """With the last convolutions' biases alone, the norm is (x - mean) / deviation * (1 + gain) + bias."""
    network = spade.SpatiallyAdaptiveNorm(functools.partial(layers.Conv, spectral_norm=False), layers.BatchNorm, 4)
    rng = np.random.default_rng(0)
    x, onehot = rng.normal(3, 2, (2, 4, 4, 5)).astype(np.float32), rng.random((2, 8, 8, 3)).astype(np.float32)
    variables = network.init(jax.random.key(0), x, onehot, train=True)
    params = jax.tree.map(jnp.zeros_like, variables["params"])
    gain, bias = np.arange(5.0, dtype=np.float32), np.arange(5.0, dtype=np.float32) - 2
    params["gain"]["bias"], params["bias"]["bias"] = gain, bias
    out, _ = network.apply({**variables, "params": params}, x, onehot, train=True, mutable=["batch_stats"])
    normal = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(out, normal * (1 + gain) + bias, atol=1e-4)


def convolved(x, layer):
    """3x3, with zeros around."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    taps = [(row, column) for row in range(3) for column in range(3)]
    moved = [
        padded[:, row : row + height, column : column + width] @ layer["kernel"][row, column] for row, column in taps
    ]
    return sum(moved) + layer["bias"]


def test_spade_s_norm_has_a_closed_form():
    network = spade.SpatiallyAdaptiveNorm(functools.partial(layers.Conv, spectral_norm=False), layers.BatchNorm, 4)
    rng = np.random.default_rng(0)
    x, onehot = rng.normal(3, 2, (2, 4, 6, 5)).astype(np.float32), rng.random((2, 8, 12, 3)).astype(np.float32)
    variables = network.init(jax.random.key(0), x, onehot, train=True)
    params = jax.tree.map(lambda w: rng.normal(0, 0.3, w.shape).astype(np.float32), variables["params"])
    out, _ = network.apply({**variables, "params": params}, x, onehot, train=True, mutable=["batch_stats"])
    shared = np.maximum(convolved(onehot[:, ::2, ::2], params["shared"]), 0)
    normal = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
    expected = normal * (1 + convolved(shared, params["gain"])) + convolved(shared, params["bias"])
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)


def test_spade_of_the_largest_size_doubles_seven_times():
    network, inputs = spade.Generator(ch=2, size="most", hidden=4), ((2, 0), maps(128, 3))
    assert network.multiple == 128
    variables = shapes_of(network, *inputs)
    assert variables["params"]["body"]["up_4"]["conv_1"]["kernel"].shape == (3, 3, 1, 1)
    z, condition = jnp.zeros((2, 0)), {"map": jax.ShapeDtypeStruct(square(128, 3), jnp.float32)}
    images = jax.eval_shape(lambda v, c: network.apply(v, z, c, train=False), variables, condition)
    assert images.shape == square(128, 3)


def test_maps_shrink_to_the_first_pixel_of_each_block():
    x = np.arange(32.0).reshape(1, 4, 8, 1)
    np.testing.assert_array_equal(spade.shrink_nearest(x, (2, 2))[0, :, :, 0], [[0, 4], [16, 20]])
    with pytest.raises(ValueError, match="4x8 have no whole blocks at 3x3"):
        spade.shrink_nearest(x, (3, 3))


def test_features_of_an_instance_are_its_mean():
    rng = np.random.default_rng(0)
    features, ids = rng.normal(size=(2, 6, 4, 3)).astype(np.float32), rng.integers(0, 3, (2, 6, 4))
    found = pix2pixhd.instance_means(features, ids, 8)
    for image in range(2):
        for instance in range(3):
            inside = ids[image] == instance
            mean = features[image][inside].mean(0)
            np.testing.assert_allclose(found[image][inside], np.broadcast_to(mean, (inside.sum(), 3)), atol=1e-6)


def test_instances_have_any_numbers():
    """Cityscapes' are thousands times the class; what is above the count is one."""
    rng = np.random.default_rng(0)
    features, ids = rng.normal(size=(2, 6, 4, 3)).astype(np.float32), rng.integers(0, 4, (2, 6, 4))
    instance_means = jax.jit(pix2pixhd.instance_means, static_argnums=2)
    names = np.array([7, 26_001, 26_003, 33_000])
    few = instance_means(features, names[ids], 4)
    np.testing.assert_array_equal(few, instance_means(features, ids, 8))
    np.testing.assert_array_equal(instance_means(features, names[ids], 3), instance_means(features, ids.clip(0, 2), 3))


class Colours(linen.Module):
    """Each instance's mean colour."""

    features: int = 3
    instances: int = 8
    halvings: int = 0

    @linen.compact
    def __call__(self, images, instances, *, train):
        return pix2pixhd.instance_means(images, instances, self.instances)


class Shown(linen.Module):
    """The features that it is told, as the image."""

    @linen.compact
    def __call__(self, z, maps, *, train):
        return maps[..., -3:]


def stripes(seed, classes=2, count=4):
    """Eight images of ``count`` stripes, each an instance of one colour near one of two of its class."""
    rng = np.random.default_rng(seed)
    ids = np.broadcast_to(np.arange(count)[:, None], (8, count, 3))
    labels = rng.integers(0, classes, (8, count))
    colours = (2 * labels + rng.integers(0, 2, (8, count)))[..., None] / 4 + rng.normal(size=(8, count, 3)) / 100
    maps = np.eye(classes, dtype=np.float32)[np.broadcast_to(labels[..., None], ids.shape)]
    images = np.broadcast_to(colours[:, :, None], (*ids.shape, 3)).astype(np.float32)
    return {"map": maps, "instances": 100 * ids + 5, "style": images}, labels, colours.astype(np.float32)


@pytest.mark.slow
def test_features_of_instances_are_clustered_by_class_and_drawn():
    network = pix2pixhd.InstanceGenerator(Shown(), Colours(), classes=3, clusters=2)
    none = jnp.zeros((8, 0))
    condition, labels, colours = stripes(0)
    condition["map"] = np.pad(condition["map"], ((0, 0), (0, 0), (0, 0), (0, 2)))  # a class that is never there, edges
    variables = network.init(jax.random.key(0), none, condition, train=True)
    np.testing.assert_allclose(network.apply(variables, none, condition, train=True), condition["style"], atol=1e-6)
    clusters, distance = network.apply(variables, condition, method="clustered")

    # MacQueen's, one by one.
    centres, counts, away = np.zeros((3, 2, 3)), np.zeros((3, 2)), 0.0
    for label, colour in zip(labels.reshape(-1), colours.reshape(-1, 3)):
        distances = np.linalg.norm(centres[label] - colour, axis=-1)
        empty = counts[label] == 0
        slot = empty.argmax() if empty.any() else distances.argmin()
        away += 0.0 if empty.any() else distances[slot]
        counts[label, slot] += 1
        centres[label, slot] += (colour - centres[label, slot]) / counts[label, slot]
    np.testing.assert_allclose(clusters["centres"], centres, atol=1e-5)
    np.testing.assert_array_equal(clusters["counts"], counts)
    np.testing.assert_allclose(distance, away / labels.size, rtol=1e-4)

    del condition["style"]
    condition["map"][:, 0] = 0  # pixels without a label
    drawn = np.asarray(
        network.apply({"clusters": clusters}, none, condition, train=False, rngs={"noise": jax.random.key(1)})
    )
    assert (drawn[:, 0] == 0).all()
    np.testing.assert_array_equal(drawn[:, :, 0], drawn[:, :, 1])
    seen = {label: {tuple(c) for c in drawn[:, 1:, 0][labels[:, 1:] == label].tolist()} for label in (0, 1)}
    assert seen == {label: {tuple(c) for c in np.asarray(clusters["centres"][label]).tolist()} for label in (0, 1)}


def test_no_gradient_reaches_the_global_generator_where_the_enhancer_is_trained_alone():
    network = pix2pixhd.Generator(ch=2, halvings=1, blocks=1, enhancer_blocks=1, part="enhancer")
    images, none = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)), jnp.float32), jnp.zeros((1, 0))
    variables = jax.jit(functools.partial(network.init, train=True))(jax.random.key(0), none, images)
    grads = jax.jit(jax.grad(lambda v: jnp.square(network.apply(v, none, images, train=True)).sum()))(variables)[
        "params"
    ]
    assert all(np.abs(leaf).max() == 0 for leaf in jax.tree.leaves(grads.pop("global")))
    assert np.abs(grads["first"]["kernel"]).max() > 0
