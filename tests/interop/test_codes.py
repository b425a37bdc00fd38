"""Our autoencoders of codes, and our transformer, give what those of CompVis/taming-transformers, openai/DALL-E and
rosinality/vq-vae-2-pytorch give, layer by layer, of the same weights.

The fixture is made by docs/measure/codes_fixture.py.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from named_weights import draw, inputs

from jaxgan.interop.dalle import dvae_names
from jaxgan.interop.rosinality import vqvae_names, vqvae_variables
from jaxgan.interop.taming import autoencoder_names, transformer_names, transformer_variables
from jaxgan.interop.torch_names import variables_of
from jaxgan.networks import dvae, vqgan, vqvae
from jaxgan.networks.transformer import Transformer

FIXTURE = Path(__file__).parent / "data" / "codes.npz"
TOKENS = np.array([[3, 1, 4, 1, 5, 9, 2]])
AXES = {"conv": (3, 2, 0, 1), "transposed": (2, 3, 0, 1), "dense": (1, 0)}


@pytest.fixture(scope="module")
def reference():
    with np.load(FIXTURE) as file:
        return dict(file)


def torch_shape(place, shape):
    order = AXES.get(place.kind)
    return tuple(shape) if order is None else tuple(shape[axis] for axis in order)


def state_of(table, shapes, name, prefix=""):
    """Weights by the names that they have in torch; ``prefix`` is left out there."""
    flat = traverse_util.flatten_dict(dict(shapes))
    return {
        key: draw(f"{name}/{key.removeprefix(prefix)}", torch_shape(place, flat[place.path].shape))
        for key, place in table.items()
        if place.path in flat
    }


def channels_last(x):
    return x.transpose(0, 2, 3, 1) if x.ndim == 4 else x


def compare(table, found, reference, name, prefix=""):
    """Each layer's output; returns how many were compared."""
    compared = 0
    for key, place in table.items():
        layer, _, last = key.removeprefix(prefix).rpartition(".")
        path = (*place.path[1:-1], "__call__")
        if last not in ("weight", "w") or f"{name}/{layer}" not in reference or path not in found:
            continue
        theirs = channels_last(reference[f"{name}/{layer}"])
        np.testing.assert_allclose(found[path][0], theirs, atol=5e-5, rtol=5e-4, err_msg=layer)
        compared += 1
    return compared


def layers_of(reference, name):
    return [key for key in reference if key.startswith(f"{name}/")]


def applied(network, variables, *given, **more):
    """The output, and each layer's, by path."""
    out, found = network.apply(variables, *given, mutable=["intermediates"], capture_intermediates=True, **more)
    return out, traverse_util.flatten_dict(found["intermediates"])


def test_vqgan(reference):
    network = vqgan.Autoencoder(ch=32, widths=(1, 1, 2), blocks=1, attention=(4,), z_dim=8, codes=4, dim=8)
    shapes = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=True), jnp.zeros((1, 16, 16, 3)))
    table = autoencoder_names((1, 1, 2), 1, attended=(2,))
    encoder = {key: place for key, place in table.items() if key.startswith("encoder.")}
    decoder = {key: place for key, place in table.items() if key.startswith("decoder.")}
    others = {key: place for key, place in table.items() if key not in encoder and key not in decoder}
    state = state_of(encoder, shapes, "taming_encoder", "encoder.")
    state |= state_of(decoder, shapes, "taming_decoder", "decoder.")
    state |= state_of(others, shapes, "others")
    variables = variables_of(table, state, shapes, of="VQModel")
    images, features = (channels_last(inputs(shape)) for shape in ((1, 3, 16, 16), (1, 8, 4, 4)))

    def encode(network, x):
        return network.encoder(x, train=False)

    def decode(network, x):
        return network.decoder.images(network.decoder.features(x, train=False))

    for name, given, method, names in (
        ("taming_encoder", images, encode, encoder),
        ("taming_decoder", features, decode, decoder),
    ):
        out, found = applied(network, variables, given, method=method)
        np.testing.assert_allclose(out, channels_last(reference[name]), atol=5e-5, rtol=5e-4)
        prefix = name.removeprefix("taming_") + "."
        assert compare(names, found, reference, name, prefix) == len(layers_of(reference, name))


def test_the_transformer(reference):
    network = Transformer(11, prefix=5, grid=(2, 2), layers=2, heads=2, dim=16)
    tokens = np.pad(TOKENS, ((0, 0), (0, 2)))
    shapes = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=True), tokens)
    # Ours has its queries, keys and values in one layer.
    state = {}
    for key, place in transformer_names(2).items():
        shape = torch_shape(place, traverse_util.flatten_dict(dict(shapes))[place.path].shape)
        if "attn.joined" in key:
            for part in ("query", "key", "value"):
                own = key.replace("joined", part)
                state[own] = draw(f"taming_gpt/{own}", (shape[0] // 3, *shape[1:]))
        else:
            own_shape = (1, *shape) if key == "pos_emb" else shape
            state[key] = draw(f"taming_gpt/{key}", own_shape)
    variables = transformer_variables(state, shapes, layers=2)
    out, found = applied(network, variables, tokens, train=False)
    # It is told seven tokens, ours all eight that are read.
    found = {path: (value[0][:, :7],) for path, value in found.items() if value[0].ndim == 3}
    np.testing.assert_allclose(out[:, :7], reference["taming_gpt"], atol=5e-5, rtol=5e-4)
    # Of each block two norms, the last product of attention, and the two dense layers; and the last norm and product.
    assert compare(transformer_names(2), found, reference, "taming_gpt") == 2 * 5 + 2 + 1


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_the_dvae(side, reference):
    network = dvae.Autoencoder(ch=64, blocks=1, codes=512, first=8)
    shapes = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=True), jnp.zeros((1, 16, 16, 3)))
    shapes = {"params": {side: shapes["params"][side]}}
    name, table = f"dalle_{side}", dvae_names(side, 1, same=side == "encoder")
    variables = variables_of(table, state_of(table, shapes, name), shapes, of=name)
    if side == "encoder":
        given = (channels_last(inputs((1, 3, 16, 16))) + 1) / 2
    else:
        given = jax.nn.softmax(3 * channels_last(inputs((1, 512, 2, 2))), axis=-1)
    method = network.logits if side == "encoder" else network.pixels
    out, found = applied(network, variables, given, method=method)
    out = jnp.concatenate(out, axis=-1) if isinstance(out, tuple) else out
    np.testing.assert_allclose(out, channels_last(reference[name]), atol=5e-5, rtol=5e-4)
    assert compare(table, found, reference, name) == len(layers_of(reference, name))


def test_vqvae_2(reference):
    network = vqvae.Autoencoder(levels=2, ch=8, blocks=1, hidden=4, codes=16, dim=4)
    images = channels_last(inputs((1, 3, 16, 16)))
    shapes = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, train=True), images)
    table = vqvae_names(1)
    variables = vqvae_variables(state_of(table, shapes, "rosinality"), shapes, blocks=1)
    (out, levels), found = applied(network, variables, images, train=False)
    np.testing.assert_array_equal(levels[0].codes, reference.pop("rosinality/codes_b"))
    np.testing.assert_array_equal(levels[1].codes, reference.pop("rosinality/codes_t"))
    np.testing.assert_allclose(out, channels_last(reference["rosinality"]), atol=5e-5, rtol=5e-4)
    assert compare(table, found, reference, "rosinality") == len(layers_of(reference, "rosinality"))
