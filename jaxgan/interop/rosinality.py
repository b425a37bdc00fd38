"""Names of the tensors in rosinality/vq-vae-2-pytorch as ours: the autoencoder of two levels."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan.interop.torch_names import Place, Table, layer, variables_of

# Its averages have a bias that is gone after so many updates.
_MANY_UPDATES = 1e6


def _residual(name: str, first: int, path: str, blocks: int) -> Table:
    table: Table = {}
    for index in range(blocks):
        for part, number in enumerate((1, 3)):
            table |= layer(f"{name}.blocks.{first + index}.conv.{number}", f"{path}/block_{index}/conv_{part}", "conv")
    return table


def vqvae_names(blocks: int) -> Table:
    """Of ``VQVAE``, as :class:`jaxgan.networks.vqvae.Autoencoder` of two levels with ``blocks`` residual blocks."""
    table = layer("enc_b.blocks.0", "encoder_0/half_0", "conv") | layer("enc_b.blocks.2", "encoder_0/half_1", "conv")
    table |= layer("enc_b.blocks.4", "encoder_0/conv", "conv") | _residual("enc_b", 5, "encoder_0", blocks)
    table |= layer("enc_t.blocks.0", "encoder_1/half_0", "conv") | layer("enc_t.blocks.2", "encoder_1/conv", "conv")
    table |= _residual("enc_t", 3, "encoder_1", blocks)
    for theirs, ours in {"dec_t": "decoder_1", "dec": "decoder_0"}.items():
        table |= layer(f"{theirs}.blocks.0", f"{ours}/conv", "conv") | _residual(theirs, 1, ours, blocks)
        table |= layer(f"{theirs}.blocks.{blocks + 2}", f"{ours}/double_0", "transposed")
    table |= layer(f"dec.blocks.{blocks + 4}", "decoder_0/double_1", "transposed")
    table |= layer("upsample_t", "up_1_0", "transposed")
    for theirs, level in {"t": 1, "b": 0}.items():
        table |= layer(f"quantize_conv_{theirs}", f"to_code_{level}", "conv")
        where = ("codebook", f"quantizer_{level}")
        table |= {
            f"quantize_{theirs}.embed": Place((*where, "codes"), "dense"),
            f"quantize_{theirs}.embed_avg": Place((*where, "sums"), "dense"),
            f"quantize_{theirs}.cluster_size": Place((*where, "counts"), "vector"),
        }
    return table


def vqvae_variables(state: Mapping[str, np.ndarray], shapes: Mapping[str, Any], *, blocks: int) -> Any:
    """The variables of a state dict of ``VQVAE``, whose averages are taken as they are."""
    kept = {
        name: {key: value for key, value in book.items() if key != "updates"}
        for name, book in shapes["codebook"].items()
    }
    found = variables_of(vqvae_names(blocks), state, {**shapes, "codebook": kept}, of="VQVAE")
    for book in found["codebook"].values():
        book["updates"] = np.float32(_MANY_UPDATES)
    return found
