import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.sharding import AbstractDevice, AbstractMesh

from jaxgan.nn import ConditionalBatchNorm, Conv, DownBlock, UpBlock, UpBottleneck, average_pool, upsample_nearest
from jaxgan.nn.resample_conv import FORMS, choose_form, conv_downsample, linen_hooks, platform, upsample_conv

FUSED = [form for form in FORMS if form != "plain"]
RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(3, 3, 5, 4))
SHAPES = {upsample_conv: (2, 3, 4, 5), conv_downsample: (2, 6, 8, 5)}
CONDITION = np.ones((2, 3), np.float32)


def written_out(function, x, kernel):
    """The layer by Linen's own convolution of the resampled image."""
    conv = nn.Conv(kernel.shape[-1], kernel.shape[:2], use_bias=False)
    apply = functools.partial(conv.apply, {"params": {"kernel": kernel}})
    return apply(upsample_nearest(x)) if function is upsample_conv else average_pool(apply(x))


@pytest.mark.parametrize("function", SHAPES)
def test_forms_and_their_gradients_are_equal_at_borders_too(function):
    with jax.enable_x64(True):
        x, kernel = jnp.asarray(RNG.normal(size=SHAPES[function])), jnp.asarray(KERNEL)
        expected, backward = jax.vjp(functools.partial(written_out, function), x, kernel)
        cotangent = jnp.asarray(RNG.normal(size=expected.shape))
        gradients = backward(cotangent)
        for form in FORMS:
            out, backward = jax.vjp(functools.partial(function, form=form), x, kernel)
            assert out.dtype == jnp.float64
            np.testing.assert_allclose(out, expected, atol=1e-13, err_msg=form)
            for gradient, wanted in zip(backward(cotangent), gradients):
                np.testing.assert_allclose(gradient, wanted, atol=1e-12, err_msg=form)


@pytest.mark.parametrize("form", FORMS)
def test_smallest_images(form):
    kernel = jnp.asarray(KERNEL, jnp.float32)
    for function, size in ((upsample_conv, 1), (conv_downsample, 2)):
        x = jnp.asarray(RNG.normal(size=(1, size, size, 5)), jnp.float32)
        np.testing.assert_allclose(function(x, kernel, form=form), written_out(function, x, kernel), atol=1e-5)


@pytest.mark.parametrize("form", FUSED)
@pytest.mark.parametrize("function", SHAPES)
def test_bfloat16_kernels_are_rearranged_before_they_are_cast(function, form):
    # Taps of 1 + 2^-10 are 1 in bfloat16, and so would their sums be whole numbers; their sums in float32 are not.
    x = jnp.zeros(SHAPES[function], jnp.bfloat16).at[:, 1, 1, 0].set(1)
    kernel = jnp.zeros((3, 3, 5, 4), jnp.float32).at[1, :, 0].set(jnp.array([[1 / 3], [-1 / 3], [2**-12]]))
    out = function(x, kernel, form=form)
    assert out.dtype == jnp.bfloat16
    expected = written_out(function, x.astype(jnp.float32), kernel)
    np.testing.assert_allclose(out.astype(jnp.float32), expected, rtol=2**-7, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "shape", "kernel", "form", "message"),
    [
        (conv_downsample, (1, 5, 4, 5), (3, 3, 5, 4), "products", "5x4"),
        (conv_downsample, (1, 4, 3, 5), (3, 3, 5, 4), "plain", "4x3"),
        (upsample_conv, (1, 4, 4, 5), (1, 1, 5, 4), "phases", r"\[3, 3, 5, features\]"),
        (upsample_conv, (1, 4, 4, 5), (3, 3, 5, 4), "fast", "choose from plain"),
    ],
)
def test_what_cannot_be_computed_raises(function, shape, kernel, form, message):
    with pytest.raises(ValueError, match=message):
        function(jnp.zeros(shape), jnp.zeros(kernel), form=form)


def test_a_layer_with_a_stride_of_its_own_is_refused():
    layer = nn.Conv(4, (3, 3), strides=2, **linen_hooks(upsample_conv, form="phases"))
    with pytest.raises(ValueError, match="no stride"):
        layer.init(jax.random.key(0), jnp.zeros((1, 4, 4, 5)))


def blocks(resample):
    conv = functools.partial(Conv, kernel_init=nn.initializers.normal(0.3), bias_init=nn.initializers.normal(0.3))
    norm = functools.partial(ConditionalBatchNorm, kernel_init=nn.initializers.normal(0.3))
    x, even = RNG.normal(size=(2, 3, 4, 8)).astype(np.float32), RNG.normal(size=(2, 4, 6, 8)).astype(np.float32)
    up = functools.partial(UpBlock(6, conv, norm, resample=resample).apply, x=x, condition=CONDITION, train=True)
    narrow = UpBottleneck(6, conv, norm, upsample=True, ratio=2, resample=resample)
    down = [DownBlock(6, conv, preactivation=p, resample=resample) for p in (True, False)]
    return {
        "up": (UpBlock(6, conv, norm, resample=resample), (x, CONDITION), {"train": True}, up),
        "up_bottleneck": (narrow, (x, CONDITION), {"train": True}, None),
        "down": (down[0], (even,), {}, None),
        "down_first": (down[1], (even,), {}, None),
    }


@pytest.mark.parametrize("name", ["up", "up_bottleneck", "down", "down_first"])
def test_blocks_keep_their_variables_and_values_and_move_u_alike(name):
    plain, inputs, options, _ = blocks("plain")[name]
    variables = plain.init(jax.random.key(0), *inputs, **options)

    def run(block, params):
        out, moved = block.apply({**variables, "params": params}, *inputs, mutable=["spectral"], **options)
        return (out * jnp.cos(jnp.arange(out.size).reshape(out.shape))).sum(), (out, moved)

    both = jax.value_and_grad(run, argnums=1, has_aux=True)
    (_, expected), gradients = both(plain, variables["params"])
    for form in FUSED:
        block = blocks(form)[name][0]
        fresh = jax.eval_shape(functools.partial(block.init, **options), jax.random.key(0), *inputs)
        assert jax.tree.map(jnp.shape, fresh) == jax.tree.map(jnp.shape, variables)
        (_, got), moved = both(block, variables["params"])
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), got, expected)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3), moved, gradients)


def test_auto_follows_the_mesh_that_is_traced_for_before_the_machine():
    assert platform() == "cpu"
    here = choose_form("auto")
    tpu = AbstractMesh((1,), ("data",), abstract_device=AbstractDevice("TPU v5 lite", 1, "tpu"))
    with jax.sharding.use_abstract_mesh(tpu):
        assert platform() == "tpu"
        assert choose_form("auto") != here
        assert choose_form("plain") == "plain"
    with pytest.raises(ValueError, match="auto, plain"):
        choose_form("fastest")
