import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxgan.networks.biggan import Discriminator, Generator

TINY_G = Generator(5, resolution=16, ch=8, z_dim=12, shared_dim=6, attention=(8,))
TINY_D = Discriminator(5, resolution=16, ch=8, attention=(8,))
RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 12)).astype(np.float32)
LABELS = np.array([0, 2, 4, 2])
IMAGES = RNG.uniform(-1, 1, size=(4, 16, 16, 3)).astype(np.float32)


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
def test_parameters_of_table_1_which_leaves_the_shared_embedding_out(
    parameters, abstract, ch, z_dim, shared_dim, skip_z, total
):
    generator = Generator(1000, ch=ch, z_dim=z_dim, shared_dim=shared_dim, skip_z=skip_z)
    params = abstract(generator, (z_dim,))[1]["params"]
    shared = params["shared"]["embedding"].size if "shared" in params else 0
    assert shared == (0 if shared_dim is None else 128_000)
    g = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert g + parameters(Discriminator(1000, ch=ch), (128, 128, 3)) - shared == total


@pytest.mark.parametrize("shared_dim", [6, None])
def test_every_weight_of_the_generator_but_its_class_tables_is_normalised(abstract, owners, shared_dim):
    _, variables = abstract(TINY_G.clone(shared_dim=shared_dim, skip_z=shared_dim is not None), (12,))
    weights = owners(variables["params"], "kernel", "embedding")
    tables = owners(variables["params"], "embedding")
    assert owners(variables["spectral"], "u") == weights - tables
    affine = {(f"block_{b}", f"norm_{n}", name) for b in (0, 1) for n in (0, 1) for name in ("gain", "bias")}
    # A shared table, or a table for each gain and bias; BigGAN-PyTorch normalises neither.
    assert tables == (affine if shared_dim is None else {("shared",)})
    attention = {("attention_0", name) for name in ("theta", "phi", "g", "o")}
    assert weights >= affine | attention | {("project",), ("to_image",)}


def test_every_weight_of_the_discriminator_is_normalised(abstract, owners):
    _, variables = abstract(TINY_D, (16, 16, 3))
    weights = owners(variables["params"], "kernel", "embedding")
    assert owners(variables["spectral"], "u") == weights
    assert weights >= {("head", "linear"), ("head", "embed"), ("block_0", "conv_0"), ("block_2", "conv_1")}


def test_attention_sits_at_its_resolution(abstract):
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


def test_the_last_discriminator_block_has_an_identity_shortcut(abstract):
    _, variables = abstract(TINY_D, (16, 16, 3))
    blocks = {name: set(p) for name, p in variables["params"].items() if name.startswith("block")}
    assert [name for name, layers in blocks.items() if "conv_shortcut" not in layers] == ["block_2"]


def test_images_stay_in_range(filled, run):
    variables = filled(TINY_G, (12,))
    params = dict(variables["params"])
    params["to_image"] = params["to_image"] | {"bias": jnp.array([99.0, -99.0, 0.0])}
    images, _, _ = run(TINY_G, Z, LABELS, variables={**variables, "params": params})
    assert np.abs(images).max() <= 1.0
    np.testing.assert_allclose(images[..., :2].mean((0, 1, 2)), [1.0, -1.0], atol=1e-3)
    assert images[..., 2].std() > 1e-3


@pytest.mark.parametrize("class_first", [True, False])
def test_conditions_are_the_class_and_the_blocks_own_chunk_of_z(filled, run, class_first):
    generator = TINY_G.clone(class_first=class_first)
    variables = filled(generator, (12,))
    flat = traverse_util.flatten_dict(variables["params"])
    of_class = slice(None, 6) if class_first else slice(4, None)
    for path, leaf in flat.items():
        if path[-2:] in (("gain", "kernel"), ("bias", "kernel")):
            assert leaf.shape[0] == 6 + 4
            flat[path] = jnp.asarray(leaf).at[of_class].set(0.0)
    assert flat["project", "kernel"].shape[0] == 4
    params = traverse_util.unflatten_dict(flat)

    def images(z, labels, changed):
        return run(generator, z, labels, variables={**variables, "params": changed})[0]

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


@pytest.mark.parametrize(("skip_z", "shared_dim"), [(True, 6), (False, 6), (False, None)])
def test_without_classes_the_generator_is_conditioned_by_z_or_by_nothing(owners, skip_z, shared_dim):
    network = TINY_G.clone(num_classes=0, skip_z=skip_z, shared_dim=shared_dim)
    params = jax.eval_shape(functools.partial(network.init, train=True), jax.random.key(0), Z, None)["params"]
    affine = params["block_0"]["norm_0"]
    if skip_z:
        assert affine["gain"]["kernel"].shape == affine["bias"]["kernel"].shape == (4, 32)
    else:
        assert {name: leaf.shape for name, leaf in affine.items()} == {"scale": (32,), "bias": (32,)}
    assert not owners(params, "embedding")


def test_the_discriminator_may_ignore_labels(abstract):
    variables = abstract(TINY_D, (16, 16, 3))[1]
    assert set(variables["params"]["head"]) == {"linear", "embed"}
    for unconditional in (TINY_D.clone(conditioning="none"), TINY_D.clone(num_classes=0)):
        init = functools.partial(unconditional.init, train=True)
        params = jax.eval_shape(init, jax.random.key(0), IMAGES, None)["params"]
        assert set(params["head"]) == {"linear"}


@pytest.mark.parametrize(("minibatch", "more"), [("none", 0), ("discrimination", 100), ("stddev", 1)])
def test_the_discriminators_head_may_know_the_batch(abstract, minibatch, more):
    params = abstract(TINY_D.clone(minibatch=minibatch), (16, 16, 3))[1]["params"]
    assert params["head"]["linear"]["kernel"].shape == (32 + more, 1)


def test_the_projection_is_linear_in_the_class(run):
    one_hot = np.eye(5, dtype=np.float32)[LABELS]
    mixed = (one_hot + np.roll(one_hot, 1, axis=1)) / 2
    ones, others, half = (run(TINY_D, IMAGES, labels)[0] for labels in (one_hot, np.roll(one_hot, 1, axis=1), mixed))
    assert np.abs(ones - others).max() > 1e-2
    np.testing.assert_allclose(half, (ones + others) / 2, rtol=1e-4, atol=1e-4)
