import numpy as np
import pytest
from flax import traverse_util

from jaxgan.networks.dcgan import Discriminator, Generator, down_conv
from jaxgan.nn.fractional_conv import up_conv

RNG = np.random.default_rng(0)
LABELS = np.array([0, 2, 1, 2], np.int32)
IMAGES = RNG.uniform(-1, 1, size=(4, 8, 8, 2)).astype(np.float32)
TINY_D = Discriminator(ch=2, widths=(1, 2))


def test_kernels_of_five_are_the_authors(abstract, kernels):
    """faces/train_uncond_dcgan.py: gw (100, 1024 * 4 * 4) with gg and gb as long, gw2 (1024, 512, 5, 5), gw3 (512, 256,
    5, 5), gw4 (256, 128, 5, 5), gwx (128, 3, 5, 5), gains and biases of 512, 256, 128; dw (128, 3, 5, 5), dw2 (256,
    128, 5, 5), dw3 (512, 256, 5, 5), dw4 (1024, 512, 5, 5), dwy (1024 * 4 * 4, 1), gains and biases of 256, 512, 1024.
    """
    flat = traverse_util.flatten_dict(abstract(Generator(ch=128, kernel=5, project_norm="unit"), (100,))[1]["params"])
    assert {"/".join(path): leaf.shape for path, leaf in flat.items()} == {
        "project/kernel": (100, 16384),
        "norm_project/scale": (16384,),
        "norm_project/bias": (16384,),
        "conv_0/kernel": (5, 5, 1024, 512),
        "conv_1/kernel": (5, 5, 512, 256),
        "conv_2/kernel": (5, 5, 256, 128),
        "to_image/kernel": (5, 5, 128, 3),
        **{f"norm_{i}/{name}": (512 // 2**i,) for i in range(3) for name in ("scale", "bias")},
    }
    assert kernels(Discriminator(ch=128, kernel=5), (64, 64, 3)) == {
        "conv_0": (5, 5, 3, 128),
        "conv_1": (5, 5, 128, 256),
        "conv_2": (5, 5, 256, 512),
        "conv_3": (5, 5, 512, 1024),
        "head/linear": (16384, 1),
    }


@pytest.mark.parametrize("kernel", [4, 5])
def test_up_is_the_transpose_of_down(kernel):
    """<up(x), y> = <x, down(y)>, the kernel turned and its channels exchanged."""
    x, y = RNG.normal(size=(1, 3, 3, 2)).astype(np.float32), RNG.normal(size=(1, 6, 6, 3)).astype(np.float32)
    weight = RNG.normal(size=(kernel, kernel, 2, 3)).astype(np.float32)
    up = up_conv(3, kernel, use_bias=False, spectral_norm=False).apply({"params": {"kernel": weight}}, x)
    other = weight[::-1, ::-1].transpose(0, 1, 3, 2)
    down = down_conv(2, kernel, use_bias=False, spectral_norm=False).apply({"params": {"kernel": other}}, y)
    np.testing.assert_allclose((up * y).sum(), (x * down).sum(), rtol=1e-4)


def test_layer_norm_scores_each_image_alone(filled, run):
    network = TINY_D.clone(batch_norm=False, layer_norm=True)
    alone = np.concatenate([IMAGES[:1], 0 * IMAGES[1:]])

    def logit(network, images):
        return run(network, images, LABELS, train=True)[0][0]

    np.testing.assert_allclose(logit(network, alone), logit(network, IMAGES), rtol=1e-5)
    # The image's own statistics, over positions and channels, and a gain for each channel.
    params = filled(network, (8, 8, 2))["params"]
    assert params["norm_1"]["scale"].shape == (4,)
    assert np.abs(logit(TINY_D, IMAGES) - logit(TINY_D, alone)) > 1e-4
