"""StyleGAN2's networks: parameters as published, styles, truncation and noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import recipes
from jaxgan.experiment.config_file import load
from jaxgan.networks.stylegan2 import Discriminator, Generator
from jaxgan.networks.styles import Mapping
from jaxgan.training.errors import UserError

RNG = np.random.default_rng(0)
CONFIG_E = dict(channel_base=16_384)
CIFAR = dict(resolution=32)


def parameters_of(network, first, labels=None):
    labels = np.zeros(2, np.int32) if labels is None else labels
    init = lambda key: network.init({"params": key, "noise": key, "mix": key}, first, labels, train=True)  # noqa: E731
    shapes = jax.eval_shape(init, jax.random.key(0))
    return sum(x.size for x in jax.tree.leaves(shapes["params"]))


@pytest.mark.parametrize(
    ("fields", "g_fields", "d_fields", "g_count", "d_count"),
    [
        (dict(resolution=1024), {}, {}, 30_370_060, 29_012_513),
        (dict(resolution=1024, **CONFIG_E), {}, {}, 24_900_764, 24_038_161),
        (dict(resolution=512), {}, {}, 30_276_583, 28_982_849),
        (dict(resolution=256), {}, {}, 30_034_338, 28_864_129),
        (dict(resolution=128), {}, {}, 29_328_669, 28_389_121),
        (dict(resolution=256, **CONFIG_E), {}, {}, 24_767_458, 24_001_089),
        (dict(resolution=256, **CONFIG_E), dict(mapping_layers=2), {}, 23_191_522, None),
        (dict(resolution=64, **CONFIG_E), dict(mapping_layers=2), {}, 22_243_608, 23_407_361),
        (CIFAR, dict(mapping_layers=2), dict(architecture="orig"), 19_947_539, 20_720_641),
        (CIFAR | dict(num_classes=10), dict(mapping_layers=2), dict(architecture="orig"), 20_215_315, 23_089_664),
    ],
)
def test_parameters_are_as_published(fields, g_fields, d_fields, g_count, d_count):
    """Of NVlabs/stylegan2-ada-pytorch: configs F and E, 'paper256', 'auto' at 256 and 64, 'cifar' without and with
    classes.
    """
    side = fields["resolution"]
    assert parameters_of(Generator(**fields, **g_fields), jnp.zeros((2, 512))) == g_count
    if d_count is not None:
        assert parameters_of(Discriminator(**fields, **d_fields), jnp.zeros((2, side, side, 3))) == d_count


def small(**changes):
    return Generator(
        **dict(z_dim=6, w_dim=8, resolution=16, channel_base=128, channel_max=8, mapping_layers=2) | changes
    )


@pytest.fixture(scope="module")
def variables():
    key = jax.random.key(0)
    z, labels = jnp.zeros((2, 6)), jnp.zeros(2, jnp.int32)
    made = jax.jit(lambda key: small().init({"params": key, "noise": key, "mix": key}, z, labels, train=True))(key)
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda x: x + 0.3 * rng.standard_normal(x.shape).astype(np.float32), made["params"])
    return {**made, "params": params, "w_avg": {"mapping": {"w_avg": rng.standard_normal(8).astype(np.float32)}}}


def drawn(variables, z, *, network=None, **options):
    run = lambda z: (network or small()).apply(variables, z, np.zeros(len(z), np.int32), train=False, **options)  # noqa: E731
    return np.asarray(jax.jit(run)(z))


def test_truncation_brings_styles_towards_the_average_up_to_the_cutoff(variables):
    z, network, labels = RNG.normal(size=(3, 6)).astype(np.float32), small(), np.zeros(3, np.int32)

    def styles(**options):
        return np.asarray(network.apply(variables, z, labels, train=False, method="styles", **options))

    whole, average = styles(), np.asarray(variables["w_avg"]["mapping"]["w_avg"])
    assert whole.shape == (3, 6, 8) == (3, network.num_ws, 8)
    np.testing.assert_allclose(styles(psi=0.3), average + 0.3 * (whole - average), rtol=1e-5, atol=1e-6)
    cut = styles(psi=0.3, cutoff=2)
    np.testing.assert_array_equal(cut[:, 2:], whole[:, 2:])
    np.testing.assert_allclose(cut[:, :2], styles(psi=0.3)[:, :2], rtol=1e-6)
    # At psi 0 all latents give one image.
    images = drawn(variables, z, psi=0.0, noise="const")
    np.testing.assert_allclose(images, images[:1].repeat(3, 0), atol=1e-5)


def test_noise_is_drawn_or_the_same_or_none(variables):
    z = RNG.normal(size=(1, 6)).astype(np.float32).repeat(2, 0)
    const, none = drawn(variables, z, noise="const"), drawn(variables, z, noise="none")
    np.testing.assert_array_equal(const[0], const[1])
    assert np.abs(const - none).max() > 1e-3
    random = drawn(variables, z, noise="random", rngs={"noise": jax.random.key(0)})
    assert np.abs(random[0] - random[1]).max() > 1e-3
    with pytest.raises(ValueError, match="noise='white'; choose from random, const, none"):
        drawn(variables, z, noise="white")


@pytest.mark.slow
def test_training_moves_the_average_of_w_and_mixes_styles_from_a_layer_on(variables):
    network, z, labels = small(mixing=1.0), RNG.normal(size=(64, 6)).astype(np.float32), np.zeros(64, np.int32)
    keys = {"noise": jax.random.key(0), "mix": jax.random.key(1)}
    collections = ["w_avg"]
    run = jax.jit(
        lambda net, z: net.apply(variables, z, labels, train=True, rngs=keys, mutable=collections), static_argnums=0
    )
    _, moved = run(network, z)
    w = np.asarray(network.apply(variables, z, labels, train=False, method="styles"))[:, 0]
    before = np.asarray(variables["w_avg"]["mapping"]["w_avg"])
    # Of the batch's own latents, not of those that are mixed in.
    np.testing.assert_allclose(
        moved["w_avg"]["mapping"]["w_avg"], 0.995 * before + 0.005 * w.mean(0), rtol=1e-4, atol=1e-6
    )
    mixed, plain = run(network, z)[0], run(small(mixing=0.0), z)[0]
    assert np.abs(mixed - plain).max() > 1e-3


def test_an_image_needs_not_be_square():
    generator, discriminator = (
        small(resolution=32, base=(3, 4)),
        Discriminator(resolution=32, base=(3, 4), channel_max=8),
    )
    keys = {name: jax.random.key(0) for name in ("params", "noise", "mix")}
    labels = np.zeros(4, np.int32)
    images, _ = jax.eval_shape(lambda: generator.init_with_output(keys, jnp.zeros((4, 6)), labels, train=True))
    assert images.shape == (4, 24, 32, 3)
    logits, _ = jax.eval_shape(
        lambda: discriminator.init_with_output(keys, jnp.zeros(images.shape), labels, train=True)
    )
    assert logits.shape == (4,)
    with pytest.raises(ValueError, match=r"images of \(32, 32\): the discriminator takes \(24, 32\)"):
        discriminator.init(keys, jnp.zeros((4, 32, 32, 3)), labels, train=True)
    with pytest.raises(ValueError, match=r"resolution=24 is not base=\(4, 4\) times a power of two"):
        _ = small(resolution=24).sides


def test_upper_sides_in_bfloat16_draw_nearly_the_same(variables):
    z = RNG.normal(size=(3, 6)).astype(np.float32)
    whole = drawn(variables, z, noise="const")
    low = drawn(variables, z, noise="const", network=small(low_sides=2, clamp=256.0))
    assert low.dtype == np.float32 and 0 < np.abs(low - whole).max() < 0.05 * np.abs(whole).max()


def test_the_mapping_of_classes_alone():
    network = Mapping(4, num_classes=3, decay=None)
    variables = network.init(jax.random.key(0), None, np.arange(3), train=False)
    assert list(variables) == ["params"]
    one = network.apply(variables, None, np.arange(3), train=False)
    mixture = network.apply(variables, None, np.eye(3, dtype=np.float32), train=False)
    np.testing.assert_allclose(one, mixture, rtol=1e-6)
    assert np.abs(one[0] - one[1]).max() > 1e-3


@pytest.mark.parametrize("recipe", ["progan", "stylegan", "stylegan2"])
def test_real_and_fake_in_one_batch_are_refused_where_d_compares_its_rows(recipe):
    config = load(f"{recipe}:flowers,smoke")
    config.method.joint = True
    with pytest.raises(UserError, match=r"'stddev' compares the images of a batch.*--config.method.joint=false"):
        recipes.build(config)
    assert recipes.build(load(f"{recipe}:flowers,smoke")).total_steps
