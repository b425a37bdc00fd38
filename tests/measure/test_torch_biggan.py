"""The twin in torch is the same network: what is timed against it is the same work."""

import functools

import jax
import numpy as np
import pytest

from jaxgan.networks.biggan import Discriminator, Generator
from jaxgan.training.state import count_parameters

torch = pytest.importorskip("torch", reason="the comparison's networks need torch: pip install 'jaxgan[bench]'")

# 16 x 8 pixels, so that height and width are distinguished.
G = Generator(num_classes=5, resolution=32, ch=8, z_dim=16, shared_dim=8, attention=(16,), base=(2, 1), bn_eps=1e-4)
D = Discriminator(num_classes=5, resolution=32, ch=8, attention=(16,), widths=(2, 2, 4, 4))


def to_torch(images):
    return torch.from_numpy(np.array(images).transpose(0, 3, 1, 2))


@pytest.fixture(scope="module")
def pair():
    """Variables with no zero or one left where it would hide a mistake, and the twins that hold copies of them."""
    from torch_biggan import networks_like
    from torch_weights import copy_weights

    rng = np.random.default_rng(0)
    z, labels = rng.standard_normal((3, G.z_dim), np.float32), np.array([0, 4, 2], np.int32)
    images = rng.uniform(-1, 1, (3, 16, 8, 3)).astype(np.float32)

    def stirred(module, *inputs):
        variables = {**jax.jit(functools.partial(module.init, train=True))(jax.random.key(0), *inputs)}
        variables.pop("batch_moments", None)
        return jax.tree.map(lambda x: np.asarray(x + 0.1 * rng.standard_normal(x.shape, np.float32)), variables)

    g, d = stirred(G, z, labels), stirred(D, images, labels)
    twins = networks_like(G, D, move_without_gradient=True)
    for variables, twin in zip((g, d), twins):
        copy_weights(variables, twin)
        assert count_parameters(variables) == sum(p.numel() for p in twin.parameters())
    return (g, d), twins, (z, labels, images)


def close(ours, theirs):
    theirs = theirs.detach().numpy()
    np.testing.assert_allclose(np.asarray(ours), theirs, atol=1e-4 * max(1.0, np.abs(theirs).max()))


@functools.cache
def run(module, train):
    mutable = ["batch_stats"] if train else []
    return jax.jit(lambda variables, *inputs: module.apply(variables, *inputs, train=train, mutable=mutable)[0])


@pytest.mark.parametrize(("train", "layout"), [(False, "contiguous_format"), (True, "channels_last")])
def test_outputs_are_equal_with_equal_weights(pair, train, layout):
    (g, d), twins, (z, labels, images) = pair
    theirs = [twin.to(memory_format=getattr(torch, layout)).train(train) for twin in twins]
    labels_t = torch.from_numpy(labels).long()
    with torch.no_grad():
        drawn = theirs[0](torch.from_numpy(z), labels_t)
        logits = theirs[1](to_torch(images), labels_t)
    close(np.asarray(run(G, train)(g, z, labels)).transpose(0, 3, 1, 2), drawn)
    close(run(D, False)(d, images, labels), logits)
    assert drawn.std() > 0.05 and logits.std() > 0.05


def test_vectors_move_as_ours_where_the_weights_learn(pair):
    (_, d), (_, twin), (_, labels, images) = pair
    inputs = to_torch(images), torch.from_numpy(labels).long()
    before = twin.head.linear.u.clone(), twin.block_0.conv_1.u.clone()
    with torch.no_grad():
        twin.train()(*inputs)
    assert torch.equal(twin.block_0.conv_1.u, before[1])
    twin(*inputs)
    apply = functools.partial(D.apply, train=True, mutable=["spectral"])
    moved = jax.jit(apply)(d, images, labels)[1]["spectral"]
    close(moved["block_0"]["conv_1"]["u"], twin.block_0.conv_1.u)
    assert not torch.equal(twin.block_0.conv_1.u, before[1])


def test_folded_weights_draw_the_same(pair):
    from torch_biggan import Spectral

    _, (twin, _), (z, labels, _) = pair
    inputs = torch.from_numpy(z), torch.from_numpy(labels).long()
    with torch.no_grad():
        before = twin.eval()(*inputs)
        for module in twin.modules():
            if isinstance(module, Spectral):
                module.fold()
        close(before, twin(*inputs))
