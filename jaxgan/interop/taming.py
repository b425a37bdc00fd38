"""Names of the tensors in CompVis/taming-transformers as ours: VQGAN's autoencoder and its transformer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan.interop.torch_names import Place, Table, layer, variables_of


def norm(name: str, path: str) -> Table:
    """The gain and bias of the torch norm ``name``."""
    where = ("params", *path.split("/"))
    return {f"{name}.weight": Place((*where, "scale"), "vector"), f"{name}.bias": Place((*where, "bias"), "vector")}


def _block(name: str, path: str, *, skip: bool) -> Table:
    table = norm(f"{name}.norm1", f"{path}/norm_0/norm") | norm(f"{name}.norm2", f"{path}/norm_1/norm")
    table |= layer(f"{name}.conv1", f"{path}/conv_0", "conv") | layer(f"{name}.conv2", f"{path}/conv_1", "conv")
    return table | (layer(f"{name}.nin_shortcut", f"{path}/skip", "conv") if skip else {})


def _attention(name: str, path: str) -> Table:
    table = norm(f"{name}.norm", f"{path}/norm/norm")
    for theirs, ours in {"q": "query", "k": "key", "v": "value", "proj_out": "out"}.items():
        table |= layer(f"{name}.{theirs}", f"{path}/{ours}", "conv")
    return table


def _middle(name: str, path: str) -> Table:
    table = _block(f"{name}.block_1", f"{path}/middle_0", skip=False)
    table |= _attention(f"{name}.attn_1", f"{path}/middle_attention")
    return table | _block(f"{name}.block_2", f"{path}/middle_1", skip=False)


def autoencoder_names(widths: Sequence[int], blocks: int, attended: Sequence[int]) -> Table:
    """Of ``VQModel`` without its loss, as :class:`jaxgan.networks.vqgan.Autoencoder`.

    Args:
      widths, blocks: as there.
      attended: levels, by number, with attention.
    """
    table: Table = {}
    for side, ours in (("encoder", "encoder"), ("decoder", "decoder/before")):
        table |= layer(f"{side}.conv_in", f"{ours}/conv_in", "conv") | _middle(f"{side}.mid", ours)
        table |= norm(f"{side}.norm_out", f"{ours}/norm_out/norm")
        table |= layer(f"{side}.conv_out", f"{side}/conv_out", "conv")
    last = len(widths) - 1
    for level, width in enumerate(widths):
        down, up = f"encoder.down.{level}", f"decoder.up.{level}"
        for index in range(blocks):
            differs = index == 0 and width != (widths[level - 1] if level else 1)
            table |= _block(f"{down}.block.{index}", f"encoder/block_{level}_{index}", skip=differs)
        for index in range(blocks + 1):
            differs = index == 0 and level < last and width != widths[level + 1]
            table |= _block(f"{up}.block.{index}", f"decoder/before/block_{level}_{index}", skip=differs)
        if level in attended:
            for index in range(blocks):
                table |= _attention(f"{down}.attn.{index}", f"encoder/attention_{level}_{index}")
            for index in range(blocks + 1):
                table |= _attention(f"{up}.attn.{index}", f"decoder/before/attention_{level}_{index}")
        if level < last:
            table |= layer(f"{down}.downsample.conv", f"encoder/half_{level}", "conv")
        if level:
            table |= layer(f"{up}.upsample.conv", f"decoder/before/double_{level}", "conv")
    table |= layer("quant_conv", "to_code", "conv") | layer("post_quant_conv", "from_code", "conv")
    return table | {"quantize.embedding.weight": Place(("params", "quantizer", "codes"), "vector")}


def transformer_names(layers: int) -> Table:
    """Of ``GPT`` whose keys, values and queries are joined by :func:`joined_attention`, as
    :class:`jaxgan.networks.transformer.Transformer`.
    """
    table: Table = {
        "tok_emb.weight": Place(("params", "tokens", "embedding"), "vector"),
        "pos_emb": Place(("params", "places"), "vector"),
    }
    for index in range(layers):
        name, path = f"blocks.{index}", f"blocks_{index}"
        table |= norm(f"{name}.ln1", f"{path}/norm_0") | norm(f"{name}.ln2", f"{path}/norm_1")
        for theirs, ours in {
            "attn.joined": "query_key_value",
            "attn.proj": "project",
            "mlp.0": "wide",
            "mlp.2": "narrow",
        }.items():
            table |= layer(f"{name}.{theirs}", f"{path}/{ours}", "dense")
    return table | norm("ln_f", "norm") | layer("head", "to_logits", "dense", bias=False)


def joined_attention(state: Mapping[str, np.ndarray], layers: int) -> dict[str, np.ndarray]:
    """A state dict of ``GPT`` with one layer for queries, keys and values, and places [L, D]; without its masks."""
    found = {name: value for name, value in state.items() if not name.endswith("attn.mask")}
    found["pos_emb"] = found["pos_emb"][0]
    for index in range(layers):
        for kind in ("weight", "bias"):
            parts = [found.pop(f"blocks.{index}.attn.{part}.{kind}") for part in ("query", "key", "value")]
            found[f"blocks.{index}.attn.joined.{kind}"] = np.concatenate(parts)
    return found


def transformer_variables(state: Mapping[str, np.ndarray], shapes: Mapping[str, Any], *, layers: int) -> Any:
    """The variables of a state dict of ``GPT``; see :func:`jaxgan.interop.torch_names.variables_of`."""
    return variables_of(transformer_names(layers), joined_attention(state, layers), shapes, of="GPT")
