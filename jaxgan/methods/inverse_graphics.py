"""Minibatches in which one factor varies, so that a number of the latent learns that factor (Deep Convolutional Inverse
Graphics Network: Kulkarni et al. 2015, arXiv:1503.03167, section 3).

The factors are rendered here: an image's rotation and its scale, each of which gets a number of the latent, and which
image it is, which gets the others. No label is used but which of them varies.
"""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.augment.ada_geometry import inverse_transform, resample
from jaxgan.nn import from_uint8

# Factor number i has number i of the latent, and the last one what is left.
FACTORS = ("rotation", "scale", "image")


class Rendered(NamedTuple):
    """A batch in groups.

    Attributes:
      image: uint8 [B, H, W, C].
      varied: int32 [B], the number of the factor that varies in a row's group.
      rotation: float32 [B], degrees.
      scale: float32 [B], in octaves.
    """

    image: Array
    varied: Array
    rotation: Array
    scale: Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class InverseGraphics:
    """The option of a VAE.

    Attributes:
      group: rows that share all factors but one; it divides the batch. The paper's group is the minibatch.
      rotation: degrees, at most, either way.
      octaves: of scale, at most, either way.
      shares: how often each of ``FACTORS`` varies, as weights; the paper has 1 : 1 : 1 : 10.
      invariance: weight of the squared distance of the numbers of factors that do not vary from their group's mean; the
        paper multiplies its gradient by 1/100.
    """

    group: int
    rotation: float = 45.0
    octaves: float = 0.3
    shares: tuple[float, float, float] = (1.0, 1.0, 10.0)
    invariance: float = 0.01

    def rendered(self, image: Array, rng: Array) -> Rendered:
        """The batch in groups of one pose, or of one image, at a pose of its own, or each at its own pose.

        Args:
          image: uint8 [B, H, W, C].
          rng: key.

        Raises:
          ValueError: where groups do not divide the batch.
        """
        rows = image.shape[0]
        if rows % self.group:
            raise ValueError(f"a batch of {rows} in groups of {self.group}: choose a divisor")
        groups = (rows // self.group, self.group)
        chosen, common, own = jax.random.split(rng, 3)
        logits = jnp.log(jnp.array(self.shares))
        varied = jnp.repeat(jax.random.categorical(chosen, logits, shape=groups[:1]), self.group)

        def pose(number: int, most: float) -> Array:
            shared = jax.random.uniform(jax.random.fold_in(common, number), groups[:1], minval=-most, maxval=most)
            single = jax.random.uniform(jax.random.fold_in(own, number), (rows,), minval=-most, maxval=most)
            return jnp.where(varied == number, single, jnp.repeat(shared, self.group))

        rotation, scale = pose(0, self.rotation), pose(1, self.octaves)
        first = jnp.repeat(image.reshape(*groups, *image.shape[1:])[:, 0], self.group, axis=0)
        still = (varied < FACTORS.index("image")).reshape(-1, 1, 1, 1)
        shown = render(jnp.where(still, first, image), rotation, scale)
        return Rendered(shown, varied, rotation, scale)

    def clamped(self, z: Array, varied: Array) -> tuple[Array, Array]:
        """The latents that the decoder is shown, and the loss that draws a group together.

        Args:
          z: [B, Z], Z > 2.
          varied: int [B].

        Returns:
          z [B, Z] with the numbers of factors that do not vary at their group's mean, which pass no gradient on; and
          [B], ``invariance`` / 2 times the squared distance of these numbers from it.
        """
        number = jnp.minimum(jnp.arange(z.shape[1]), FACTORS.index("image"))[None]
        active = number == varied[:, None]
        mean = z.reshape(-1, self.group, z.shape[1]).mean(1)
        mean = jax.lax.stop_gradient(jnp.repeat(mean, self.group, axis=0))
        apart = jnp.where(active, 0, z - mean)
        return jnp.where(active, z, mean), self.invariance / 2 * jnp.square(apart).sum(1)


def render(image: Array, rotation: Array, octaves: Array) -> Array:
    """Images uint8 [B, H, W, C] turned by so many degrees [B], counterclockwise, and 2^octaves [B] times as large."""
    transform = inverse_transform({"pre_rotation": rotation * (math.pi / 180), "scale": jnp.exp2(octaves)})
    moved = resample(from_uint8(image), transform)
    return jnp.round((jnp.clip(moved, -1, 1) + 1) * 127.5).astype(jnp.uint8)
