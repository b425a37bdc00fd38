import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import ProjectionHead, pooled

FEATURES = np.random.default_rng(0).normal(size=(3, 4, 6, 8)).astype(np.float32)
LABELS = np.array([2, 0, 4])


@pytest.fixture
def variables():
    fresh = ProjectionHead(5).init(jax.random.key(0), FEATURES, LABELS)
    linear = {**fresh["params"]["linear"], "bias": jnp.full((1,), 0.7)}
    return {**fresh, "params": {**fresh["params"], "linear": linear}}


def test_is_a_linear_layer_plus_an_inner_product_of_summed_features(variables):
    # Orthogonal weights have singular values of 1: normalising changes nothing.
    params = jax.tree.map(lambda p: np.asarray(p, np.float64), variables["params"])
    h = np.maximum(FEATURES, 0).astype(np.float64).sum((1, 2))
    expected = h @ params["linear"]["kernel"][:, 0] + 0.7 + (params["embed"]["embedding"][LABELS] * h).sum(1)
    logits = ProjectionHead(5).apply(variables, FEATURES, LABELS)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, expected, rtol=1e-4)
    assert set(variables["spectral"]) == {"linear", "embed"}


def test_logits_grow_with_the_image(variables):
    score = lambda features: ProjectionHead(5).apply(variables, features, LABELS) - 0.7  # noqa: E731
    np.testing.assert_allclose(score(np.tile(FEATURES, (1, 2, 1, 1))), 2 * score(FEATURES), rtol=1e-5)


@pytest.mark.parametrize(("pooling", "positions"), [("sum", 1), ("mean", 24)])
def test_pools_what_is_above_zero_in_float32(pooling, positions):
    features = jnp.asarray(FEATURES, jnp.bfloat16)
    expected = np.maximum(np.asarray(features, np.float64), 0).sum((1, 2)) / positions
    out = pooled(features, pooling)
    assert out.dtype == jnp.float32
    np.testing.assert_allclose(out, expected, rtol=1e-5)


def test_unknown_pooling_lists_what_exists():
    with pytest.raises(ValueError, match="pooling='max'; choose from sum, mean"):
        pooled(FEATURES, "max")
