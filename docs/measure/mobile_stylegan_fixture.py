"""Runs a small student of bes-dev/MobileStyleGAN.pytorch and keeps what each layer gives, for the test of ours.

    python docs/measure/mobile_stylegan_fixture.py CLONE tests/interop/data/mobile_stylegan.npz

Needs PyTorch and a clone (Apache 2.0), which is run and not copied. Its package of wavelets is not needed: a stand-in
here has the Haar synthesis by the filters that PyWavelets gives db1, (1, 1) / sqrt(2) and (1, -1) / sqrt(2). Of ours
only tests/interop/named_weights.py, from which both sides have their weights and inputs.
"""

import importlib
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "interop"))
from named_weights import draw

CHANNELS, W_DIM = [8, 8, 4], 6


def merged(low: torch.Tensor, high: torch.Tensor, axis: int) -> torch.Tensor:
    """One more pixel a pixel along an axis: sums, and differences."""
    both = torch.stack([low + high, low - high], dim=axis + 1) / 2**0.5
    return both.flatten(axis, axis + 1)


class Synthesis2D:
    """One level of Haar synthesis: columns, then rows."""

    @staticmethod
    def apply(low: torch.Tensor, highs: torch.Tensor, *_: Any) -> torch.Tensor:
        """Low [B, C, H, W] and the three others [B, C, 3, H, W]."""
        down, across, both = torch.unbind(highs, dim=2)
        return merged(merged(low, down, 2), merged(across, both, 2), 3)


def stand_in() -> None:
    """Puts in place what the clone's ``idwt.py`` takes of its package of wavelets."""
    lowlevel: Any = types.ModuleType("pytorch_wavelets.dwt.lowlevel")
    wavelet = types.SimpleNamespace(rec_lo=[0.5**0.5] * 2, rec_hi=[0.5**0.5, -(0.5**0.5)])
    lowlevel.pywt = types.SimpleNamespace()
    lowlevel.pywt.Wavelet = type("Wavelet", (), {"__init__": lambda self, _: self.__dict__.update(wavelet.__dict__)})
    lowlevel.prep_filt_sfb2d = lambda *filters: [torch.tensor(f) for f in filters]
    lowlevel.mode_to_int = lowlevel.int_to_mode = lambda mode: mode
    lowlevel.SFB2D = Synthesis2D
    for name in ("pytorch_wavelets", "pytorch_wavelets.dwt"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[lowlevel.__name__] = lowlevel


def main(clone: str, out: str) -> None:
    """Writes the image, the bands of each side, and what each layer gives, of styles of three rows."""
    stand_in()
    sys.path.insert(0, clone)
    package: Any = types.ModuleType("core.models")
    package.__path__ = [str(Path(clone) / "core" / "models")]
    sys.modules["core.models"] = package
    reference = importlib.import_module("core.models.mobile_synthesis_network")
    network = reference.MobileSynthesisNetwork(W_DIM, CHANNELS)
    state = {
        key: torch.from_numpy(np.asarray(draw(f"student/{key}", tuple(value.shape))))
        for key, value in network.state_dict().items()
        if "idwt" not in key and key != "device_info"
    }
    network.load_state_dict(state, strict=False)
    network.eval()
    kept: dict[str, Any] = {}
    for key, module in network.named_modules():
        if type(module).__name__ in ("StyledConv2d", "IDWTUpsaplme"):
            module.register_forward_hook(
                lambda _, __, y, key=key: kept.__setitem__(f"student/{key}", y.detach().clone().numpy())
            )
    styles = torch.from_numpy(draw("styles", (3, network.wsize(), W_DIM)) * W_DIM**0.5)
    noise = [torch.from_numpy(draw(f"noise/{n}", (1 + (n > 0), 1, 4 * 2**n, 4 * 2**n))) for n in range(len(CHANNELS))]
    with torch.no_grad():
        found = network(styles, noise=noise)
    kept["student"] = found["img"].numpy()
    kept |= {f"student/bands_{number}": bands.numpy() for number, bands in enumerate(found["freq"])}
    np.savez_compressed(out, **{key: value.astype(np.float32) for key, value in kept.items()})
    print(f"{out}: {len(kept)} arrays, {Path(out).stat().st_size:,} bytes; torch {torch.__version__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
