"""The FID InceptionV3's weights, from the names of its public PyTorch conversions to the Linen network's."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.features.inception import SIZE, InceptionV3

BN_EPS = 1e-3


def convolution_shapes() -> dict[tuple[str, ...], tuple[int, ...]]:
    """Path -> shape of every convolution's kernel [h, w, in, out]."""
    shapes = jax.eval_shape(InceptionV3().init, jax.random.key(0), jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.float32))
    flat = jax.tree_util.tree_leaves_with_path(shapes["params"])
    named = {tuple(k.key for k in path): leaf.shape for path, leaf in flat}
    return {path: shape for path, shape in named.items() if path[-1] == "kernel"}


def inception_variables(state: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Folds a state dict of torch-fidelity's or pytorch-fid's InceptionV3 into variables of
    :class:`jaxgan.features.inception.InceptionV3`.

    Args:
      state: NAME.conv.weight [out, in, h, w], NAME.bn.{weight, bias, running_mean, running_var} [out] for each of 94
        convolutions, fc.weight [1008, 2048] and fc.bias [1008]; ``num_batches_tracked`` is passed over.

    Returns:
      ``{'params': ...}`` float32.

    Raises:
      ValueError: naming tensors that are missing, unexpected, of another shape, or not finite.
    """
    rest = {name for name in state if not name.endswith("num_batches_tracked")}

    def take(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name not in state:
            raise ValueError(
                f"these are no weights of the FID InceptionV3: {name} is missing; {len(rest)} are left over"
            )
        array = np.asarray(state[name], np.float64)
        if array.shape != shape:
            raise ValueError(f"{name} has shape {list(array.shape)}, the FID InceptionV3 has {list(shape)} there")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite: the file is damaged")
        rest.discard(name)
        return array

    params: dict[str, Any] = {}
    for path, (height, width, inputs, outputs) in convolution_shapes().items():
        *modules, _, _ = path
        name = ".".join(modules)
        kernel = take(f"{name}.conv.weight", (outputs, inputs, height, width)).transpose(2, 3, 1, 0)
        scale, bias, mean, variance = (
            take(f"{name}.bn.{part}", (outputs,)) for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = scale / np.sqrt(variance + BN_EPS)
        level = params
        for module in modules:
            level = level.setdefault(module, {})
        level["conv"] = {"kernel": np.float32(kernel * gain), "bias": np.float32(bias - mean * gain)}
    params["fc_kernel"] = np.float32(take("fc.weight", (1008, 2048)).T)
    params["fc_bias"] = np.float32(take("fc.bias", (1008,)))
    if rest:
        raise ValueError(f"these are no weights of the FID InceptionV3: unexpected {', '.join(sorted(rest)[:5])}")
    return {"params": params}
