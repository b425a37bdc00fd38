import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxgan.networks.biggan import DISCRIMINATOR_WIDTHS, GENERATOR_WIDTHS, Discriminator, Generator

TINY_G = Generator(5, resolution=16, ch=8, z_dim=12, shared_dim=6, attention=(8,))
TINY_D = Discriminator(5, resolution=16, ch=8, attention=(8,))
RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 12)).astype(np.float32)
LABELS = np.array([0, 2, 4, 2])
IMAGES = RNG.uniform(-1, 1, size=(4, 16, 16, 3)).astype(np.float32)


def abstract(network, first, *, train=True):
    init = functools.partial(network.init_with_output, train=train)
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    return jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct((2, *first), jnp.float32), labels)


def filled(network, first):
    """The network with random variables, drawn in numpy: compiling an init takes longer than all the rest."""
    rng = np.random.default_rng(1)
    shapes = traverse_util.flatten_dict(abstract(network, first, train=False)[1])
    values = {path: rng.normal(size=s.shape).astype(np.float32) for path, s in shapes.items()}
    values |= {path: np.ones_like(v) for path, v in values.items() if path[-1] in ("var", "scale")}
    return network, traverse_util.unflatten_dict(values)


@functools.cache
def tiny_g(**changes):
    return filled(TINY_G.clone(**changes), (12,))


@functools.cache
def tiny_d(**changes):
    return filled(TINY_D.clone(**changes), (16, 16, 3))


@functools.cache
def compiled(network):
    return jax.jit(functools.partial(network.apply, train=False))


def run(pair, *args, variables=None):
    network, fresh = pair
    return compiled(network)(variables or fresh, *args)


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@functools.cache
def sizes_at_128(ch, z_dim, shared_dim, skip_z):
    """Parameters of ImageNet's G, D and shared embedding."""
    generator = Generator(1000, ch=ch, z_dim=z_dim, shared_dim=shared_dim, skip_z=skip_z)
    g = abstract(generator, (z_dim,))[1]["params"]
    d = abstract(Discriminator(1000, ch=ch), (128, 128, 3))[1]["params"]
    return count(g), count(d), count(g.get("shared", {}))


@pytest.mark.parametrize(
    ("ch", "z_dim", "shared_dim", "skip_z", "total"),
    [
        (64, 128, None, False, 81_465_670),
        (96, 128, None, False, 173_538_534),
        (96, 128, 128, False, 160_646_886),
        (96, 120, 128, True, 158_288_358),
        (64, 120, 128, True, 71_298_886),
    ],
)
def test_parameters_of_table_1_which_leaves_the_shared_embedding_out(ch, z_dim, shared_dim, skip_z, total):
    g, d, shared = sizes_at_128(ch, z_dim, shared_dim, skip_z)
    assert shared == (0 if shared_dim is None else 128_000)
    assert g + d - shared == total


def test_parameters_at_128_are_those_of_the_public_implementations():
    assert sizes_at_128(96, 120, 128, True)[:2] == (70_433_988, 87_982_370)


def test_parameters_on_cifar_are_studiogans():
    g = abstract(Generator(10, resolution=32, z_dim=80, attention=(16,)), (80,))[1]
    d = abstract(Discriminator(10, resolution=32, attention=(16,), widths=(2, 2, 2, 2)), (32, 32, 3))[1]
    assert (count(g["params"]), count(d["params"])) == (9_416_196, 2_415_170)


