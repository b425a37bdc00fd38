"""Tables of torch's names fill every variable of our networks, and nothing else."""

import jax
import pytest
from flax import traverse_util

from jaxgan.interop import pix2pixhd as hd_names
from jaxgan.interop import spade as spade_names
from jaxgan.networks import patchgan, pix2pixhd, spade
from jaxgan.networks.multi_scale import MultiScaleDiscriminator

UPS = ("up_0", "up_1", "up_2", "up_3")
HD = MultiScaleDiscriminator(patchgan.Discriminator(ch=2, norm="instance", padding=2), scales=3)
SPADES = MultiScaleDiscriminator(patchgan.Discriminator(ch=2, norm="instance", padding=2, spectral_norm=True), scales=2)
# The network, its table, shapes of its inputs in torch's order of arguments, and names in torch that end a layer.
NETWORKS = {
    "global": (
        pix2pixhd.Generator(ch=2, part="global"),
        hd_names.global_names(),
        ((1, 0), (1, 32, 32, 3)),
        ("model.1.weight", "model.16.conv_block.5.bias", "model.38.weight"),
    ),
    "enhancer": (
        pix2pixhd.Generator(ch=2),
        hd_names.enhancer_names(),
        ((1, 0), (1, 64, 64, 3)),
        ("model1_1.4.bias", "model1_2.2.conv_block.1.weight", "model1_2.3.weight", "model1_2.7.bias"),
    ),
    "encoder of instances": (
        pix2pixhd.Encoder(ch=2),
        hd_names.encoder_names(),
        ((1, 16, 16, 3), (1, 16, 16)),
        ("model.1.weight", "model.13.bias", "model.25.weight", "model.29.bias"),
    ),
    "pix2pixHD's discriminators": (
        HD,
        hd_names.discriminator_names(3),
        ((1, 64, 64, 3), (1, 64, 64, 5)),
        ("scale2_layer0.0.weight", "scale0_layer4.0.bias"),
    ),
    "SPADE, normal": (
        spade.Generator(ch=2, hidden=4),
        spade_names.generator_names(UPS),
        ((1, 0), {"map": (1, 32, 32, 3)}),
        ("fc.weight", "up_0.conv_s.weight_orig", "head_0.norm_0.mlp_shared.0.bias", "conv_img.bias"),
    ),
    "SPADE, most": (
        spade.Generator(ch=2, hidden=4, size="most", latents="normal", z_dim=6),
        spade_names.generator_names((*UPS, "up_4"), size="most", latents="normal"),
        ((1, 6), {"map": (1, 128, 128, 3)}),
        ("fc.weight", "up_4.norm_s.param_free_norm.running_var", "up_4.conv_1.weight_u"),
    ),
    "SPADE's encoder": (
        spade.Encoder(ch=2, z_dim=6),
        spade_names.encoder_names(),
        ((1, 256, 256, 3),),
        ("layer1.0.weight_orig", "layer6.0.weight_u", "fc_mu.bias", "fc_var.weight"),
    ),
    "SPADE's discriminators": (
        SPADES,
        spade_names.discriminator_names(),
        ((1, 64, 64, 3), {"map": (1, 64, 64, 5)}),
        ("discriminator_0.model0.0.bias", "discriminator_1.model3.0.0.weight_orig", "discriminator_1.model4.0.weight"),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_table_has_a_place_for_each_variable(name):
    network, table, inputs, some = NETWORKS[name]

    def abstract(shape):
        # Three axes are ids.
        return jax.ShapeDtypeStruct(shape, "int32" if len(shape) == 3 else "float32")

    given = jax.tree.map(
        abstract, inputs, is_leaf=lambda x: isinstance(x, tuple) and all(isinstance(n, int) for n in x)
    )
    shapes = jax.eval_shape(lambda *x: network.init(jax.random.key(0), *x, train=True), *given)
    kept = {key: value for key, value in shapes.items() if key in ("params", "batch_stats", "spectral")}
    places = [place.path for place in table.values()]
    assert len(set(places)) == len(places)
    assert set(places) == set(traverse_util.flatten_dict(kept))
    assert set(some) <= table.keys()
