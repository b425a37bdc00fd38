"""Runs the networks of junyanz/pytorch-CycleGAN-and-pix2pix (BSD) and keeps what each layer gives, for the test of
ours.

    python docs/measure/junyanz_fixture.py CLONE tests/interop/data/junyanz.npz

Needs PyTorch and a clone of the repository; of ours only tests/interop/named_weights.py, from which both sides have
their weights and inputs. Batch norms use the statistics of the one image, and dropout is off.
"""

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "interop"))
from named_weights import draw, inputs


def networks(reference: Any) -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Name -> (network, shape of its input)."""
    batch, instance = (reference.get_norm_layer(name) for name in ("batch", "instance"))
    return {
        "unet": (reference.UnetGenerator(3, 3, 5, 4, norm_layer=batch, use_dropout=True), (1, 3, 32, 64)),
        "unet_6": (reference.UnetGenerator(1, 3, 6, 2, norm_layer=batch, use_dropout=True), (1, 1, 64, 64)),
        "resnet": (
            reference.ResnetGenerator(3, 3, 4, norm_layer=instance, n_blocks=2, **deconvolution(reference)),
            (1, 3, 16, 24),
        ),
        "patches_70": (reference.NLayerDiscriminator(6, 4, 3, norm_layer=batch), (1, 6, 48, 40)),
        "patches_34": (reference.NLayerDiscriminator(3, 4, 2, norm_layer=instance), (1, 3, 32, 32)),
        "pixels": (reference.PixelDiscriminator(6, 4, norm_layer=batch), (1, 6, 8, 8)),
    }


def deconvolution(reference: Any) -> dict[str, bool]:
    """Some of its revisions choose between transposed convolutions and upsampling."""
    known = inspect.signature(reference.ResnetGenerator.__init__).parameters
    return {"use_deconvolution": True} if "use_deconvolution" in known else {}


def main(clone: str, out: str) -> None:
    """Writes what each layer gives, and each network."""
    sys.path.insert(0, clone)
    reference = importlib.import_module("models.networks")
    kept: dict[str, Any] = {}
    for name, (network, shape) in networks(reference).items():
        state = {
            key: torch.from_numpy(draw(f"{name}/{key}", tuple(v.shape)))
            for key, v in network.state_dict().items()
            if v.ndim
        }
        network.load_state_dict(state, strict=False)
        network.train()
        for key, module in network.named_modules():
            if isinstance(module, torch.nn.Dropout):
                module.eval()
            if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d | torch.nn.BatchNorm2d):
                # A copy, for the activation after it works in place.
                module.register_forward_hook(
                    lambda _, __, y, key=f"{name}/{key}": kept.__setitem__(key, y.detach().clone().numpy())
                )
        with torch.no_grad():
            kept[name] = network(torch.from_numpy(inputs(shape))).numpy()
    np.savez_compressed(out, **kept)
    print(f"{out}: {len(kept)} layers, {Path(out).stat().st_size:,} bytes; torch {torch.__version__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
