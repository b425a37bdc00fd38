"""Names of the tensors in NVlabs/SPADE as ours: its generator, encoder and discriminators."""

from jaxgan.interop.torch_names import Table, batch_norm, layer, spectral_layer

# Blocks by ours; the last one is of the size 'most' alone.
BLOCKS = {
    "head": "head_0",
    "middle_0": "G_middle_0",
    "middle_1": "G_middle_1",
    **{f"up_{index}": f"up_{index}" for index in range(5)},
}


def generator_names(shortcuts: tuple[str, ...], *, size: str = "normal", latents: str = "none") -> Table:
    """Of ``SPADEGenerator``, as :class:`jaxgan.networks.spade.Generator` without its encoder.

    Args:
      shortcuts: our names of the blocks whose shortcut is a convolution, those that change the channels: 'up_0' to
        'up_3', and of the size 'most' 'up_4'.
      size: 'normal', 'more' or 'most'.
      latents: 'none', or anything else for a first layer of latents, whose units torch orders by channel first: these
        are for the caller to reorder.
    """
    table = layer("fc", "body/first", "conv" if latents == "none" else "dense")
    for ours, theirs in BLOCKS.items():
        if ours == "up_4" and size != "most":
            continue
        norms = ["0", "1"]
        for part in ("0", "1"):
            table |= spectral_layer(f"{theirs}.conv_{part}", f"body/{ours}/conv_{part}", "conv")
        if ours in shortcuts:
            table |= spectral_layer(f"{theirs}.conv_s", f"body/{ours}/conv_shortcut", "conv", bias=False)
            norms.append("s")
        for norm in norms:
            name = f"{theirs}.norm_{norm}"
            path = f"body/{ours}/norm_{'shortcut' if norm == 's' else norm}"
            table |= batch_norm(f"{name}.param_free_norm", f"{path}/norm", affine=False)
            table |= layer(f"{name}.mlp_shared.0", f"{path}/shared", "conv")
            table |= layer(f"{name}.mlp_gamma", f"{path}/gain", "conv")
            table |= layer(f"{name}.mlp_beta", f"{path}/bias", "conv")
    return table | layer("conv_img", "body/to_image", "conv")


def discriminator_names(scales: int = 2, layers: int = 3) -> Table:
    """Of ``MultiscaleDiscriminator`` (``layers`` is its n_layers_D less 1), as
    :class:`jaxgan.networks.multi_scale.MultiScaleDiscriminator` of :class:`jaxgan.networks.patchgan.Discriminator`.
    """
    table: Table = {}
    for scale in range(scales):
        name, path = f"discriminator_{scale}.model", f"scale_{scale}"
        table |= layer(f"{name}0.0", f"{path}/conv_0", "conv")
        for index in range(1, layers + 1):
            table |= spectral_layer(f"{name}{index}.0.0", f"{path}/conv_{index}", "conv", bias=False)
        table |= layer(f"{name}{layers + 1}.0", f"{path}/to_logits", "conv")
    return table


def encoder_names(halvings: int = 6) -> Table:
    """Of ``ConvEncoder``, as :class:`jaxgan.networks.spade.Encoder`; the inputs of its dense layers are ordered by
    channel first in torch: these are for the caller to reorder.
    """
    table: Table = {}
    for index in range(halvings):
        table |= spectral_layer(f"layer{index + 1}.0", f"conv_{index}", "conv", bias=False)
    return table | layer("fc_mu", "mean", "dense") | layer("fc_var", "log_variance", "dense")
