"""Names of the tensors in NVIDIA/pix2pixHD as ours: the global generator, the enhancer, the discriminators and the
encoder of instances.
"""

from jaxgan.interop.junyanz import resnet_names
from jaxgan.interop.torch_names import Table, layer


def global_names(halvings: int = 4, blocks: int = 9) -> Table:
    """Of ``GlobalGenerator`` alone, as :class:`jaxgan.networks.pix2pixhd.Generator` with ``part='global'``."""
    return resnet_names(halvings, blocks, path="global/")


def enhancer_names(halvings: int = 4, blocks: int = 9, enhancer_blocks: int = 3) -> Table:
    """Of ``LocalEnhancer`` with one enhancer, as :class:`jaxgan.networks.pix2pixhd.Generator` with ``part='both'``."""
    inner = resnet_names(halvings, blocks, path="global/")
    # Its last layers are cut off where the enhancer takes the features.
    table = {name: place for name, place in inner.items() if "to_image" not in place.path}
    table |= layer("model1_1.1", "first", "conv") | layer("model1_1.4", "down", "conv")
    for block in range(enhancer_blocks):
        for part, number in enumerate((1, 5)):
            table |= layer(f"model1_2.{block}.conv_block.{number}", f"block_{block}/conv_{part}", "conv")
    table |= layer(f"model1_2.{enhancer_blocks}", "up", "transposed")
    return table | layer(f"model1_2.{enhancer_blocks + 4}", "to_image", "conv")


def encoder_names(halvings: int = 4) -> Table:
    """Of ``Encoder``, as :class:`jaxgan.networks.pix2pixhd.Encoder`."""
    return resnet_names(halvings, 0, path="pixels/")


def discriminator_names(scales: int, layers: int = 3) -> Table:
    """Of ``MultiscaleDiscriminator`` with features, as :class:`jaxgan.networks.multi_scale.MultiScaleDiscriminator` of
    :class:`jaxgan.networks.patchgan.Discriminator`; its scales are numbered from the coarsest.
    """
    table: Table = {}
    for scale in range(scales):
        name, path = f"scale{scales - 1 - scale}_layer", f"scale_{scale}"
        for index in range(layers + 1):
            table |= layer(f"{name}{index}.0", f"{path}/conv_{index}", "conv")
        table |= layer(f"{name}{layers + 1}.0", f"{path}/to_logits", "conv")
    return table
