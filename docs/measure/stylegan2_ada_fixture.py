"""Runs small networks of NVlabs/stylegan2-ada-pytorch and keeps what each layer gives, for the test of ours.

    python docs/measure/stylegan2_ada_fixture.py CLONE tests/interop/data/stylegan2_ada.npz

Needs PyTorch and a clone (its licence: research and evaluation, non-commercial), which is run and not copied; of ours
only tests/interop/named_weights.py, from which both sides have their weights and inputs.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "interop"))
from named_weights import draw, inputs

SIDE, CLASSES = 32, 3
WIDTHS = dict(channel_base=128, channel_max=8)


def networks(clone: str) -> dict[str, Any]:
    """Name -> network: without and with classes, D residual and not."""
    sys.path.insert(0, clone)
    reference = importlib.import_module("training.networks")
    shape: dict[str, Any] = dict(img_resolution=SIDE, img_channels=3)
    latents: dict[str, Any] = dict(z_dim=8, w_dim=8, mapping_kwargs={"num_layers": 2}, synthesis_kwargs=WIDTHS)
    epilogue = {"mbstd_group_size": 2}
    return {
        "g": reference.Generator(c_dim=0, **shape, **latents),
        "g_classes": reference.Generator(c_dim=CLASSES, **shape, **latents),
        "d": reference.Discriminator(c_dim=0, **shape, **WIDTHS, epilogue_kwargs=epilogue),
        "d_classes": reference.Discriminator(
            c_dim=CLASSES, architecture="orig", **shape, **WIDTHS, epilogue_kwargs=epilogue
        ),
    }


def main(clone: str, out: str) -> None:
    """Writes what each network gives, and each of its layers, of inputs of four rows."""
    kept: dict[str, Any] = {}
    latents = torch.from_numpy(draw("latents", (4, 8)) * 8**0.5)
    images, labels = torch.from_numpy(inputs((4, 3, SIDE, SIDE))), torch.eye(CLASSES)[[0, 2, 1, 2]]
    for name, network in networks(clone).items():
        state = {
            key: torch.from_numpy(np.asarray(draw(f"{name}/{key}", tuple(value.shape))))
            for key, value in network.state_dict().items()
            if not key.endswith("resample_filter")
        }
        network.load_state_dict(state, strict=False)
        network.eval()
        for key, module in network.named_modules():
            if type(module).__name__ in ("FullyConnectedLayer", "SynthesisLayer", "ToRGBLayer", "Conv2dLayer"):
                module.register_forward_hook(
                    lambda _, __, y, key=f"{name}/{key}": kept.__setitem__(key, y.detach().clone().numpy())
                )
        given = (latents,) if name.startswith("g") else (images,)
        condition = labels if name.endswith("classes") else torch.zeros(4, 0)
        options = {"noise_mode": "const", "truncation_psi": 0.7, "truncation_cutoff": 3} if name.startswith("g") else {}
        with torch.no_grad():
            kept[name] = network(*given, condition, **options).numpy()
    # Of the network with classes the layers of classes alone; the others are those of the one without.
    small = {
        key: value.astype(np.float32)
        for key, value in kept.items()
        if "/" not in key or not key.split("/")[0].endswith("classes") or "mapping" in key or ".out" in key
    }
    np.savez_compressed(out, **small)
    print(f"{out}: {len(small)} of {len(kept)} layers, {Path(out).stat().st_size:,} bytes; torch {torch.__version__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
