"""Names of the tensors in bes-dev/MobileStyleGAN.pytorch as ours: the student's synthesis network."""

from collections.abc import Mapping

import numpy as np

from jaxgan.interop.torch_names import Place, Table


def squeezed(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state dict without the axes of length one that its biases, constants and filters have."""
    return {key: np.squeeze(value) for key, value in state.items()}


def _modulated(name: str, path: str) -> Table:
    return {
        f"{name}.modulation.weight": Place(("params", path, "modulation", "kernel"), "dense"),
        f"{name}.modulation.bias": Place(("params", path, "modulation", "bias"), "vector"),
    }


def _layer(name: str, path: str, *, depthwise: bool) -> Table:
    table = _modulated(f"{name}.conv", path)
    if depthwise:
        table[f"{name}.conv.weight_dw"] = Place(("params", path, "depthwise"), "image")
        table[f"{name}.conv.weight_permute"] = Place(("params", path, "pointwise"), "dense")
    else:
        table[f"{name}.conv.weight"] = Place(("params", path, "kernel"), "conv")
    table[f"{name}.conv.style_inv"] = Place(("demodulation", path, "styles"), "vector")
    table[f"{name}.noise.weight"] = Place(("params", path, "noise_strength"), "vector")
    return table | {f"{name}.bias": Place(("params", path, "bias"), "vector")}


def _bands(name: str, path: str) -> Table:
    return _modulated(f"{name}.conv", path) | {
        f"{name}.conv.weight": Place(("params", path, "kernel"), "dense"),
        f"{name}.bias": Place(("params", path, "bias"), "vector"),
    }


def student_names(sides: int) -> Table:
    """Of ``MobileSynthesisNetwork``, its tensors :func:`squeezed`, as
    :class:`jaxgan.networks.mobile_stylegan.Synthesis`; the filters of its Haar transforms are none of ours.

    Args:
      sides: how many widths it has.
    """
    table: Table = {"input.input": Place(("params", "const"), "image")}
    table |= _layer("conv1", "b4_conv1", depthwise=False) | _bands("to_img1", "b4_tobands")
    for number in range(1, sides):
        name, path = f"layers.{number - 1}", f"b{4 * 2**number}"
        table |= _modulated(f"{name}.up", f"{path}_up")
        table |= _layer(f"{name}.conv1", f"{path}_conv0", depthwise=True)
        table |= _layer(f"{name}.conv2", f"{path}_conv1", depthwise=True)
        table |= _bands(f"{name}.to_img", f"{path}_tobands")
    return table
