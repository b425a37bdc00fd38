import functools

import jax
import jax.numpy as jnp
import pytest
from flax import traverse_util

from jaxgan.networks.biggan_deep import Discriminator, Generator


@pytest.mark.parametrize(
    ("resolution", "count", "published"),
    [(128, 50_244_484, "50.4"), (256, 55_736_708, "55.9"), (512, 56_019_780, "56.2")],
)
def test_parameters_of_the_generator(parameters, resolution, count, published):
    assert parameters(Generator(1000, resolution=resolution), (128,)) == count
    # The released last convolution gives 128 channels, of which three are used.
    unused = 125 * (3 * 3 * 128 + 1)
    assert f"{(count + unused) / 1e6:.1f}" == published


def test_every_block_is_conditioned_on_the_class_and_the_whole_of_z(abstract):
    g = Generator(3, resolution=32, ch=4, depth=2, z_dim=5, shared_dim=4)
    flat = traverse_util.flatten_dict(abstract(g, (5,))[1]["params"])
    gains = {path[0]: leaf.shape[0] for path, leaf in flat.items() if path[-2:] == ("gain", "kernel")}
    assert gains == {f"block_{stage}_{index}": 9 for stage in range(3) for index in range(2)}
    assert flat["project", "kernel"].shape[0] == 9


def test_without_classes_z_alone_is_the_condition():
    g = Generator(0, resolution=32, ch=8, depth=1, z_dim=5, attention=(8,))
    z = jax.ShapeDtypeStruct((2, 5), jnp.float32)
    params = jax.eval_shape(functools.partial(g.init, train=True), jax.random.key(0), z, None)["params"]
    assert params["project"]["kernel"].shape[0] == params["block_0_0"]["norm_0"]["gain"]["kernel"].shape[0] == 5
    assert "shared" not in params


def test_the_discriminator_may_ignore_labels_and_know_the_batch(abstract):
    d = Discriminator(3, resolution=32, ch=8, depth=1, attention=())
    variables = abstract(d, (32, 32, 3))[1]
    assert set(variables["params"]["head"]) == {"linear", "embed"}
    deaf = d.clone(conditioning="none", minibatch="stddev")
    head = abstract(deaf, (32, 32, 3))[1]["params"]["head"]
    assert {name: layer["kernel"].shape for name, layer in head.items()} == {"linear": (33, 1)}
