import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.training.scan_or_unroll import scan_or_unroll


def test_scan_and_unrolled_agree():
    xs = {"a": np.arange(6.0, dtype=np.float32).reshape(3, 2), "n": np.array([1, 2, 3])}

    def body(carry, x):
        carry = carry * 0.5 + x["a"] * x["n"]
        return carry, {"sum": carry.sum(), "n": x["n"]}

    def run(unroll):
        return jax.jit(lambda xs: scan_or_unroll(body, jnp.ones(2), xs, unroll=unroll))(xs)

    (carry, ys), expected = run(True), run(False)
    jax.tree.map(np.testing.assert_array_equal, (carry, ys), expected)
    np.testing.assert_array_equal(ys["n"], [1, 2, 3])
    np.testing.assert_allclose(
        carry, [(0.125 + 0 * 0.25) + 2 * 2 * 0.5 + 4 * 3, 0.125 + 1 * 0.25 + 3 * 2 * 0.5 + 5 * 3]
    )


def test_the_default_on_cpu_is_unrolled():
    def run(unroll):
        def summed(xs):
            return scan_or_unroll(lambda c, x: (c + x, c), jnp.zeros(()), xs, unroll=unroll)

        return str(jax.make_jaxpr(summed)(jnp.ones(3)))

    assert "scan" in run(False)
    assert "scan" not in run(None)
