import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxgan.networks.infogan import Discriminator, Generator

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 5)).astype(np.float32)
LABELS = np.array([0, 2, 1, 2], np.int32)
IMAGES = RNG.uniform(-1, 1, size=(4, 8, 8, 2)).astype(np.float32)
TINY_G = Generator(z_dim=5, hidden=6, widths=(4, 2), base=(2, 2), image_channels=2)
TINY_D = Discriminator(hidden=6, widths=(2, 4))


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


def kernels(sizes):
    return {path.removesuffix("/kernel"): shape for path, shape in sizes.items() if path.endswith("/kernel")}


def test_the_defaults_are_the_papers_mnist():
    """models/regularized_gan.py, whose layers all have biases: G is FC 74-1024, FC 1024-6272, deconv 128-64 and 64-1
    (4x4), and batch norms of 1024, 6272 and 64; D is conv 1-64 and 64-128 (4x4), FC 6272-1024, FC 1024-1, and batch
    norms of 128 and 1024.
    """
    g, total = parameters(Generator(), (74,))
    assert kernels(g) == {
        "hidden": (74, 1024),
        "seed": (1024, 6272),
        "conv_0": (4, 4, 128, 64),
        "to_image": (4, 4, 64, 1),
    }
    weights = 74 * 1024 + 1024 * 6272 + 16 * (128 * 64 + 64)
    assert total == weights + (1024 + 6272 + 64 + 1) + 2 * (1024 + 6272 + 64)
    d, total = parameters(Discriminator(), (28, 28, 1))
    assert kernels(d) == {
        "conv_0": (4, 4, 1, 64),
        "conv_1": (4, 4, 64, 128),
        "hidden": (6272, 1024),
        "head/linear": (1024, 1),
    }
    assert total == 16 * (64 + 64 * 128) + 6272 * 1024 + 1024 + (64 + 128 + 1024 + 1) + 2 * (128 + 1024)


@pytest.mark.parametrize(("base", "channels", "side"), [((7, 7), 1, 28), ((8, 8), 3, 32)])
def test_sides(base, channels, side):
    images, _ = shapes(Generator(base=base, image_channels=channels), (74,))
    assert images.shape == (2, side, side, channels) and images.dtype == jnp.float32
    logits, variables = shapes(Discriminator(), images.shape[1:])
    assert logits.shape == (2,) and logits.dtype == jnp.float32
    assert variables["features"]["last"].shape == (2, 1024)


@pytest.mark.parametrize("changes", [dict(num_classes=3), dict(num_classes=3, conditioning="concat")])
def test_generators(changes):
    network = TINY_G.clone(**changes)
    images, moved, grads = run(network, Z)
    assert images.shape == (4, 8, 8, 2) and images.dtype == np.float32
    assert np.abs(images).max() <= 1
    assert set(moved["batch_stats"]) == {"norm_hidden", "norm_project", "norm_0"}
    assert all(np.abs(leaf).max() > 0 for path, leaf in grads.items() if path.endswith("kernel"))
    others = run(network, Z, (LABELS + 1) % 3)[0]
    assert (np.abs(images - others).max() > 1e-5) == (network.conditioning != "none")


@pytest.mark.parametrize(
    "changes",
    [
        dict(num_classes=3, dropout=0.2, minibatch="stddev"),
        dict(num_classes=3, conditioning="concat"),
        dict(num_classes=3, conditioning="projection", spectral_norm=True, batch_norm=False),
    ],
)
def test_discriminators(changes):
    network = TINY_D.clone(**changes)
    logits, moved, grads = run(network, IMAGES)
    assert logits.shape == (4,) and logits.dtype == np.float32
    assert moved["features"]["last"].shape == (4, 6)
    assert set(moved.get("batch_stats", {})) == ({"norm_1", "norm_hidden"} if network.batch_norm else set())
    assert all(np.abs(leaf).max() > 0 for path, leaf in grads.items() if path.endswith("kernel"))
    others = run(network, IMAGES, (LABELS + 1) % 3)[0]
    assert (np.abs(logits - others).max() > 1e-5) == (network.conditioning != "none")


def test_the_logit_is_linear_in_what_q_reads():
    logits, moved, _ = run(TINY_D, IMAGES)
    head = filled(TINY_D, IMAGES.shape[1:])["params"]["head"]["linear"]
    expected = moved["features"]["last"] @ head["kernel"][:, 0] + head["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "first", "message"),
    [
        (TINY_G, (4,), "z has 4 columns, but z_dim=5"),
        (TINY_G.clone(conditioning="cbn", num_classes=3), (5,), "takes none, concat"),
        (TINY_D.clone(conditioning="concat"), (8, 8, 2), "needs classes, but num_classes=0"),
    ],
)
def test_errors_say_what_would_do(network, first, message):
    with pytest.raises(ValueError, match=message):
        shapes(network, first)
