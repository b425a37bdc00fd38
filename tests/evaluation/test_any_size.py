"""Pictures of mixed sizes through a network with a stride: each as if it were alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.evaluation.any_size import draw_any_size, pad_by_reflection, padded_size
from jaxgan.parallel import make_mesh

SIZES = [(4, 4), (5, 9), (4, 3), (8, 12), (2, 4)]


class Enlarged:
    """Enlarges by ``scale``; refuses sides that its stride does not divide."""

    conditions, latent_shapes, options, num_classes, input_multiple = ("photo",), None, {}, 0, 4

    def __init__(self, scale):
        self.scale = scale

    def sample(self, nets, batch, rng):
        photo = batch["photo"]
        assert photo.shape[1] % 4 == photo.shape[2] % 4 == 0
        wide = jnp.repeat(jnp.repeat(photo, self.scale, 1), self.scale, 2)
        return {"image": wide.astype(jnp.float32) / 127.5 - 1}


@pytest.mark.parametrize("scale", [1, 2])
def test_outputs_are_cropped_to_the_picture(scale):
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 256, (*size, 3)).astype(np.uint8) for size in SIZES]
    found = dict(
        draw_any_size(
            Enlarged(scale),
            {},
            "photo",
            pictures.__getitem__,
            SIZES,
            rng=jax.random.key(0),
            mesh=make_mesh(),
            batch_size=2,
        )
    )
    assert sorted(found) == list(range(5))
    for number, image in found.items():
        np.testing.assert_array_equal(image, pictures[number].repeat(scale, 0).repeat(scale, 1))


def test_padding_mirrors():
    assert padded_size((5, 8), 4) == (8, 8)
    row = pad_by_reflection(np.arange(4)[None], (1, 6))
    assert row.tolist() == [[0, 1, 2, 3, 2, 1]]
