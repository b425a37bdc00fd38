"""Codebooks by the formulas, in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn.vector_quantizer import VectorQuantizer

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)


def made(**fields):
    module = VectorQuantizer(size=6, dim=5, **fields)
    return module, module.init({"params": jax.random.key(0), "noise": jax.random.key(1)}, INPUTS, train=True)


def nearest(inputs, book):
    return np.square(inputs[..., None, :] - book).sum(-1).argmin(-1)


def test_vectors_become_the_nearest_code_and_their_gradient_passes():
    module, variables = made()
    book = np.asarray(variables["codebook"]["codes"])
    found = module.apply(variables, INPUTS, train=False)
    codes = nearest(INPUTS, book)
    np.testing.assert_array_equal(found.codes, codes)
    np.testing.assert_allclose(found.vectors, book[codes], atol=1e-6)
    np.testing.assert_allclose(module.apply(variables, found.codes, method="vectors"), book[codes], atol=1e-6)
    np.testing.assert_allclose(found.loss, 0.25 * np.square(INPUTS - book[codes]).mean(), rtol=1e-5)
    share = np.bincount(codes.reshape(-1), minlength=6) / codes.size
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    np.testing.assert_allclose(found.perplexity, np.exp(entropy), rtol=1e-4)
    np.testing.assert_allclose(found.usage, (share > 0).mean())
    weights = RNG.normal(size=INPUTS.shape).astype(np.float32)
    gradient = jax.grad(lambda x: (module.apply(variables, x, train=False).vectors * weights).sum())(INPUTS)
    np.testing.assert_allclose(gradient, weights, rtol=1e-6)


def test_codes_are_unbiased_averages_with_smoothed_counts_of_batches_quantised_before():
    module, variables = made(decay=0.9, epsilon=0.1)
    book, counts, sums = np.asarray(variables["codebook"]["codes"], np.float64), np.zeros(6), np.zeros((6, 5))
    state = variables["codebook"]
    for step in range(1, 4):
        inputs = RNG.normal(size=INPUTS.shape).astype(np.float32)
        found, moved = module.apply({"codebook": state}, inputs, train=True, mutable=["codebook"])
        state, codes = moved["codebook"], nearest(inputs, book)
        np.testing.assert_array_equal(found.codes, codes)
        one_hot = np.eye(6)[codes.reshape(-1)]
        counts = 0.9 * counts + 0.1 * one_hot.sum(0)
        sums = 0.9 * sums + 0.1 * one_hot.T @ inputs.reshape(-1, 5)
        average = counts / (1 - 0.9**step)
        smooth = (average + 0.1) / (average.sum() + 6 * 0.1) * average.sum()
        book = sums / (1 - 0.9**step) / smooth[:, None]
        np.testing.assert_allclose(state["codes"], book, rtol=1e-4, atol=1e-5)
    _, unmoved = module.apply({"codebook": state}, INPUTS, train=False, mutable=["codebook"])
    jax.tree.map(np.testing.assert_array_equal, unmoved["codebook"], state)


def test_codes_by_gradient_move_to_what_they_stand_for():
    module, variables = made(update="gradient")
    assert set(variables) == {"params"}
    book = np.asarray(variables["params"]["codes"])
    gradient = jax.grad(lambda p: module.apply({"params": p}, INPUTS, train=True).loss)(variables["params"])["codes"]
    codes = nearest(INPUTS, book).reshape(-1)
    wanted = np.zeros_like(book)
    np.add.at(wanted, codes, 2 * (book[codes] - INPUTS.reshape(-1, 5)) / INPUTS.size)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-4, atol=1e-6)


def test_a_dead_code_becomes_a_vector_of_the_batch():
    module, variables = made(restart=0.5)
    codes = variables["codebook"]["codes"].at[2].set(100.0)
    state = {**variables["codebook"], "codes": codes}
    kwargs = dict(train=True, mutable=["codebook"], rngs={"noise": jax.random.key(3)})
    _, moved = module.apply({"codebook": state}, INPUTS, **kwargs)
    away = np.abs(INPUTS.reshape(-1, 5) - np.asarray(moved["codebook"]["codes"])[2]).max(-1).min()
    assert away < 1e-3
    # It counts as much as the least that lives.
    assert moved["codebook"]["counts"][2] == pytest.approx(0.5 * (1 - 0.99), rel=1e-5)


def test_other_vectors_are_refused():
    module, variables = made()
    with pytest.raises(ValueError, match="codes of 5 numbers got vectors of 4"):
        module.apply(variables, jnp.zeros((2, 4)), train=False)
    with pytest.raises(ValueError, match="update='sometimes'; choose from average, gradient"):
        made(update="sometimes")