@pytest.mark.parametrize(
    ("resolution", "base"), [(16, (4, 4)), (32, (4, 6)), (64, (4, 4)), (128, (4, 6)), (256, (4, 4)), (512, (4, 4))]
)
def test_shapes_at_every_resolution(resolution, base):
    assert set(GENERATOR_WIDTHS) == set(DISCRIMINATOR_WIDTHS) == {16, 32, 64, 128, 256, 512}
    z_dim = 4 * len(GENERATOR_WIDTHS[resolution])
    generator = Generator(10, resolution=resolution, ch=8, z_dim=z_dim, base=base)
    images, _ = abstract(generator, (z_dim,))
    assert images.shape == (2, base[0] * resolution // 4, base[1] * resolution // 4, 3)
    logits, _ = abstract(Discriminator(10, resolution=resolution, ch=8), images.shape[1:])
    assert logits.shape == (2,)
    assert images.dtype == logits.dtype == jnp.float32


def owners(tree, *names):
    return {path[:-1] for path in traverse_util.flatten_dict(tree) if path[-1] in names}


@pytest.mark.parametrize("shared_dim", [6, None])
def test_every_weight_of_the_generator_but_its_class_tables_is_normalised(shared_dim):
    _, variables = abstract(TINY_G.clone(shared_dim=shared_dim, skip_z=shared_dim is not None), (12,))
    weights = owners(variables["params"], "kernel", "embedding")
    tables = owners(variables["params"], "embedding")
    assert owners(variables["spectral"], "u") == weights - tables
    affine = {(f"block_{b}", f"norm_{n}", name) for b in (0, 1) for n in (0, 1) for name in ("gain", "bias")}
    # A shared table, or a table for each gain and bias; BigGAN-PyTorch normalises neither.
    assert tables == (affine if shared_dim is None else {("shared",)})
    attention = {("attention_0", name) for name in ("theta", "phi", "g", "o")}
    assert weights >= affine | attention | {("seed",), ("to_image",)}


def test_every_weight_of_the_discriminator_is_normalised():
    _, variables = abstract(TINY_D, (16, 16, 3))
    weights = owners(variables["params"], "kernel", "embedding")
    assert owners(variables["spectral"], "u") == weights
    assert weights >= {("head", "linear"), ("head", "embed"), ("block_0", "conv_0"), ("block_2", "conv_1")}


def test_attention_sits_at_its_resolution():
    for generator, discriminator, expected in [
        (Generator(10, ch=8), Discriminator(10, ch=8), ("attention_3", "attention_0")),
        (
            Generator(10, ch=8, z_dim=140, resolution=256),
            Discriminator(10, ch=8, resolution=256),
            ("attention_3", "attention_1"),
        ),
    ]:
        g = abstract(generator, (generator.z_dim,))[1]["params"]
        d = abstract(discriminator, (discriminator.resolution, discriminator.resolution, 3))[1]["params"]
        assert tuple(name for tree in (g, d) for name in tree if name.startswith("attention")) == expected


def test_the_last_discriminator_block_has_an_identity_shortcut():
    _, variables = abstract(TINY_D, (16, 16, 3))
    blocks = {name: set(p) for name, p in variables["params"].items() if name.startswith("block")}
    assert [name for name, layers in blocks.items() if "conv_shortcut" not in layers] == ["block_2"]


def test_images_stay_in_range():
    generator, variables = tiny_g()
    params = dict(variables["params"])
    params["to_image"] = params["to_image"] | {"bias": jnp.array([99.0, -99.0, 0.0])}
    images = run((generator, variables), Z, LABELS, variables={**variables, "params": params})
    assert np.abs(images).max() <= 1.0
    np.testing.assert_allclose(images[..., :2].mean((0, 1, 2)), [1.0, -1.0], atol=1e-3)
    assert images[..., 2].std() > 1e-3


@pytest.mark.parametrize("class_first", [True, False])
def test_conditions_are_the_class_beside_the_blocks_own_chunk_of_z(class_first):
    generator, variables = tiny_g(class_first=class_first)
    flat = traverse_util.flatten_dict(variables["params"])
    of_class = slice(None, 6) if class_first else slice(4, None)
    for path, leaf in flat.items():
        if path[-2:] in (("gain", "kernel"), ("bias", "kernel")):
            assert leaf.shape[0] == 6 + 4
            flat[path] = jnp.asarray(leaf).at[of_class].set(0.0)
    assert flat["seed", "kernel"].shape[0] == 4
    params = traverse_util.unflatten_dict(flat)

    def images(z, labels, changed):
        return np.asarray(run((generator, variables), z, labels, variables={**variables, "params": changed}))

    def moves(z, labels, changed=params):
        return np.abs(images(z, labels, changed) - images(Z, LABELS, changed)).max() > 1e-5

    others = (LABELS + 1) % 5
    assert moves(Z, others, variables["params"])
    assert not moves(Z, others)  # nothing but the class's rows carries the class
    for chunk in range(3):
        z = Z.copy()
        z[:, 4 * chunk : 4 * chunk + 4] += 1.0
        assert moves(z, LABELS)
    # Without block 1's conditions, the last chunk is read by nobody.
    for path in flat:
        if path[0] == "block_1" and path[-2:] in (("gain", "kernel"), ("bias", "kernel")):
            flat[path] = jnp.zeros_like(flat[path]).at[of_class].set(1.0)
    assert not moves(z, LABELS, traverse_util.unflatten_dict(flat))


def test_mixtures_of_classes():
    one_hot = np.eye(5, dtype=np.float32)[LABELS]
    np.testing.assert_allclose(run(tiny_g(), Z, one_hot), run(tiny_g(), Z, LABELS), atol=1e-5)
    ints, floats = run(tiny_d(), IMAGES, LABELS), run(tiny_d(), IMAGES, one_hot)
    np.testing.assert_allclose(floats, ints, rtol=1e-4, atol=1e-4)
    assert np.abs(ints - run(tiny_d(), IMAGES, (LABELS + 1) % 5)).max() > 1e-2
    # The projection is linear in the class.
    others = run(tiny_d(), IMAGES, (LABELS + 1) % 5)
    half = (one_hot + np.roll(one_hot, 1, axis=1)) / 2
    np.testing.assert_allclose(run(tiny_d(), IMAGES, half), (ints + others) / 2, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("skip_z", "shared_dim"), [(True, 6), (False, 6), (False, None)])
def test_without_classes_the_generator_is_conditioned_by_z_or_by_nothing(skip_z, shared_dim):
    network = TINY_G.clone(num_classes=0, skip_z=skip_z, shared_dim=shared_dim)
    params = jax.eval_shape(functools.partial(network.init, train=True), jax.random.key(0), Z, None)["params"]
    affine = params["block_0"]["norm_0"]
    if skip_z:
        assert affine["gain"]["kernel"].shape == affine["bias"]["kernel"].shape == (4, 32)
    else:
        assert {name: leaf.shape for name, leaf in affine.items()} == {"scale": (32,), "bias": (32,)}
    assert not owners(params, "embedding")


def test_the_discriminator_shows_its_pooled_features_and_may_ignore_labels():
    variables = abstract(TINY_D, (16, 16, 3))[1]
    assert variables["features"]["last"].shape == (2, 32)
    assert set(variables["params"]["head"]) == {"linear", "embed"}
    for unconditional in (TINY_D.clone(conditioning="none"), TINY_D.clone(num_classes=0)):
        init = functools.partial(unconditional.init, train=True)
        params = jax.eval_shape(init, jax.random.key(0), IMAGES, None)["params"]
        assert set(params["head"]) == {"linear"}


@pytest.mark.parametrize(("minibatch", "more"), [("none", 0), ("discrimination", 100), ("stddev", 1)])
def test_the_discriminators_head_may_know_the_batch(minibatch, more):
    params = abstract(TINY_D.clone(minibatch=minibatch), (16, 16, 3))[1]["params"]
    assert params["head"]["linear"]["kernel"].shape == (32 + more, 1)


def test_bfloat16_computes_with_float32_parameters_and_results():
    for pair, first, args in [(tiny_g(), (12,), (Z, LABELS)), (tiny_d(), (16, 16, 3), (IMAGES, LABELS))]:
        half = pair[0].clone(dtype=jnp.bfloat16)
        assert {leaf.dtype for leaf in jax.tree.leaves(abstract(half, first)[1])} == {jnp.dtype(jnp.float32)}
        wide, narrow = run(pair, *args), run((half, pair[1]), *args)
        assert narrow.dtype == jnp.float32
        difference = np.abs(narrow - wide).max() / np.abs(wide).max()
        assert 0 < difference < 0.1


@pytest.mark.parametrize(
    ("network", "first", "message"),
    [
        (Generator(10, z_dim=128), (128,), "6 equal chunks: z_dim=128 is no multiple; try 126"),
        (Generator(10), (119,), "z has 119 columns, but z_dim=120"),
        (Generator(10, shared_dim=None), (120,), "set shared_dim"),
        (Generator(10, resolution=100), (120,), r"resolution=100 .*\[16, 32, 64, 128, 256, 512\]"),
        (Generator(10, widths=(4, 4)), (120,), r"has 2 entries; resolution 128 has 6"),
        (Discriminator(10, resolution=100), (100, 100, 3), r"resolution=100 .*\[16, 32, 64, 128, 256, 512\]"),
        (
            Discriminator(10, conditioning="concat"),
            (128, 128, 3),
            "conditioning='concat'; this network takes none, proj",
        ),
        (Discriminator(10, widths=(1,) * 7), (128, 128, 3), "has 7 entries; resolution 128 has 6"),
    ],
)
def test_errors_say_what_would_do(network, first, message):
    with pytest.raises(ValueError, match=message):
        abstract(network, first)
