import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.augment import diff_augment
from jaxgan.augment.diff_augment import apply, draw, parse_policy

RNG = np.random.default_rng(0)
POLICY = "color,translation,cutout"


def images_of(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def reference(image, policy, drawn):
    """One image, pixel by pixel in float64."""
    x = image.astype(np.float64)
    height, width, _ = x.shape
    for word in policy.split(","):
        if word == "color":
            x = x + drawn["brightness"].item()
            grey = x.mean(-1, keepdims=True)
            x = grey + (x - grey) * drawn["saturation"].item()
            x = x.mean() + (x - x.mean()) * drawn["contrast"].item()
        elif word == "translation":
            out = np.zeros_like(x)
            for i in range(height):
                for j in range(width):
                    y, z = i + drawn["translation"][0], j + drawn["translation"][1]
                    if 0 <= y < height and 0 <= z < width:
                        out[i, j] = x[y, z]
            x = out
        else:
            y, z = (int(c) - size // 2 // 2 for c, size in zip(drawn["cutout"], (height, width), strict=True))
            x = x.copy()
            x[max(y, 0) : max(y + height // 2, 0), max(z, 0) : max(z + width // 2, 0)] = 0
    return x


@pytest.mark.parametrize("policy", [POLICY, "cutout,color", "translation"])
@pytest.mark.parametrize("shape", [(16, 16, 24, 3), (16, 18, 11, 1)])
def test_is_the_per_image_operation(policy, shape):
    images = images_of(*shape)
    drawn = jax.tree.map(np.asarray, draw(jax.random.key(1), shape, policy=policy))
    out = jax.jit(lambda x, d: apply(x, d, policy=policy))(images, drawn)
    expected = [reference(x, policy, {k: v[i] for k, v in drawn.items()}) for i, x in enumerate(images)]
    np.testing.assert_allclose(out, expected, atol=1e-5)
    if policy == "translation":
        np.testing.assert_array_equal(diff_augment(images, jax.random.key(1), policy=policy), out)


def test_numbers_fill_their_ranges():
    drawn = draw(jax.random.key(0), (4000, 16, 24, 3))
    for name, low, high in [("brightness", -0.5, 0.5), ("saturation", 0, 2), ("contrast", 0.5, 1.5)]:
        assert low <= drawn[name].min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < drawn[name].max() <= high
    for axis, most in enumerate((2, 3)):
        assert set(np.asarray(drawn["translation"][:, axis]).tolist()) == set(range(-most, most + 1))
    # Holes of 8 x 12 are even: their middles may lie on either border.
    for axis, size in enumerate((16, 24)):
        assert set(np.asarray(drawn["cutout"][:, axis]).tolist()) == set(range(size + 1))
    odd = np.asarray(draw(jax.random.key(0), (1000, 6, 10, 3))["cutout"])
    assert (odd.max(0) == [5, 9]).all()


def test_images_of_a_batch_differ_and_grey_keeps_its_saturation():
    same = np.broadcast_to(images_of(1, 16, 16, 1), (4, 16, 16, 1))
    out = np.asarray(diff_augment(same, jax.random.key(0)))
    assert len(np.unique(out.reshape(4, -1), axis=0)) == 4
    drawn = draw(jax.random.key(0), same.shape, policy="color")
    neutral = {**drawn, "saturation": np.ones((4, 1, 1, 1), np.float32)}
    assert np.abs(drawn["saturation"] - 1).min() > 1e-3
    np.testing.assert_allclose(apply(same, drawn, policy="color"), apply(same, neutral, policy="color"), atol=1e-6)


@pytest.mark.slow
def test_second_derivatives_are_those_of_a_linear_map():
    # All operations are affine in the image: of sum(A(x)^3), the Hessian along v is 6 A'^T (A(x) * A' v).
    x, v = images_of(2, 8, 8, 3), images_of(2, 8, 8, 3)
    drawn = draw(jax.random.key(0), x.shape)
    augment = lambda x: apply(x, drawn)  # noqa: E731
    linear = lambda v: augment(v) - augment(jnp.zeros_like(x))  # noqa: E731
    slope = jax.grad(lambda x: (augment(x) ** 3).sum())
    hessian = jax.jit(lambda x, v: jax.jvp(slope, (x,), (v,))[1])(x, v)
    (expected,) = jax.linear_transpose(linear, x)(6 * augment(x) * linear(v))
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(hessian, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_dtype_vmap_and_empty_policy():
    x = jnp.asarray(images_of(2, 3, 8, 8, 3), jnp.bfloat16)
    keys = jax.random.split(jax.random.key(0), 2)
    out = jax.vmap(diff_augment)(x, keys)
    assert out.dtype == jnp.bfloat16
    apart = jnp.stack([diff_augment(x[k], keys[k]) for k in range(2)])
    np.testing.assert_allclose(out.astype(np.float32), apart.astype(np.float32), atol=2e-2)
    np.testing.assert_array_equal(diff_augment(x[0], keys[0], policy=""), x[0])


def test_unknown_policies_raise():
    assert parse_policy("cutout,color") == ("cutout", "brightness", "saturation", "contrast")
    with pytest.raises(ValueError, match=r"unknown DiffAugment policy 'colour'.*\['color', 'translation', 'cutout'\]"):
        diff_augment(images_of(1, 8, 8, 3), jax.random.key(0), policy="colour,cutout")
    with pytest.raises(ValueError, match="'cutout' twice"):
        parse_policy("cutout,color,cutout")
    with pytest.raises(ValueError, match=r"\[B, H, W, C\], got shape \(4, 2\)"):
        diff_augment(jnp.zeros((4, 2)), jax.random.key(0))
