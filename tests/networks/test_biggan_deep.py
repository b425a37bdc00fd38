import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxgan.networks.biggan_deep import DISCRIMINATOR_WIDTHS, GENERATOR_WIDTHS, Discriminator, Generator

RNG = np.random.default_rng(0)


def abstract(network, first, *, train=True):
    init = functools.partial(network.init_with_output, train=train)
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    return jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct((2, *first), jnp.float32), labels)


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("resolution", "parameters", "published"),
    [(128, 50_244_484, "50.4"), (256, 55_736_708, "55.9"), (512, 56_019_780, "56.2")],
)
def test_parameters_of_the_generator(resolution, parameters, published):
    images, variables = abstract(Generator(1000, resolution=resolution), (128,))
    assert images.shape == (2, resolution, resolution, 3)
    assert count(variables["params"]) == parameters
    # The released last convolution gives 128 channels, of which three are used.
    unused = 125 * (3 * 3 * 128 + 1)
    assert f"{(parameters + unused) / 1e6:.1f}" == published


@pytest.mark.parametrize(("resolution", "base"), [(32, (4, 6)), (64, (4, 4)), (128, (2, 1))])
def test_shapes(resolution, base):
    assert set(GENERATOR_WIDTHS) == set(DISCRIMINATOR_WIDTHS)
    images, _ = abstract(Generator(10, resolution=resolution, ch=8, depth=1, base=base), (128,))
    assert images.shape == (2, base[0] * resolution // 4, base[1] * resolution // 4, 3)
    logits, _ = abstract(Discriminator(10, resolution=resolution, ch=8, depth=1), images.shape[1:])
    assert logits.shape == (2,)
    assert images.dtype == logits.dtype == jnp.float32


def filled(network, first):
    """Random variables, drawn in numpy: compiling an init takes longer than all the rest."""
    shapes = traverse_util.flatten_dict(abstract(network, first, train=False)[1])
    values = {path: RNG.normal(size=s.shape).astype(np.float32) for path, s in shapes.items()}
    values |= {path: np.ones_like(v) for path, v in values.items() if path[-1] in ("var", "scale")}
    return traverse_util.unflatten_dict(values)


def test_z_and_the_class_reach_the_image_and_the_score():
    g = Generator(3, resolution=32, ch=4, depth=1, z_dim=5, shared_dim=4, attention=(8,), base=(1, 2))
    d = Discriminator(3, resolution=32, ch=4, depth=1, attention=())
    z, labels = RNG.normal(size=(2, 5)).astype(np.float32), np.array([0, 2])
    draw = jax.jit(functools.partial(g.apply, filled(g, (5,)), train=False))
    images = draw(z, labels)
    assert images.shape == (2, 8, 16, 3) and np.abs(images).max() <= 1
    for changed in ((z + 1, labels), (z, (labels + 1) % 3)):
        assert np.abs(draw(*changed) - images).max() > 1e-3
    score = jax.jit(functools.partial(d.apply, filled(d, (8, 16, 3)), train=False))
    assert np.abs(score(images, labels) - score(images, (labels + 1) % 3)).max() > 1e-3


def test_every_block_is_conditioned_on_the_class_and_the_whole_of_z():
    g = Generator(3, resolution=32, ch=4, depth=2, z_dim=5, shared_dim=4)
    flat = traverse_util.flatten_dict(abstract(g, (5,))[1]["params"])
    gains = {path[0]: leaf.shape[0] for path, leaf in flat.items() if path[-2:] == ("gain", "kernel")}
    assert gains == {f"block_{stage}_{index}": 9 for stage in range(3) for index in range(2)}
    assert flat["seed", "kernel"].shape[0] == 9


def test_errors_say_what_would_do():
    with pytest.raises(ValueError, match="z has 120 columns, but z_dim=128"):
        abstract(Generator(10), (120,))
    with pytest.raises(ValueError, match=r"resolution=100 .*\[32, 64, 128, 256, 512\]"):
        abstract(Generator(10, resolution=100), (128,))


def test_without_classes_z_alone_is_the_condition():
    g = Generator(0, resolution=32, ch=8, depth=1, z_dim=5, attention=(8,))
    z = jax.ShapeDtypeStruct((2, 5), jnp.float32)
    params = jax.eval_shape(functools.partial(g.init, train=True), jax.random.key(0), z, None)["params"]
    assert params["project"]["kernel"].shape[0] == params["block_0_0"]["norm_0"]["gain"]["kernel"].shape[0] == 5
    assert "shared" not in params


def test_the_discriminator_shows_its_features_and_may_ignore_labels_or_know_the_batch():
    d = Discriminator(3, resolution=32, ch=8, depth=1, attention=())
    variables = abstract(d, (32, 32, 3))[1]
    assert variables["features"]["last"].shape == (2, 32)
    assert set(variables["params"]["head"]) == {"linear", "embed"}
    deaf = d.clone(conditioning="none", minibatch="stddev")
    head = abstract(deaf, (32, 32, 3))[1]["params"]["head"]
    assert {name: layer["kernel"].shape for name, layer in head.items()} == {"linear": (33, 1)}
