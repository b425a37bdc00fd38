"""Parameter counts are those of brain-research/self-attention-gan at 128 pixels with gf_dim = df_dim = 64:

generator.py, ``generator_test``: g_snh0 128 -> 4 * 4 * 1024; g_block1 to 5, 1024 -> 1024 -> 512 -> 256 -> 128 -> 64,
each with snconv1 3x3 in -> out, snconv2 3x3 out -> out, snconv3 1x1 in -> out and two norms with a gamma and a beta
[1000, channels]; g_non_local on 256 channels after g_block3; g_bn 64; g_snconv_last 3x3 64 -> 3.

discriminator.py, ``discriminator_test``: d_optimized_block1 3 -> 64; d_block2 to 6, 64 -> 128 -> 256 -> 512 -> 1024 ->
1024, sn_conv1 3x3 in -> out, sn_conv2 out -> out, sn_conv3 1x1 but in the last; d_non_local on 128 channels after
d_block2; d_sn_linear 1024 -> 1 with bias; d_embedding [1000, 1024].

non_local.py: theta and phi C -> C / 8, g C -> C / 2, attn C / 2 -> C, without biases, and sigma_ratio.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.sagan import Discriminator, Generator


def attention(c):
    return c * (c // 8) * 2 + c * (c // 2) * 2 + 1


def conv(size, inside, out):
    return size * size * inside * out + out


def test_parameters_at_128_are_the_released_codes(parameters):
    g = parameters(Generator(1000, conditioning="cbn"), (128,))
    widths = [1024, 1024, 512, 256, 128, 64]
    blocks = sum(
        conv(3, a, b) + conv(3, b, b) + conv(1, a, b) + 2 * 1000 * (a + b) for a, b in itertools.pairwise(widths)
    )
    assert g == 129 * 16 * 1024 + blocks + attention(256) + 2 * 64 + conv(3, 64, 3)

    d = parameters(Discriminator(1000, conditioning="projection"), (128, 128, 3))
    widths = [3, 64, 128, 256, 512, 1024, 1024]
    blocks = sum(conv(3, a, b) + conv(3, b, b) + conv(1, a, b) for a, b in itertools.pairwise(widths))
    blocks -= conv(1, 1024, 1024)
    assert d == blocks + attention(128) + 1025 + 1000 * 1024
    # BigGAN's table 1 (arXiv:1809.11096) gives its SAGAN baseline 81.5 million.
    assert f"{(g + d) / 1e6:.1f}" == "81.5"


@pytest.mark.parametrize(
    ("resolution", "height"), [(16, 8), (28, 14), (32, 16), (48, 24), (64, 32), (128, 32), (256, 32)]
)
def test_attention_follows_the_map_of_its_height(abstract, resolution, height):
    images, g = abstract(Generator(resolution=resolution, ch=8), (128,))
    assert images.shape == (2, resolution, resolution, 3)
    logits, d = abstract(Discriminator(resolution=resolution, ch=8), images.shape[1:])
    assert logits.shape == (2,)
    ups = {name for name in g["params"] if name.startswith("attention")}
    downs = {name for name in d["params"] if name.startswith("attention")}
    blocks = sum(name.startswith("block") for name in g["params"])
    halvings = (resolution // height).bit_length() - 1
    assert ups == {f"attention_{blocks - 1 - halvings}"}
    assert downs == {f"attention_{halvings - 1}"}


def test_every_weight_is_normalised_but_the_generators_class_tables(abstract, owners):
    g = abstract(Generator(5, resolution=32, ch=8, conditioning="cbn"), (128,))[1]
    assert owners(g["spectral"], "u") == owners(g["params"], "kernel")
    assert len(owners(g["params"], "embedding")) == 3 * 2 * 2
    d = abstract(Discriminator(5, resolution=32, ch=8, conditioning="projection"), (32, 32, 3))[1]
    assert owners(d["spectral"], "u") == owners(d["params"], "kernel", "embedding")


def test_kernels_start_from_glorots_uniform_everywhere():
    init = functools.partial(Generator(resolution=16, ch=32).init, train=False)
    # The output is not asked for, so nothing but the draws is compiled.
    params = jax.jit(lambda key: init(key, jnp.zeros((2, 128)), None)["params"])(jax.random.key(0))
    kernel = params["block_1"]["conv_0"]["kernel"]
    np.testing.assert_allclose(kernel.var(), 1 / (9 * 32), rtol=0.1)


def test_the_attention_reaches_the_image(filled, run):
    network = Generator(3, resolution=16, ch=16, z_dim=4, conditioning="cbn", resample="plain")
    variables = filled(network, (4,))
    z, labels = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32), np.array([0, 1])

    def images(gamma):
        attention = variables["params"]["attention_0"] | {"gamma": np.float32(gamma)}
        changed = {**variables, "params": variables["params"] | {"attention_0": attention}}
        return run(network, z, labels, variables=changed)[0]

    assert np.abs(images(0.0) - images(1.0)).max() > 1e-3
