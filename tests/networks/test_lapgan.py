import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxgan.networks.lapgan import Discriminator, Generator

RNG = np.random.default_rng(0)
CLASS = np.array([0, 2, 1, 2], np.int32)
SHAPE = (12, 11, 2)
COARSE = RNG.uniform(-1, 1, size=(4, *SHAPE)).astype(np.float32)
RESIDUALS = RNG.normal(size=(4, *SHAPE)).astype(np.float32)
MEANS = RNG.normal(size=(4, 2)).astype(np.float32)
POINTS = RNG.normal(size=(4, 2)).astype(np.float32)
Z = RNG.normal(size=(4, 132)).astype(np.float32)
LABELS = {"class": CLASS, "coarse": COARSE}
TINY_G = Generator(image_shape=SHAPE, z_dim=132, hidden=(3, 2), kernels=(3, 3, 1))
TINY_D = Discriminator(hidden=(3, 2))


def shapes(network, first, labels):
    init = functools.partial(network.init_with_output, train=False)
    return jax.eval_shape(init, jax.random.key(0), first, labels)


def parameters(network, first, labels):
    flat = traverse_util.flatten_dict(shapes(network, first, labels)[1]["params"], sep="/")
    return {path.removesuffix("/kernel"): leaf.shape for path, leaf in flat.items() if path.endswith("/kernel")}


def filled(network, first, labels):
    """Random variables drawn in numpy: compiling an init takes longer."""
    rng = np.random.default_rng(1)
    flat = traverse_util.flatten_dict(shapes(network, first, labels)[1])
    values = {path: rng.normal(size=leaf.shape).astype(np.float32) for path, leaf in flat.items()}
    return traverse_util.unflatten_dict({path: v for path, v in values.items() if path[0] != "features"})


@functools.cache
def compiled(network, train):
    def loss(params, rest, first, labels):
        rngs = {"dropout": jax.random.key(0)} if train else None
        mutable = [*rest, "features"]
        out, moved = network.apply({"params": params, **rest}, first, labels, train=train, rngs=rngs, mutable=mutable)
        return jnp.square(out).mean(), (out, moved)

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def run(network, first, labels, *, train=False):
    """Output, what moved, and the gradient of the output's mean square in all parameters."""
    variables = filled(network, first, labels)
    (_, (out, moved)), grads = compiled(network, train)(variables.pop("params"), variables, first, labels)
    grads = traverse_util.flatten_dict(grads, sep="/")
    assert not [path for path, leaf in grads.items() if not np.isfinite(leaf).all()]
    assert all(np.abs(leaf).max() > 0 for path, leaf in grads.items() if path.endswith("kernel"))
    return np.asarray(out), moved, grads


def test_the_defaults_are_eyescreams():
    """train_cifar_coarse_to_fine_classcond.lua at 32 pixels: G is 5-64 (7x7), 64-64 (7x7), 64-3 (5x5); D is 4-64 (5x5,
    to 28x28), 64-64 (5x5, stride 2, to 12x12), and linear; the class is linear 10-1024 in both.
    """
    labels = {"class": jnp.zeros(2, int), "coarse": jnp.zeros((2, 32, 32, 3))}
    conditional = dict(num_classes=10, conditioning="concat")
    assert parameters(Generator(**conditional), jnp.zeros((2, 1024)), labels) == {
        "class_plane": (10, 1024),
        "conv_0": (7, 7, 5, 64),
        "conv_1": (7, 7, 64, 64),
        "to_image": (5, 5, 64, 3),
    }
    assert parameters(Discriminator(**conditional), labels["coarse"], labels) == {
        "class_plane": (10, 1024),
        "conv_0": (5, 5, 4, 64),
        "conv_1": (5, 5, 64, 64),
        "head/linear": (12 * 12 * 64, 1),
    }


def test_the_coarsest_level_is_the_papers():
    labels = {"class": jnp.zeros(2, int)}
    fields = dict(num_classes=10, conditioning="concat", coarsest=True)
    generator = Generator(image_shape=(8, 8, 3), z_dim=100, hidden=(1200, 1200), **fields)
    assert parameters(generator, jnp.zeros((2, 100)), labels) == {
        "dense/hidden_0": (110, 1200),
        "dense/hidden_1": (1200, 1200),
        "dense/to_image": (1200, 192),
    }
    assert parameters(Discriminator(hidden=(600, 600), **fields), jnp.zeros((2, 8, 8, 3)), labels) == {
        "dense/hidden_0": (202, 600),
        "dense/hidden_1": (600, 600),
        "dense/head/linear": (600, 1),
    }


