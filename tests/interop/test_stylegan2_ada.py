"""StyleGAN2's networks give what NVlabs/stylegan2-ada-pytorch's give, layer by layer, of the same weights.

The fixture is made by docs/measure/stylegan2_ada_fixture.py.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from named_weights import draw, inputs

from jaxgan.interop.stylegan2_ada import discriminator_names, generator_names
from jaxgan.interop.torch_names import variables_of
from jaxgan.networks.stylegan2 import Discriminator, Generator, activate

FIXTURE = Path(__file__).parent / "data" / "stylegan2_ada.npz"
AXES = {"conv": (3, 2, 0, 1), "dense": (1, 0), "image": (2, 0, 1)}
WIDTHS = dict(resolution=32, channel_base=128, channel_max=8)
LABELS = np.array([0, 2, 1, 2], np.int32)
TOLERANCE = dict(atol=2e-5, rtol=2e-4)


@pytest.fixture(scope="module")
def reference():
    with np.load(FIXTURE) as file:
        return dict(file)


def filled(table, shapes, name):
    """Our variables of weights that are made of their names in torch."""
    flat = traverse_util.flatten_dict(dict(shapes))

    def torch_shape(place):
        shape = flat[place.path].shape
        return tuple(shape[axis] for axis in AXES[place.kind]) if place.kind in AXES else shape

    state = {key: np.asarray(draw(f"{name}/{key}", torch_shape(place))) for key, place in table.items()}
    return variables_of(table, state, shapes, of=name)


def run(network, table, name, first, *, order=(0, 1, 2, 3), **options):
    """Outputs of rows that go in in ``order``, in the order before."""
    order = np.array(order)
    labels = (LABELS if name.endswith("classes") else np.zeros(4, np.int32))[order]
    back, first = np.argsort(order), first[order]
    keys = {stream: jax.random.key(0) for stream in ("params", "noise", "mix")}
    shapes = dict(jax.eval_shape(lambda: network.init(keys, first, labels, train=True)))
    shapes.pop("features", None)
    variables = filled(table, shapes, name)
    apply = jax.jit(
        lambda x: network.apply(
            variables, x, labels, train=False, mutable=["intermediates"], capture_intermediates=True, **options
        )
    )
    out, found = apply(first)
    return out[back], jax.tree.map(lambda x: x[back], traverse_util.flatten_dict(found["intermediates"]))


def compare(table, found, reference, name, shown):
    """Each layer whose outputs were kept: the number of those compared."""
    compared = 0
    for key, place in table.items():
        layer, _, last = key.rpartition(".")
        if last != "weight" or f"{name}/{layer}" not in reference:
            continue
        theirs = reference[f"{name}/{layer}"]
        theirs = theirs.transpose(0, 2, 3, 1) if theirs.ndim == 4 else theirs
        ours = shown(layer, found[(*place.path[1:-1], "__call__")][0])
        np.testing.assert_allclose(ours, theirs, err_msg=layer, **TOLERANCE)
        compared += 1
    return compared


@pytest.mark.parametrize("classes", [0, 3])
def test_the_generator(reference, classes):
    name = "g_classes" if classes else "g"
    network = Generator(classes, z_dim=8, w_dim=8, mapping_layers=2, **WIDTHS)
    table = generator_names(4, mapping_layers=2, classes=bool(classes))
    z = jnp.asarray(draw("latents", (4, 8)) * 8**0.5)
    out, found = run(network, table, name, z, noise="const", psi=0.7, cutoff=3)
    np.testing.assert_allclose(out, reference[name].transpose(0, 2, 3, 1), **TOLERANCE)

    def shown(layer, x):
        return activate(x) if ".fc" in layer else x

    # Of the one with classes: its mapping; of the other one also 7 convolutions, 4 layers to colours, and their styles.
    assert compare(table, found, reference, name, shown) == (3 if classes else 2 + 2 * 11)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_discriminator(reference, classes):
    name = "d_classes" if classes else "d"
    network = Discriminator(classes, architecture="orig" if classes else "resnet", stddev_rows=2, **WIDTHS)
    table = discriminator_names(4, residual=not classes, classes=bool(classes))
    images = jnp.asarray(inputs((4, 3, 32, 32)).transpose(0, 2, 3, 1))
    # Their groups of two rows are 0 and 2, 1 and 3; ours are of neighbours.
    out, found = run(network, table, name, images, order=(0, 2, 1, 3))
    np.testing.assert_allclose(out, reference[name][:, 0], **TOLERANCE)

    def shown(layer, x):
        if layer.endswith(".skip"):
            return x * np.sqrt(0.5)
        if layer.endswith(("out", "embed")):
            return x
        return activate(x, gain=np.sqrt(0.5) if layer.endswith("conv1") and not classes else 1.0)

    # Of the one with classes: its mapping and the last layer; of the other one 1 + 3 x 3 convolutions and the 3 at the
    # end.
    assert compare(table, found, reference, name, shown) == (10 if classes else 13)
