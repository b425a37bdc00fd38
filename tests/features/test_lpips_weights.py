import sys
import zlib

import jax
import numpy as np
import pytest

from jaxgan.features.lpips import LPIPS
from jaxgan.features.lpips_weights import find_lpips_heads, lpips_variables
from jaxgan.interop.torch_checkpoint import read_checkpoint

VGG = {0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256), 14: (256, 256)}
VGG |= {17: (512, 256)} | dict.fromkeys((19, 21, 24, 26, 28), (512, 512))
ALEX = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
FIRES = {3: (64, 16, 64), 4: (128, 16, 64), 6: (128, 32, 128), 7: (256, 32, 128)}
FIRES |= {9: (256, 48, 192), 10: (384, 48, 192), 11: (384, 64, 256), 12: (512, 64, 256)}
TAPS = {
    "vgg": (64, 128, 256, 512, 512),
    "alex": (64, 192, 384, 256, 256),
    "squeeze": (64, 128, 256, 384, 384, 512, 512),
}
# lpips 0.1.4 on torch 2.14 in float64: LPIPS(net, pnet_rand=True) with the trunk's tensors replaced by those of
# `random_trunk`, on the two pairs of `images`; the heads are those of `random_heads`, or the package's own.
REFERENCE = {
    "vgg": ([0.6337722388936654, 0.03684692614276774], [0.11707318109551539, 0.0064696608220607835]),
    "alex": ([0.9262645874344207, 0.033923623192225236], [0.09761401218027373, 0.004259265011886575]),
    "squeeze": ([0.9156614623478254, 0.046431375166908095], [0.11912004817760291, 0.005400210782197311]),
}


def rng(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def random_trunk(trunk):
    shapes = {}
    if trunk == "vgg":
        shapes = {f"features.{n}": (*channels, 3, 3) for n, channels in VGG.items()}
    elif trunk == "alex":
        shapes = {f"features.{n}": (out, in_, k, k) for n, (out, in_, k) in ALEX.items()}
    else:
        shapes["features.0"] = (64, 3, 3, 3)
        for n, (in_, squeezed, expanded) in FIRES.items():
            shapes[f"features.{n}.squeeze"] = (squeezed, in_, 1, 1)
            shapes[f"features.{n}.expand1x1"] = (expanded, squeezed, 1, 1)
            shapes[f"features.{n}.expand3x3"] = (expanded, squeezed, 3, 3)
    state = {}
    for name, shape in shapes.items():
        kernel = rng(f"{name}.weight").standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        state[f"{name}.weight"] = np.float32(kernel)
        state[f"{name}.bias"] = np.float32(rng(f"{name}.bias").standard_normal(shape[:1]) * 0.1)
    return state


def random_heads(trunk):
    names = [f"lin{k}.model.1.weight" for k in range(len(TAPS[trunk]))]
    return {name: np.float32(rng(name).uniform(0, 1, (1, c, 1, 1))) for name, c in zip(names, TAPS[trunk])}


def images():
    r = rng("images")
    a, b = r.uniform(-1, 1, (2, 50, 64, 3)), r.uniform(-1, 1, (2, 50, 64, 3))
    b[1] = np.clip(a[1] + 0.2 * b[1], -1, 1)
    return np.float32(a), np.float32(b)


def distances(trunk, heads_state):
    variables = lpips_variables(trunk, trunk_state=random_trunk(trunk), heads_state=heads_state)
    return jax.jit(LPIPS(trunk).apply)(variables, *images())


@pytest.mark.parametrize("trunk", REFERENCE)
def test_distance_is_the_lpips_packages_with_random_weights(trunk):
    np.testing.assert_allclose(distances(trunk, random_heads(trunk)), REFERENCE[trunk][0], rtol=1e-4)


@pytest.mark.parametrize("trunk", REFERENCE)
def test_distance_is_the_lpips_packages_with_its_own_heads(trunk):
    try:
        path = find_lpips_heads(trunk)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    np.testing.assert_allclose(distances(trunk, read_checkpoint(path)), REFERENCE[trunk][1], rtol=1e-4)


def test_torchvisions_classifier_is_passed_over_and_faults_are_named():
    trunk, heads = random_trunk("alex"), random_heads("alex")
    trunk["classifier.6.weight"] = np.zeros((1000, 4096), np.float32)
    lpips_variables("alex", trunk_state=trunk, heads_state=heads)
    with pytest.raises(ValueError, match=r"trunk vgg16: .*missing.*unexpected.*misshapen.*pass torchvision's vgg16"):
        lpips_variables("vgg", trunk_state=trunk, heads_state=heads)
    missing = r"heads for the trunk 'alex': 1 missing \(lin2\.model\.1\.weight\); pass the tensors of .*v0\.1/alex\.pth"
    with pytest.raises(ValueError, match=missing):
        lpips_variables(
            "alex", trunk_state=trunk, heads_state={k: v for k, v in heads.items() if not k.startswith("lin2")}
        )
    with pytest.raises(ValueError, match=r"unknown LPIPS trunk 'resnet'.*'vgg', 'alex', 'squeeze'"):
        lpips_variables("resnet", trunk_state=trunk, heads_state=heads)


def test_the_package_is_found_without_being_executed(tmp_path, monkeypatch):
    (weights := tmp_path / "lpips" / "weights" / "v0.1").mkdir(parents=True)
    (tmp_path / "lpips" / "__init__.py").write_text("raise AssertionError('executed')")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "lpips", raising=False)
    (weights / "alex.pth").touch()
    assert find_lpips_heads("alex") == weights / "alex.pth"
    with pytest.raises(FileNotFoundError, match=r"lacks weights/v0\.1/vgg\.pth\): pip install lpips"):
        find_lpips_heads("vgg")
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(FileNotFoundError, match=r"no package lpips.*pip install lpips"):
        find_lpips_heads("alex")
    with pytest.raises(ValueError, match="unknown LPIPS trunk 'resnet'"):
        find_lpips_heads("resnet")
