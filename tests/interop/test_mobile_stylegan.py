"""MobileStyleGAN's student gives what bes-dev/MobileStyleGAN.pytorch's does, layer by layer."""

from pathlib import Path

import jax
import numpy as np
from flax import traverse_util
from named_weights import draw

from jaxgan.interop.mobile_stylegan import squeezed, student_names
from jaxgan.interop.torch_names import variables_of
from jaxgan.networks.mobile_stylegan import Synthesis

FIXTURE = Path(__file__).parent / "data" / "mobile_stylegan.npz"
TORCH = {"conv": (3, 2, 0, 1), "dense": (1, 0), "image": (2, 0, 1)}
TOLERANCE = dict(rtol=1e-4, atol=1e-5)


def test_every_layer_gives_what_the_reference_s_does():
    with np.load(FIXTURE) as file:
        reference = dict(file)
    network, table = Synthesis(widths=(8, 8, 4)), student_names(3)
    ws = draw("styles", (3, network.num_ws, 6)) * 6**0.5
    # Of a side's two layers, one after the other.
    drawn = [draw(f"noise/{n}", (1 + (n > 0), 1, 4 * 2**n, 4 * 2**n)) for n in range(3)]
    noise = [layer[0][None, :, :, None] for side in drawn for layer in side]
    shapes = jax.eval_shape(lambda key: network.init(key, ws, train=True), jax.random.key(0))
    flat = traverse_util.flatten_dict(dict(shapes))

    def torch_shape(key, place):
        shape = flat[place.path].shape
        shape = tuple(shape[axis] for axis in TORCH[place.kind]) if place.kind in TORCH else shape
        # With the axes that are squeezed.
        if key.endswith((".conv.weight_permute", "to_img1.conv.weight", "to_img.conv.weight")):
            return (*shape, 1, 1)
        if key.endswith("weight_dw"):
            return (shape[0], 1, *shape[1:])
        if key.endswith("style_inv"):
            return (1, 1, *shape, 1, 1)
        if key.endswith("noise.weight"):
            return (1,)
        if key == "input.input":
            return (1, *shape)
        return (1, *shape, 1, 1) if key.endswith(".bias") and "modulation" not in key else shape

    state = {key: draw(f"student/{key}", torch_shape(key, place)) for key, place in table.items()}
    variables = variables_of(table, squeezed(state), dict(shapes), of="student")
    apply = jax.jit(
        lambda: network.apply(variables, ws, noise, train=False, mutable=["intermediates"], capture_intermediates=True)
    )
    (image, bands), found = apply()
    np.testing.assert_allclose(image, reference["student"].transpose(0, 2, 3, 1), **TOLERANCE)
    for number, band in enumerate(bands):
        np.testing.assert_allclose(band, reference[f"student/bands_{number}"].transpose(0, 2, 3, 1), **TOLERANCE)
    layers = {"conv1": "b4_conv1"}
    for number in (1, 2):
        side = 4 * 2**number
        names = {"up": "up", "conv1": "conv0", "conv2": "conv1"}
        layers |= {f"layers.{number - 1}.{theirs}": f"b{side}_{ours}" for theirs, ours in names.items()}
    for theirs, ours in layers.items():
        got = found["intermediates"][ours]["__call__"][0]
        np.testing.assert_allclose(
            got, reference[f"student/{theirs}"].transpose(0, 2, 3, 1), err_msg=theirs, **TOLERANCE
        )
    assert len(layers) == 7
