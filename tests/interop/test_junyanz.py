"""Our networks give what junyanz/pytorch-CycleGAN-and-pix2pix's give, layer by layer, of the same weights.

The fixture is made by docs/measure/junyanz_fixture.py.
"""

from pathlib import Path

import jax
import numpy as np
import pytest
from flax import traverse_util
from named_weights import draw, inputs

from jaxgan.interop.junyanz import patchgan_names, resnet_names, unet_names
from jaxgan.interop.torch_names import variables_of
from jaxgan.networks import johnson, patchgan, unet

FIXTURE = Path(__file__).parent / "data" / "junyanz.npz"
# Name -> our network, torch's names, the shape of the input in torch.
NETWORKS = {
    "unet": (unet.Generator(ch=4, depth=5, dropout=0.0), unet_names(5), (1, 3, 32, 64)),
    "unet_6": (unet.Generator(ch=2, depth=6, dropout=0.0), unet_names(6), (1, 1, 64, 64)),
    "resnet": (johnson.Generator(ch=4, blocks=2), resnet_names(2, 2), (1, 3, 16, 24)),
    "patches_70": (patchgan.Discriminator(ch=4, layers=3), patchgan_names(3), (1, 6, 48, 40)),
    "patches_34": (
        patchgan.Discriminator(ch=4, layers=2, norm="instance"),
        patchgan_names(2, norm="instance"),
        (1, 3, 32, 32),
    ),
    "pixels": (patchgan.Discriminator(ch=4, layers=0), patchgan_names(0), (1, 6, 8, 8)),
}


def torch_shape(place, shape):
    order = {"conv": (3, 2, 0, 1), "transposed": (2, 3, 0, 1)}.get(place.kind)
    return tuple(shape) if order is None else tuple(shape[axis] for axis in order)


@pytest.fixture(scope="module")
def reference():
    with np.load(FIXTURE) as file:
        return dict(file)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "unet_6" else n for n in NETWORKS])
def test_every_layer_gives_what_the_reference_s_does(name, reference):
    network, table, shape = NETWORKS[name]
    images = inputs(shape).transpose(0, 2, 3, 1)
    generates = not isinstance(network, patchgan.Discriminator)
    # A discriminator's condition comes before its image; here all channels are images'.
    given = (np.zeros((1, 0), np.float32), images) if generates else (images, None)
    shapes = jax.eval_shape(lambda key: network.init(key, *given, train=True), jax.random.key(0))
    shapes = {k: v for k, v in shapes.items() if k in ("params", "batch_stats")}
    flat = traverse_util.flatten_dict(shapes)
    state = {key: draw(f"{name}/{key}", torch_shape(place, flat[place.path].shape)) for key, place in table.items()}
    variables = variables_of(table, state, shapes, of=name)

    # Compiled layer by layer, as the reference runs.
    out, found = network.apply(
        variables, *given, train=True, mutable=["batch_stats", "intermediates"], capture_intermediates=True
    )
    found = traverse_util.flatten_dict(found["intermediates"])
    compared = 0
    for key, place in table.items():
        # Of each layer, by its weight: convolutions and batch norms.
        layer, _, last = key.rpartition(".")
        if last != "weight":
            continue
        path = (*place.path[1:-1], "__call__")
        theirs = reference[f"{name}/{layer}"].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(found[path][0], theirs, atol=2e-5, rtol=2e-4, err_msg=layer)
        compared += 1
    assert compared == len([key for key in reference if key.startswith(f"{name}/")])
    theirs = reference[name].transpose(0, 2, 3, 1)
    np.testing.assert_allclose(out if generates else out[..., None], theirs, atol=2e-5, rtol=2e-4)


def test_another_network_s_tensors_are_named():
    network = johnson.Generator(ch=4, blocks=1)
    images = np.zeros((1, 16, 16, 3), np.float32)
    shapes = jax.eval_shape(lambda key: network.init(key, images[..., :0], images, train=True), jax.random.key(0))
    with pytest.raises(ValueError, match="no tensor is for params/block_0/conv_0/bias"):
        variables_of(resnet_names(2, 0), {}, shapes, of="the residual generator")
    with pytest.raises(ValueError, match=r"these are no weights of the residual generator: .* missing"):
        variables_of(resnet_names(2, 1), {}, shapes, of="the residual generator")
