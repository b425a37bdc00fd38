"""Names of the tensors in junyanz/pytorch-CycleGAN-and-pix2pix as ours: its U-Net, residual generator and PatchGAN."""

from jaxgan.interop.torch_names import Table, batch_norm, layer


def unet_names(depth: int, *, use_bias: bool = False, norm: str = "batch") -> Table:
    """Of ``UnetGenerator`` with ``depth`` halvings, as :class:`jaxgan.networks.unet.Generator`.

    Args:
      depth: 5 or more.
      use_bias: biases before norms, which its code has with instance norm alone.
      norm: 'batch' or 'instance'.
    """
    bias = use_bias or norm != "batch"
    prefix, last = "model.model", depth - 1
    table = layer(f"{prefix}.0", "down_0", "conv", bias=bias) | layer(f"{prefix}.3", "up_0", "transposed")
    prefix += ".1.model"
    for level in range(1, depth):
        up = 3 if level == last else 5
        table |= layer(f"{prefix}.1", f"down_{level}", "conv", bias=bias)
        table |= layer(f"{prefix}.{up}", f"up_{level}", "transposed", bias=bias)
        if norm == "batch":
            table |= batch_norm(f"{prefix}.{up + 1}", f"norm_up_{level}")
            table |= batch_norm(f"{prefix}.2", f"norm_down_{level}") if level < last else {}
        prefix += ".3.model"
    return table


def resnet_names(
    halvings: int, blocks: int, *, norm: str = "instance", dropout: bool = False, prefix: str = "", path: str = ""
) -> Table:
    """Of ``ResnetGenerator``, as :class:`jaxgan.networks.johnson.Generator`.

    Args:
      halvings, blocks, norm: as there.
      dropout: whether its blocks have a layer of it, which moves the numbers of later ones.
      prefix: before torch's names; NVIDIA/pix2pixHD's networks contain this one.
      path: before ours, ending in '/'.
    """
    bias = norm != "batch"
    table: Table = {}

    def conv(number: str, name: str, kind: str = "conv") -> Table:
        return layer(f"{prefix}model.{number}", f"{path}{name}", kind, bias=bias)  # type: ignore[arg-type]

    def normed(number: str, name: str) -> Table:
        return batch_norm(f"{prefix}model.{number}", f"{path}{name}") if norm == "batch" else {}

    table |= conv("1", "first") | normed("2", "norm_first")
    for level in range(halvings):
        number = 4 + 3 * level
        table |= conv(str(number), f"down_{level}") | normed(str(number + 1), f"norm_down_{level}")
    start = 4 + 3 * halvings
    second = 6 if dropout else 5
    for block in range(blocks):
        for part, number in enumerate((1, second)):
            inner = f"{start + block}.conv_block."
            table |= conv(f"{inner}{number}", f"block_{block}/conv_{part}")
            table |= normed(f"{inner}{number + 1}", f"block_{block}/norm_{part}")
    start += blocks
    for index, level in enumerate(reversed(range(halvings))):
        number = start + 3 * index
        table |= conv(str(number), f"up_{level}", "transposed") | normed(str(number + 1), f"norm_up_{level}")
    return table | layer(f"{prefix}model.{start + 3 * halvings + 1}", f"{path}to_image", "conv")


def patchgan_names(layers: int, *, norm: str = "batch") -> Table:
    """Of ``NLayerDiscriminator``, or with 0 layers of ``PixelDiscriminator``, as
    :class:`jaxgan.networks.patchgan.Discriminator`.
    """
    bias = norm != "batch"
    if layers == 0:
        table = layer("net.0", "conv_0", "conv") | layer("net.2", "conv_1", "conv", bias=bias)
        table |= batch_norm("net.3", "norm_1") if norm == "batch" else {}
        return table | layer("net.5", "to_logits", "conv", bias=bias)
    table = layer("model.0", "conv_0", "conv")
    for index in range(1, layers + 1):
        number = 3 * index - 1
        table |= layer(f"model.{number}", f"conv_{index}", "conv", bias=bias)
        table |= batch_norm(f"model.{number + 1}", f"norm_{index}") if norm == "batch" else {}
    return table | layer(f"model.{3 * layers + 2}", "to_logits", "conv")
