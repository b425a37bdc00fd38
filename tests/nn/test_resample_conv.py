import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import traverse_util
from jax.sharding import AbstractDevice, AbstractMesh, AxisType

from jaxgan.networks import biggan, biggan_deep
from jaxgan.nn import average_pool, upsample_nearest
from jaxgan.nn.resample_conv import FORMS, choose_form, conv_downsample, linen_hooks, upsample_conv
from jaxgan.parallel import AXES

FUSED = [form for form in FORMS if form != "plain"]
RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(3, 3, 5, 4))
SHAPES = {upsample_conv: (2, 3, 4, 5), conv_downsample: (2, 6, 8, 5)}


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
            apply = functools.partial(function, form=form)
            out, got = jax.jit(lambda y, a=apply: (a(x, kernel), jax.vjp(a, x, kernel)[1](y)))(cotangent)
            assert out.dtype == jnp.float64
            np.testing.assert_allclose(out, expected, atol=1e-13, err_msg=form)
            for gradient, wanted in zip(got, gradients):
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


NETWORKS = {
    "generator": (functools.partial(biggan.Generator, 5, resolution=16, ch=8, z_dim=12, shared_dim=6), (12,)),
    "discriminator": (functools.partial(biggan.Discriminator, 5, resolution=16, ch=8), (16, 16, 3)),
    "deep_generator": (
        functools.partial(biggan_deep.Generator, 5, resolution=32, ch=8, depth=1, z_dim=6, shared_dim=6),
        (6,),
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "deep_generator" else n for n in NETWORKS]
)
@pytest.mark.slow
def test_whole_networks_keep_their_variables_and_values_and_move_u_alike(name):
    make, shape = NETWORKS[name]
    labels = jnp.array([0, 3])

    def run(form, variables):
        network = make(attention=(), resample=form)
        return network.apply(variables, first, labels, train=True, mutable=["batch_stats", "spectral"])

    def shapes(form):
        init = functools.partial(make(attention=(), resample=form).init, train=True)
        return jax.eval_shape(init, jax.random.key(0), first, labels)

    first = jnp.asarray(RNG.normal(size=(2, *shape)), jnp.float32)
    flat = traverse_util.flatten_dict(shapes("plain"))
    values = {path: 0.3 * RNG.normal(size=leaf.shape).astype(np.float32) for path, leaf in flat.items()}
    variables = traverse_util.unflatten_dict({k: np.abs(v) if k[-1] == "var" else v for k, v in values.items()})
    expected = jax.jit(functools.partial(run, "plain"))(variables)
    assert np.std(expected[0]) > 0.01
    for form in FUSED:
        assert jax.tree.map(jnp.shape, shapes(form)) == jax.tree.map(jnp.shape, shapes("plain"))
        got = jax.jit(functools.partial(run, form))(variables)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), got, expected)


def test_auto_follows_the_mesh_that_is_traced_for_and_the_size():
    shape = (32, 16, 16, 8)
    assert choose_form("auto", shape, up=True) == choose_form("auto", shape, up=False) == "products"
    device = AbstractDevice(device_kind="TPU v5 lite", num_cores=1, platform="tpu")
    tpu = AbstractMesh((2, 1, 1), AXES, (AxisType.Auto,) * 3, abstract_device=device)
    with jax.sharding.use_abstract_mesh(tpu):
        assert choose_form("auto", shape, up=True) == "strided"
        # 16 images a device, pooled to 8x8.
        assert choose_form("auto", shape, up=False) == "plain"
        assert choose_form("phases", shape, up=False) == "phases"
    with pytest.raises(ValueError, match="auto, plain"):
        choose_form("fastest", shape, up=True)