@pytest.mark.parametrize(
    ("changes", "z", "labels"),
    [
        (dict(num_classes=3), Z, LABELS),
        (dict(num_classes=3, conditioning="concat", spectral_norm=True), Z, LABELS),
        (dict(num_classes=3, conditioning="concat", coarsest=True), Z, {"class": CLASS}),
        (dict(num_classes=3, conditioning="concat", image_shape=(2,)), Z, {"class": CLASS, "coarse": MEANS}),
        (dict(image_shape=(1,), coarsest=True), Z, {"class": CLASS}),
    ],
)
def test_generators(changes, z, labels):
    network = TINY_G.clone(**changes)
    out, _, _ = run(network, z, labels)
    assert out.shape == (4, *network.image_shape) and out.dtype == np.float32
    other = {**labels, "class": (CLASS + 1) % 3}
    assert (np.abs(out - run(network, z, other)[0]).max() > 1e-5) == (network.conditioning != "none")
    assert np.abs(out).max() > 1  # not bounded
    if "coarse" in labels:
        moved = {**labels, "coarse": labels["coarse"][::-1].copy()}
        assert np.abs(out - run(network, z, moved)[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("changes", "images", "labels"),
    [
        (dict(num_classes=3), RESIDUALS, LABELS),
        (dict(num_classes=3, conditioning="concat", spectral_norm=True), RESIDUALS, LABELS),
        (dict(num_classes=3, conditioning="projection", coarsest=True), RESIDUALS, {"class": CLASS}),
        (dict(num_classes=3, conditioning="concat"), POINTS, {"class": CLASS, "coarse": MEANS}),
        (dict(coarsest=True), POINTS[:, :1], {"class": CLASS}),
    ],
)
def test_discriminators(changes, images, labels):
    network = TINY_D.clone(**changes, hidden=(6, 5))
    logits, moved, _ = run(network, images, labels)
    assert logits.shape == (4,) and logits.dtype == np.float32
    assert moved["features"]["last"].shape == (4, 5 * (2 * 2 if images.ndim == 4 and "coarse" in labels else 1))
    other = {**labels, "class": (CLASS + 1) % 3}
    assert (np.abs(logits - run(network, images, other)[0]).max() > 1e-5) == (network.conditioning != "none")
    assert np.abs(run(network, images, labels, train=True)[0] - logits).max() > 1e-5  # dropout


def test_a_residual_is_judged_in_its_image():
    """D's score depends on residual plus low-pass image alone."""
    shift = RNG.normal(size=SHAPE).astype(np.float32)
    moved = {**LABELS, "coarse": COARSE - shift}
    logits = run(TINY_D, RESIDUALS, LABELS)[0]
    np.testing.assert_allclose(run(TINY_D, RESIDUALS + shift, moved)[0], logits, rtol=1e-3, atol=1e-3)
    assert np.abs(run(TINY_D, RESIDUALS, moved)[0] - logits).max() > 0.1


def test_bfloat16_computes_with_float32_parameters_and_results():
    for network, first in [(TINY_G, Z), (TINY_D, RESIDUALS)]:
        half = network.clone(dtype=jnp.bfloat16)
        wide, (narrow, _, grads) = run(network, first, LABELS)[0], run(half, first, LABELS)
        assert {leaf.dtype for leaf in grads.values()} == {jnp.dtype(jnp.float32)}
        assert narrow.dtype == np.float32
        assert 0 < np.abs(narrow - wide).max() < 0.1 * np.abs(wide).max()


@pytest.mark.parametrize(
    ("network", "first", "labels", "message"),
    [
        (TINY_G, Z, {"class": CLASS}, r"needs labels\['coarse'\]"),
        (TINY_G.clone(coarsest=True), Z, LABELS, "takes no 'coarse' image"),
        (TINY_G, Z[:, 1:], LABELS, "z has 131 columns, but z_dim=132"),
        (TINY_G.clone(z_dim=131), Z[:, 1:], LABELS, "a plane of 12x11, so set 132"),
        (TINY_G.clone(kernels=(3, 3)), Z, LABELS, "has 2 entries; set 3"),
        (TINY_G.clone(image_shape=(11, 12, 2)), Z, LABELS, "but residuals are"),
        (TINY_G.clone(output="sigmoid"), Z, LABELS, "choose from linear, tanh"),
        (TINY_G.clone(conditioning="cbn", num_classes=3), Z, LABELS, "takes none, concat"),
        (TINY_D.clone(kernels=(5,)), RESIDUALS, LABELS, "has 1 entries; set 2"),
        (TINY_D, COARSE[:, :8], {**LABELS, "coarse": COARSE[:, :8]}, "8x11 are too small"),
    ],
)
def test_errors_say_what_would_do(network, first, labels, message):
    with pytest.raises(ValueError, match=message):
        shapes(network, first, labels)
