"""Names of the tensors in NVlabs/stylegan2-ada-pytorch as ours: the generator and the discriminator of StyleGAN2."""

from jaxgan.interop.torch_names import Place, Table, layer


def _mapping(name: str, layers: int, *, classes: bool, average: bool) -> Table:
    table: Table = {}
    if classes:
        table |= layer(f"{name}.embed", "mapping/embed", "dense")
    for number in range(layers):
        table |= layer(f"{name}.fc{number}", f"mapping/fc{number}", "dense")
    if average:
        table[f"{name}.w_avg"] = Place(("w_avg", "mapping", "w_avg"), "vector")
    return table


def _styled(name: str, path: str, *, noise: bool) -> Table:
    table = layer(name, path, "conv") | layer(f"{name}.affine", f"{path}/affine", "dense")
    if noise:
        table[f"{name}.noise_strength"] = Place(("params", path, "noise_strength"), "vector")
        table[f"{name}.noise_const"] = Place(("noise", path, "const"), "vector")
    return table


def generator_names(sides: int, *, mapping_layers: int = 8, classes: bool = False) -> Table:
    """Of ``Generator``, as :class:`jaxgan.networks.stylegan2.Generator`; its filters (``resample_filter``) are
    none of ours.

    Args:
      sides: how many resolutions there are, from 4 pixels on.
      mapping_layers: of the mapping network.
      classes: whether it has classes.
    """
    table = _mapping("mapping", mapping_layers, classes=classes, average=True)
    table["synthesis.b4.const"] = Place(("params", "const"), "image")
    for number in range(sides):
        side = 4 * 2**number
        for part in ("conv0", "conv1")[number == 0 :]:
            table |= _styled(f"synthesis.b{side}.{part}", f"b{side}_{part}", noise=True)
        table |= _styled(f"synthesis.b{side}.torgb", f"b{side}_torgb", noise=False)
    return table


def discriminator_names(sides: int, *, residual: bool = True, classes: bool = False) -> Table:
    """Of ``Discriminator``, as :class:`jaxgan.networks.stylegan2.Discriminator`; arguments as of
    :func:`generator_names`, and whether its architecture is 'resnet'.
    """
    table = _mapping("mapping", 8, classes=True, average=False) if classes else {}
    for number in range(1, sides):
        name = f"b{4 * 2**number}"
        for part in ("fromrgb", "conv0", "conv1")[number < sides - 1 :]:
            table |= layer(f"{name}.{part}", f"{name}_{part}", "conv")
        if residual:
            table |= layer(f"{name}.skip", f"{name}_skip", "conv", bias=False)
    table |= layer("b4.conv", "b4_conv", "conv")
    return table | layer("b4.fc", "b4_fc", "dense") | layer("b4.out", "b4_out", "dense")
