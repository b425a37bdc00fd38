"""Names of the tensors in openai/DALL-E as ours: the dVAE's encoder and decoder."""

from jaxgan.interop.torch_names import Place, Table
from jaxgan.networks.dvae import GROUPS


def _conv(name: str, path: str) -> Table:
    where = ("params", *path.split("/"))
    return {f"{name}.w": Place((*where, "kernel"), "conv"), f"{name}.b": Place((*where, "bias"), "vector")}


def dvae_names(side: str, blocks: int, *, same: bool) -> Table:
    """Of ``Encoder`` or ``Decoder``, as that half of :class:`jaxgan.networks.dvae.Autoencoder`.

    Args:
      side: 'encoder' or 'decoder'.
      blocks: of a group.
      same: whether the first group's input has as many channels as its output, as in the encoder.
    """
    table = _conv("blocks.input", f"{side}/first") | _conv("blocks.output.conv", f"{side}/last")
    for group in range(GROUPS):
        for index in range(blocks):
            name, path = f"blocks.group_{group + 1}.block_{index + 1}", f"{side}/block_{group}_{index}"
            for part in range(4):
                table |= _conv(f"{name}.res_path.conv_{part + 1}", f"{path}/conv_{part}")
            if index == 0 and (group or not same):
                table |= _conv(f"{name}.id_path", f"{path}/skip")
    return table
