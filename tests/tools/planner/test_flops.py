"""FLOPs from a trace: by layer, with control flow and recomputation separate."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxgan.tools.planner import products
from jaxgan.tools.planner.estimate import estimate
from jaxgan.tools.planner.flops import by_layer, by_type, total

N = 32


class Block(nn.Module):
    @nn.compact
    def __call__(self, x):
        return jnp.tanh(nn.Dense(N, use_bias=False, name="dense")(x))


class Net(nn.Module):
    remat: bool = False

    @nn.compact
    def __call__(self, x):
        for k in range(3):
            x = (nn.remat(Block) if self.remat else Block)(name=f"block_{k}")(x)
        return x


def gradient(net):
    x = jax.ShapeDtypeStruct((8, N), jnp.float32)
    params = jax.eval_shape(net.init, jax.random.key(0), x)

    def loss(params, x):
        return jnp.sum(net.apply(params, x))

    return jax.jit(jax.grad(loss)).trace(params, x).jaxpr


def test_layers_have_their_passes():
    one = 2 * 8 * N * N
    found = by_layer(products(gradient(Net())))
    assert found == {
        "Net/block_1/dense": {"forward": one, "backward": 2 * one},
        "Net/block_2/dense": {"forward": one, "backward": 2 * one},
        "Net/block_0/dense": {"forward": one, "backward": one},  # nobody asks for the input's gradient
    }


def test_recomputation_is_no_part_of_what_the_model_needs():
    plain, again = products(gradient(Net())), products(gradient(Net(remat=True)))
    assert total(again, recomputed=False) == total(plain)
    assert total(again) == total(plain) + 3 * 2 * 8 * N * N
    recomputed = {layer: passes.get("recomputed") for layer, passes in by_layer(again).items()}
    assert recomputed == {f"Net/block_{k}/dense": 2 * 8 * N * N for k in range(3)}


def test_branches_loops_and_types():
    w = jax.ShapeDtypeStruct((N, N), jnp.bfloat16)

    def step(w, x):
        x = jax.lax.cond(x[0, 0] > 0, lambda v: v @ w @ w, lambda v: v @ w, x)
        return jax.lax.fori_loop(0, 5, lambda i, v: v @ w, x)

    found = products(jax.jit(step).trace(w, w).jaxpr)
    one = 2 * N**3
    assert by_type(found) == {"bf16": (2 + 5) * one}  # the longer branch, five times round


def test_the_estimate_fuses_arithmetic_and_counts_kernels_once():
    x = jax.ShapeDtypeStruct((N, N), jnp.float32)
    size = 4 * N * N

    def step(x, w):
        y = jnp.tanh(x * 2 + 1) @ w  # the operand is written once, read once
        return jnp.exp(y) * 3  # one kernel with the product

    found = estimate(jax.jit(step).trace(x, x).jaxpr)
    # reads x, writes tanh(x); reads it and w, writes the result (its scalars are 4 bytes each)
    assert 5 * size <= found.bytes <= 5 * size + 64
    assert found.peak_bytes == size


def test_the_estimate_counts_loops_and_the_longest_lived():
    x = jax.ShapeDtypeStruct((N, N), jnp.float32)

    def step(x, length):
        return jax.lax.scan(lambda c, _: (c @ c, None), x, None, length=length)[0]

    one, four = (estimate(jax.jit(step, static_argnums=1).trace(x, k).jaxpr) for k in (1, 4))
    assert four.bytes == 4 * one.bytes
