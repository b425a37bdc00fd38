"""Runs small networks of CompVis/taming-transformers, openai/DALL-E and rosinality/vq-vae-2-pytorch (all MIT) and keeps
what each layer gives, for the test of ours.

    python docs/measure/codes_fixture.py TAMING DALLE ROSINALITY tests/interop/data/codes.npz

Needs PyTorch, attrs and clones of the three; of ours only tests/interop/named_weights.py, from which both sides have
their weights and inputs.
"""

import importlib
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "interop"))
from named_weights import draw, inputs

CODER = dict(ch=32, out_ch=3, ch_mult=(1, 1, 2), num_res_blocks=1, attn_resolutions=[4], in_channels=3, resolution=16)
CODER |= dict(z_channels=8, double_z=False, dropout=0.0)
TOKENS = np.array([[3, 1, 4, 1, 5, 9, 2]])


def networks(taming: str, dalle: str, rosinality: str) -> dict[str, tuple[Any, Any]]:
    """Name -> (network, its input)."""
    # What its sampling wants of another package is not called here.
    filtering = types.ModuleType("transformers")
    vars(filtering)["top_k_top_p_filtering"] = None
    sys.modules["transformers"] = filtering
    sys.path[:0] = [taming, dalle, rosinality]
    diffusion = importlib.import_module("taming.modules.diffusionmodules.model")
    gpt = importlib.import_module("taming.modules.transformer.mingpt")
    encoder, decoder = (importlib.import_module(f"dall_e.{side}") for side in ("encoder", "decoder"))
    vqvae = importlib.import_module("vqvae")
    images = torch.from_numpy(inputs((1, 3, 16, 16)))
    shares = torch.softmax(torch.from_numpy(3 * inputs((1, 512, 2, 2))), 1)
    return {
        "taming_encoder": (diffusion.Encoder(**CODER), images),
        "taming_decoder": (diffusion.Decoder(**CODER), torch.from_numpy(inputs((1, 8, 4, 4)))),
        "taming_gpt": (
            gpt.GPT(11, 8, n_layer=2, n_head=2, n_embd=16, embd_pdrop=0.0, resid_pdrop=0.0, attn_pdrop=0.0),
            torch.from_numpy(TOKENS),
        ),
        "dalle_encoder": (encoder.Encoder(n_hid=64, n_blk_per_group=1, vocab_size=512), (images + 1) / 2),
        "dalle_decoder": (decoder.Decoder(n_init=8, n_hid=64, n_blk_per_group=1, vocab_size=512), shares),
        "rosinality": (vqvae.VQVAE(channel=8, n_res_block=1, n_res_channel=4, embed_dim=4, n_embed=16), images),
    }


def main(*arguments: str) -> None:
    """Writes what each network gives, and each of its layers whose outputs are small."""
    *clones, out = arguments
    kept: dict[str, Any] = {}
    for name, (network, given) in networks(*clones).items():
        state = {
            key: torch.from_numpy(draw(f"{name}/{key}", tuple(value.shape)))
            for key, value in network.state_dict().items()
            if not key.endswith("attn.mask")
        }
        network.load_state_dict(state, strict=False)
        network.eval()
        for key, module in network.named_modules():
            if not list(module.children()) and list(module.parameters(recurse=False)):
                module.register_forward_hook(
                    lambda _, __, y, key=f"{name}/{key}": kept.__setitem__(key, y.detach().clone().numpy())
                )
        with torch.no_grad():
            found = network(given)
        kept[name] = (found[0] if isinstance(found, tuple) else found).numpy()
        if name == "rosinality":
            _, _, _, top, bottom = network.encode(given)
            kept.update({f"{name}/codes_t": top.numpy(), f"{name}/codes_b": bottom.numpy()})
    small = {key: value.astype(np.float32) for key, value in kept.items() if value.size <= 2**14 or "/" not in key}
    np.savez_compressed(out, **small)
    print(f"{out}: {len(small)} of {len(kept)} layers, {Path(out).stat().st_size:,} bytes; torch {torch.__version__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
