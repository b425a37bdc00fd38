import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.objectives import orthogonal_penalty

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(3, 3, 2, 5)).astype(np.float32)
TABLE = RNG.normal(size=(4, 6)).astype(np.float32)
# Outputs that outnumber inputs: the other Gram matrix is the smaller.
SEED = RNG.normal(size=(3, 40)).astype(np.float32)


def off_diagonal(w):
    gram = w @ w.T
    return gram - np.diag(np.diag(gram))


def torch_conv(kernel):
    """HWIO -> [out, in * h * w], the matrix that torch's view(out, -1) gives."""
    return np.asarray(kernel, np.float64).transpose(3, 2, 0, 1).reshape(kernel.shape[-1], -1)


def test_orthogonal_filters_of_any_norm_cost_nothing():
    kernel = nn.initializers.orthogonal()(jax.random.key(0), (3, 3, 2, 5), jnp.float32) * jnp.arange(1.0, 6.0).reshape(
        1, 1, 1, 5
    )
    assert orthogonal_penalty({"conv": {"kernel": kernel}}) < 1e-9
    assert orthogonal_penalty({"conv": {"kernel": KERNEL}}) > 1.0


@pytest.mark.parametrize(
    ("name", "weight", "matrix"),
    [
        ("kernel", KERNEL, torch_conv),
        ("kernel", TABLE, lambda w: np.asarray(w, np.float64).T),  # a dense kernel is [in, out]
        ("kernel", SEED, lambda w: np.asarray(w, np.float64).T),
        ("embedding", TABLE, lambda w: np.asarray(w, np.float64)),
        ("embedding", SEED.T, lambda w: np.asarray(w, np.float64)),
    ],
)
def test_value_and_gradient_in_torchs_layout(name, weight, matrix):
    value, gradient = jax.value_and_grad(lambda w: orthogonal_penalty({"layer": {name: w}}))(weight)
    w = matrix(weight)
    np.testing.assert_allclose(value, (off_diagonal(w) ** 2).sum() / 2, rtol=1e-4)
    np.testing.assert_allclose(matrix(gradient), 2 * off_diagonal(w) @ w, rtol=1e-4, atol=1e-4)


def test_sums_over_weights_leaves_vectors_out_and_the_paper_counts_twice():
    alone = [float(orthogonal_penalty({"a": w})) for w in (KERNEL, TABLE)]
    tree = {
        "conv": {"kernel": KERNEL, "bias": np.ones(5, np.float32)},
        "dense": {"kernel": TABLE},
        "gamma": np.float32(1),
    }
    np.testing.assert_allclose(orthogonal_penalty(tree), sum(alone), rtol=1e-6)
    np.testing.assert_allclose(orthogonal_penalty(tree, paper=True), 2 * sum(alone), rtol=1e-6)


def test_exclude_matches_whole_paths():
    tree = {"shared": {"embedding": TABLE}, "block": {"shared": {"embedding": TABLE}}}
    one = float(orthogonal_penalty({"x": {"embedding": TABLE}}))
    np.testing.assert_allclose(orthogonal_penalty(tree), 2 * one, rtol=1e-6)
    np.testing.assert_allclose(orthogonal_penalty(tree, exclude="shared/embedding"), one, rtol=1e-6)
    np.testing.assert_allclose(orthogonal_penalty(tree, exclude="shared"), 2 * one, rtol=1e-6)
    assert orthogonal_penalty(tree, exclude=".*embedding") == 0
