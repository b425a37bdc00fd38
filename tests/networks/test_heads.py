import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.heads import ClassifierHead, CodeHead, LogitHead

RNG = np.random.default_rng(0)
H = RNG.normal(size=(6, 5)).astype(np.float32)
LABELS = np.array([0, 2, 1, 2, 0, 1], np.int32)


def wide(tree):
    return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def test_a_projection_adds_the_classs_inner_product():
    head = LogitHead(3, conditioning="projection")
    variables = head.init(jax.random.key(0), H, LABELS)
    p = wide(variables["params"])
    expected = (H @ p["linear"]["kernel"])[:, 0] + (p["embed"]["embedding"][LABELS] * H).sum(1)
    np.testing.assert_allclose(head.apply(variables, H, LABELS), expected, rtol=1e-5, atol=1e-6)
    plain = LogitHead(3).init(jax.random.key(0), H, LABELS)
    assert set(plain["params"]) == {"linear"}


def test_spectral_norm_reaches_all_of_a_logits_weights():
    variables = LogitHead(3, conditioning="projection", spectral_norm=True).init(jax.random.key(0), H, LABELS)
    assert set(variables["spectral"]) == {"linear", "embed"}


def test_a_classifier_is_linear():
    head = ClassifierHead(4)
    variables = head.init(jax.random.key(0), H, train=False)
    logits = head.apply(variables, jnp.asarray(H, jnp.bfloat16), train=True)
    assert logits.shape == (6, 4) and logits.dtype == jnp.float32
    p = wide(variables["params"])["linear"]
    np.testing.assert_allclose(head.apply(variables, H, train=True), H @ p["kernel"] + p["bias"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fixed_std", [True, False])
def test_codes_are_infogans(fixed_std):
    head = CodeHead(categorical=(3, 2), continuous=2, hidden=4, fixed_std=fixed_std, weight_init="orthogonal")
    variables = head.init(jax.random.key(0), H, train=False)
    codes, _ = head.apply(variables, H, train=True, mutable=["batch_stats"])
    p = wide(variables["params"])
    h = H @ p["hidden"]["kernel"] + p["hidden"]["bias"]
    h = (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-5)
    h = np.where(h > 0, h, 0.01 * h)
    out = h @ p["codes"]["kernel"] + p["codes"]["bias"]
    assert out.shape == (6, 3 + 2 + (2 if fixed_std else 4))
    assert [c.shape for c in codes.categorical] == [(6, 3), (6, 2)]
    expected = [out[:, :3], out[:, 3:5], out[:, 5:7], np.zeros((6, 2)) if fixed_std else out[:, 7:] / 2]
    for got, want in zip([*codes.categorical, codes.mean, codes.log_std], expected):
        assert got.dtype == jnp.float32
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_codes_of_one_kind_alone():
    for categorical, continuous in [((), 2), ((4,), 0)]:
        head = CodeHead(categorical=categorical, continuous=continuous, hidden=0)
        codes, variables = head.init_with_output(jax.random.key(0), H, train=True)
        assert set(variables["params"]) == {"codes"}
        assert [c.shape[1] for c in codes.categorical] == list(categorical)
        assert codes.mean.shape == codes.log_std.shape == (6, continuous)


def test_errors_say_what_would_do():
    with pytest.raises(ValueError, match="no codes: set categorical"):
        CodeHead(categorical=(), continuous=0).init(jax.random.key(0), H, train=False)
    with pytest.raises(ValueError, match="takes none, projection"):
        LogitHead(3, conditioning="concat").init(jax.random.key(0), H, LABELS)
