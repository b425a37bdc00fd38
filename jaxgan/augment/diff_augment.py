"""DiffAugment: random augmentations of a discriminator's input, through which gradients flow (Zhao et al. 2020,
arXiv:2006.10738; code mit-han-lab/data-efficient-gans, ``DiffAugment-biggan-cifar``).

Random numbers are drawn in one function and used in another, so that a batch can be augmented twice in the same way.
Every image of a batch has numbers of its own, and images are moved by products with matrices of zeros and ones: no
gather, no loop.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.parallel import shard_batch

POLICIES: Mapping[str, tuple[str, ...]] = {
    "color": ("brightness", "saturation", "contrast"),
    "translation": ("translation",),
    "cutout": ("cutout",),
}

# On TPU a float32 product of lesser precision would round the pixels it moves.
_PRECISION = jax.lax.Precision.HIGHEST


class _Operation(NamedTuple):
    draw: Callable[[Array, tuple[int, int, int]], Array]
    apply: Callable[[Array, Array], Array]


def _uniform(low: float, high: float) -> Callable[[Array, tuple[int, int, int]], Array]:
    return lambda rng, shape: jax.random.uniform(rng, (shape[0], 1, 1, 1), jnp.float32, low, high)


def _draw_pair(rng: Array, batch: int, low: tuple[int, int], high: tuple[int, int]) -> Array:
    return jax.random.randint(rng, (batch, 2), jnp.array([low]), jnp.array([high]))


def _draw_shift(rng: Array, shape: tuple[int, int, int]) -> Array:
    batch, height, width = shape
    most = height // 8, width // 8
    return _draw_pair(rng, batch, (-most[0], -most[1]), (most[0] + 1, most[1] + 1))


def _draw_centre(rng: Array, shape: tuple[int, int, int]) -> Array:
    batch, height, width = shape
    # An even hole may be centred on the far border too, so that both borders are cut equally often.
    return _draw_pair(rng, batch, (0, 0), (height + 1 - height // 2 % 2, width + 1 - width // 2 % 2))


def _stretch(images: Array, factor: Array, axes: tuple[int, ...]) -> Array:
    mean = images.mean(axes, keepdims=True)
    return (images - mean) * factor + mean


def _translate(images: Array, shift: Array) -> Array:
    def moved(size: int, by: Array) -> Array:
        pixel = jnp.arange(size)
        return (pixel[None, None] == pixel[None, :, None] + by[:, None, None]).astype(images.dtype)

    rows, columns = moved(images.shape[1], shift[:, 0]), moved(images.shape[2], shift[:, 1])
    images = jnp.einsum("bik,bkjc->bijc", rows, images, precision=_PRECISION)
    return jnp.einsum("bjl,bilc->bijc", columns, images, precision=_PRECISION)


def _cut(images: Array, centre: Array) -> Array:
    def within(size: int, middle: Array) -> Array:
        offset = jnp.arange(size)[None] - middle[:, None] + size // 2 // 2
        return (offset >= 0) & (offset < size // 2)

    rows, columns = within(images.shape[1], centre[:, 0]), within(images.shape[2], centre[:, 1])
    return jnp.where((rows[:, :, None] & columns[:, None, :])[..., None], 0.0, images)


_OPERATIONS: Mapping[str, _Operation] = {
    "brightness": _Operation(_uniform(-0.5, 0.5), jnp.add),
    "saturation": _Operation(_uniform(0.0, 2.0), lambda images, factor: _stretch(images, factor, (3,))),
    "contrast": _Operation(_uniform(0.5, 1.5), lambda images, factor: _stretch(images, factor, (1, 2, 3))),
    "translation": _Operation(_draw_shift, _translate),
    "cutout": _Operation(_draw_centre, _cut),
}


def parse_policy(policy: str) -> tuple[str, ...]:
    """The operations of a policy, in order: 'cutout,color' -> ('cutout', 'brightness', 'saturation', 'contrast').

    Raises:
      ValueError: where a word is unknown or comes twice, naming those that exist.
    """
    words = policy.split(",") if policy else []
    for word in words:
        if word not in POLICIES:
            raise ValueError(
                f"unknown DiffAugment policy {word!r} in {policy!r}; join some of {list(POLICIES)} by commas"
            )
        if words.count(word) > 1:
            raise ValueError(f"DiffAugment policy {policy!r} has {word!r} twice; once is enough")
    return tuple(operation for word in words for operation in POLICIES[word])


def draw(rng: Array, shape: tuple[int, ...], *, policy: str = "color,translation,cutout") -> dict[str, Array]:
    """The numbers of an augmentation of images of ``shape`` [B, H, W, C], by operation.

    Returns:
      Of those of the policy: ``brightness`` [B, 1, 1, 1] in [-1/2, 1/2), added; ``saturation`` in [0, 2) and
      ``contrast`` in [1/2, 3/2), both [B, 1, 1, 1], factors; ``translation`` [B, 2] int32, up to an eighth of height
      and width; ``cutout`` [B, 2] int32, the row and the column of the hole's middle. Eighths and halves are rounded
      down, as in the code for CIFAR-10; the authors' later code rounds to the nearest, which is the same where 8 and 2
      divide the size.

    Raises:
      ValueError: where ``shape`` has not four axes, or the policy is unknown.
    """
    if len(shape) != 4:
        raise ValueError(f"DiffAugment takes images [B, H, W, C], got shape {tuple(shape)}")
    operations = parse_policy(policy)
    keys = jax.random.split(rng, max(len(operations), 1))
    return {
        name: shard_batch(_OPERATIONS[name].draw(key, (shape[0], shape[1], shape[2])))
        for name, key in zip(operations, keys, strict=False)
    }


def apply(images: Array, drawn: Mapping[str, Array], *, policy: str = "color,translation,cutout") -> Array:
    """Augments images [B, H, W, C] by numbers that :func:`draw` gave for this policy.

    Brightness is added; saturation stretches around a pixel's mean over channels (which leaves a grey image as it is),
    contrast around the image's mean; a translation takes pixel i from i + t, and zeros from outside; the hole, half as
    high and as wide as the image, is zero.
    """
    wide = images.astype(jnp.float32)
    for name in parse_policy(policy):
        wide = _OPERATIONS[name].apply(wide, drawn[name])
    return wide.astype(images.dtype)


def diff_augment(images: Array, rng: Array, *, policy: str = "color,translation,cutout") -> Array:
    """Augments every image of a batch at random: real and generated ones, in D's updates and in G's.

    Args:
      images: [B, H, W, C] float, about [-1, 1]; the result may lie outside.
      rng: a key.
      policy: operations in order, joined by commas, of :data:`POLICIES`; '' for none.

    Returns:
      [B, H, W, C], of the dtype of ``images``; computed in float32.

    Raises:
      ValueError: where the policy is unknown or ``images`` are no images.
    """
    return apply(images, draw(rng, images.shape, policy=policy), policy=policy)
