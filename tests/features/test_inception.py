"""The FID Inception against the activations of torch-fidelity and pytorch-fid, tap by tap."""

import functools

import jax
import numpy as np
import pytest

from jaxgan.features.inception import InceptionV3, preprocess
from jaxgan.features.inception_weights import inception_variables

TAPS = ("64", "192", "768", "2048", "logits_unbiased", "logits")


@pytest.fixture(scope="module")
def variables(inception_state):
    return inception_variables(inception_state)


@functools.cache
def forward():
    return jax.jit(InceptionV3().apply)


@pytest.mark.parametrize("tag", ["32", "299", "48x64", "320x400"])
@pytest.mark.parametrize(("resizer", "reference"), [("tf1", "tf"), ("torch", "pf")])
def test_every_tap_equals_the_reference(inception_reference, variables, tag, resizer, reference):
    images = inception_reference[f"in_{tag}"].transpose(0, 2, 3, 1)
    taps = forward()(variables, jax.jit(preprocess, static_argnums=1)(images, resizer))
    names = [name for name in TAPS if f"{reference}_{tag}_{name}" in inception_reference]
    assert len(names) == (6 if reference == "tf" else 4)
    for name in names:
        expected = inception_reference[f"{reference}_{tag}_{name}"]
        error = np.abs(np.asarray(taps[name]) - expected).max() / np.abs(expected).max()
        assert error < 1e-5, (name, error)
    assert taps["spatial"].shape == (2, 17 * 17 * 7)


def test_parameter_count(inception_state, variables):
    # Of 23,885,392 values in the state dict, BN's four vectors a convolution become one bias.
    folded = sum(x.size for x in jax.tree.leaves(variables))
    vectors = sum(v.size for n, v in inception_state.items() if ".bn." in n)
    assert sum(v.size for v in inception_state.values()) == 23_885_392
    assert folded == 23_885_392 - vectors + vectors // 4
    shapes = jax.eval_shape(InceptionV3().init, jax.random.key(0), jax.ShapeDtypeStruct((1, 299, 299, 3), np.float32))
    assert jax.tree.map(np.shape, variables) == jax.tree.map(lambda x: x.shape, dict(shapes))


def test_grey_images_are_grey_rgb():
    grey = np.random.default_rng(0).integers(0, 256, (2, 20, 24, 1)).astype(np.uint8)
    rgb = np.repeat(grey, 3, -1)
    np.testing.assert_allclose(preprocess(grey, "tf1"), preprocess(rgb, "tf1"), atol=1e-5)


def test_other_files_are_refused(inception_state):
    name = "Mixed_7c.branch_pool.bn.bias"
    with pytest.raises(ValueError, match=f"{name} is missing"):
        inception_variables({k: v for k, v in inception_state.items() if k != name})
    with pytest.raises(ValueError, match=rf"{name} has shape \[3\].*\[192\]"):
        inception_variables(inception_state | {name: np.zeros(3)})
    with pytest.raises(ValueError, match="not finite"):
        inception_variables(inception_state | {name: np.full(192, np.nan)})
    with pytest.raises(ValueError, match=r"unexpected AuxLogits\.fc\.weight"):
        inception_variables(inception_state | {"AuxLogits.fc.weight": np.zeros(3)})
