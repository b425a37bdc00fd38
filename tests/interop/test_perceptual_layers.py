"""Networks of perceptual losses from files of weights."""

import zlib

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxgan.interop.perceptual_layers import open_perceptual_layers, perceptual_digest
from jaxgan.interop.weights import sha256_of
from jaxgan.training.errors import UserError

# Up to the last convolution of VGG16's fourth stage.
CONVOLUTIONS = {0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256), 14: (256, 256)}
CONVOLUTIONS |= {17: (512, 256), 19: (512, 512), 21: (512, 512)}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    def random(name, shape):
        return np.float32(np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape) * 0.05)

    state = {f"features.{n}.weight": random(f"w{n}", (*widths, 3, 3)) for n, widths in CONVOLUTIONS.items()}
    state |= {f"features.{n}.bias": random(f"b{n}", widths[:1]) for n, widths in CONVOLUTIONS.items()}
    path = tmp_path_factory.mktemp("vgg") / "vgg.safetensors"
    save_file(state | {"classifier.0.weight": np.zeros((2, 2), np.float32)}, path)
    return path


def test_a_file_s_layers_and_its_digest(file):
    opened = open_perceptual_layers("vgg16_43", weights=file)
    assert opened.name == "vgg16_43"
    assert opened.digest == sha256_of(file) == perceptual_digest("vgg16_43", str(file))
    found = opened.apply(opened.variables, jnp.zeros((1, 16, 16, 3)))
    assert [x.shape for x in found] == [(1, 16, 16, 64), (1, 8, 8, 128), (1, 4, 4, 256), (1, 2, 2, 512)]


def test_another_network_s_file_is_refused(file):
    with pytest.raises(UserError, match=r"no weights of the trunk vgg19.*missing"):
        open_perceptual_layers("vgg19", weights=file)
    with pytest.raises(UserError, match="no network of perceptual losses 'vgg11'; choose from vgg16, vgg16_43, vgg19"):
        open_perceptual_layers("vgg11")
