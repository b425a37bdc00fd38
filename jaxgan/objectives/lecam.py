"""LeCam regularisation for little data (Tseng et al. 2021, arXiv:2104.03310)."""

import jax
import jax.numpy as jnp
from jax import Array


def lecam_penalty(real: Array, fake: Array, anchor_real: Array, anchor_fake: Array) -> Array:
    """mean relu(D(x) - anchor_fake)^2 + mean relu(anchor_real - D(G(z)))^2.

    Logits of real images are drawn to the moving mean of those of generated ones, and the other way round. The paper
    has the squares without relu; google/lecam-gan (``biggan_cifar/losses.py`` and ``stylegan2/lecam_loss.py``),
    which is followed, has the relu, so that logits on the wrong side of the other's anchor cost nothing.

    Args:
      real: logits [B] or [B, S] of real images.
      fake: of generated ones.
      anchor_real: [] or [S], see :func:`update_anchor`; it gets no gradient.
      anchor_fake: of generated images.

    Returns:
      [] float32.
    """
    anchor_real, anchor_fake = jax.lax.stop_gradient((anchor_real, anchor_fake))
    above = jax.nn.relu(real.astype(jnp.float32) - anchor_fake)
    below = jax.nn.relu(anchor_real - fake.astype(jnp.float32))
    return jnp.square(above).mean() + jnp.square(below).mean()


def update_anchor(anchor: Array, mean: Array, decay: float | Array) -> Array:
    """decay anchor + (1 - decay) mean, without gradient (arXiv:2104.03310, section 3).

    google/lecam-gan updates both anchors before they are used in a step. For 1000 steps its BigGAN has decay 0 and no
    penalty; its StyleGAN2 starts from 0 and divides by 1 - decay^t.

    Args:
      anchor: [] or [S] float32.
      mean: of this step's logits over the batch.
      decay: 0.9 in google/lecam-gan's BigGAN, 0.99 in its StyleGAN2.

    Returns:
      The next anchor.
    """
    return decay * anchor + (1.0 - decay) * jnp.asarray(jax.lax.stop_gradient(mean), jnp.float32)
