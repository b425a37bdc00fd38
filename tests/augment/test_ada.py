import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from jax.sharding import NamedSharding

from jaxgan.augment import ada_augment, ada_update
from jaxgan.augment.ada import PIPELINES, apply, draw
from jaxgan.augment.ada_color import recolor
from jaxgan.parallel import BATCH, make_mesh

RNG = np.random.default_rng(0)

# PyWavelets' sym6 and sym2, decomposition low-pass.
_SYM6_LEFT = [0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466]
_SYM6_REST = [0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578]
SYM6 = np.array([*_SYM6_LEFT, *_SYM6_REST, 0.0017677118642428036, -0.007800708325034148])
SYM2 = np.array([-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025])


def images_of(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def scaled(x, y):
    return np.diag([x, y, 1.0])


def moved(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def turned(angle):
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])


def along(axis, function, x):
    return np.apply_along_axis(function, axis, x)


def resampled(x, d):
    """One image in float64: the transforms in the order in which they come, each inverted on the way."""
    height, width, channels = x.shape
    forward = np.eye(3)
    steps = [
        ("xflip", lambda v: scaled(1 - 2 * v, 1)),
        ("rotate90", lambda v: turned(-np.pi / 2 * v)),
        ("xint", lambda v: moved(*v)),
        ("scale", lambda v: scaled(v, v)),
        ("pre_rotation", lambda v: turned(-v)),
        ("aniso", lambda v: scaled(v, 1 / v)),
        ("post_rotation", lambda v: turned(-v)),
        ("xfrac", lambda v: moved(*v)),
    ]
    for name, matrix in steps:
        if name in d:
            forward = matrix(d[name].astype(np.float64)) @ forward
    low = SYM6 / SYM6.sum()
    padded = np.pad(x, ((height - 1,) * 2, (width - 1,) * 2, (0, 0)), mode="reflect")
    for axis in (0, 1):
        padded = along(axis, lambda v: scipy.signal.upfirdn(2 * low, v, up=2)[5 : 5 + 2 * len(v)], padded)
    # Grids as torch's affine_grid and grid_sample have them: from -1 to 1 over the outer borders of the pixels.
    tall, wide = 2 * (height + 6), 2 * (width + 6)
    up = moved(-0.5, -0.5) @ scaled(2, 2) @ np.linalg.inv(forward) @ scaled(0.5, 0.5) @ moved(0.5, 0.5)
    theta = scaled(2 / padded.shape[1], 2 / padded.shape[0]) @ up @ scaled(wide / 2, tall / 2)
    v, u = np.meshgrid((2 * np.arange(tall) + 1) / tall - 1, (2 * np.arange(wide) + 1) / wide - 1, indexing="ij")
    u, v, _ = np.einsum("ij,jyx->iyx", theta, np.stack([u, v, np.ones_like(u)]))
    at = ((v + 1) * padded.shape[0] - 1) / 2, ((u + 1) * padded.shape[1] - 1) / 2
    bilinear = lambda plane: scipy.ndimage.map_coordinates(plane, at, order=1, mode="grid-constant")  # noqa: E731
    sampled = np.stack([bilinear(padded[..., c]) for c in range(channels)], axis=-1)
    for axis in (0, 1):
        sampled = along(axis, lambda v: np.correlate(v[1:-1], low, "valid")[::2], sampled)
    return sampled


def recolored(x, d):
    """One image in float64, transform by transform on homogeneous colours."""
    v = np.array([1, 1, 1, 0]) / np.sqrt(3)
    luma, matrix = np.outer(v, v), np.eye(4)
    if "brightness" in d:
        shift = np.eye(4)
        shift[:3, 3] = d["brightness"]
        matrix = np.diag([*[d["contrast"].astype(np.float64)] * 3, 1]) @ shift
        matrix = (np.eye(4) - 2 * luma * d["lumaflip"]) @ matrix
    if "hue" in d:
        angle, k = d["hue"].astype(np.float64), np.cross(np.eye(3), v[:3])
        rotation = np.eye(4)
        rotation[:3, :3] = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
        matrix = (luma + (np.eye(4) - luma) * d["saturation"].astype(np.float64)) @ rotation @ matrix
    if x.shape[-1] == 3:
        return x @ matrix[:3, :3].T + matrix[:3, 3]
    mean = matrix[:3].mean(0)
    return x * mean[:3].sum() + mean[3]


def filtered(x, amplification):
    """One image in float64, with filters in the frequency domain's terms: products of H(z) H(1/z) / 2."""
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high = low * (-1.0) ** np.arange(-3, 4)
    spread = lambda f, by: scipy.signal.upfirdn([1], f, up=by)[: by * (len(f) - 1) + 1]  # noqa: E731
    chain = lambda *filters: functools.reduce(np.convolve, filters)  # noqa: E731
    bands = [
        chain(spread(low, 4), spread(low, 2), low),
        chain(spread(high, 4), spread(low, 2), low),
        chain(spread(high, 2), low),
        high,
    ]
    gain, power = np.ones(4), np.array([10, 1, 1, 1]) / 13
    for band, value in enumerate(amplification.astype(np.float64)):
        each = np.ones(4)
        each[band] = value
        gain *= each / np.sqrt((power * each**2).sum())
    total = sum(g * np.pad(f, (43 - len(f)) // 2) for g, f in zip(gain, bands, strict=True))
    for axis in (0, 1):
        x = along(axis, lambda v: np.convolve(np.pad(v, 21, mode="reflect"), total, "valid"), x)
    return x


def reference(image, d):
    x = image.astype(np.float64)
    if "scale" in d or "xflip" in d:
        x = resampled(x, d)
    if "brightness" in d:
        x = recolored(x, d)
    if "imgfilter" in d:
        x = filtered(x, d["imgfilter"])
    x = x + d.get("noise", 0)
    if "cutout" in d:
        height, width, _ = x.shape
        for i in range(height):
            for j in range(width):
                if max(abs((j + 0.5) / width - d["cutout"][0]), abs((i + 0.5) / height - d["cutout"][1])) < 0.25:
                    x[i, j] = 0
    return x


@pytest.mark.parametrize(
    ("pipeline", "shape"),
    [
        ("blit", (6, 10, 7, 3)),
        ("geom", (6, 6, 8, 3)),
        ("color", (6, 4, 4, 3)),
        ("color", (6, 4, 4, 1)),
        ("filter", (4, 10, 7, 3)),
        ("bgcfnc", (6, 10, 7, 3)),
    ],
)
def test_is_the_per_image_pipeline(pipeline, shape):
    images = images_of(*shape)
    drawn = jax.tree.map(np.asarray, jax.jit(lambda: draw(jax.random.key(3), shape, 0.8, pipeline=pipeline))())
    expected = [reference(x, {k: v[i] for k, v in drawn.items()}) for i, x in enumerate(images)]
    out = jax.jit(apply)(images, drawn)
    assert np.abs(out - images).max() > 0.1
    np.testing.assert_allclose(out, expected, atol=1e-4)


def test_whole_moves_are_those_of_the_pixels():
    images = images_of(1, 10, 12, 3)
    one = lambda *values: jnp.array([values], jnp.float32)  # noqa: E731
    # Right by two and up by one; the border comes back by reflection.
    shifted = np.pad(images[0], ((0, 1), (2, 0), (0, 0)), mode="reflect")[1:, :-2]
    np.testing.assert_allclose(apply(images, {"xint": one(2, -1)})[0], shifted, atol=1e-5)
    # The filter leans to one side: what turns an image round is right to a tenth of a pixel, and these change by 0.3.
    y, x = np.mgrid[:12, :12] / 11
    smooth = np.stack([np.cos(np.pi * x), np.cos(np.pi * y) * x * x, y], axis=-1).astype(np.float32)
    inner = np.s_[3:-3, 3:-3]
    flipped = apply(smooth[None], {"xflip": one(1)[:, 0]})[0]
    np.testing.assert_allclose(flipped[inner], smooth[:, ::-1][inner], atol=0.04)
    for quarters in (1, 2, 3):
        turned = apply(smooth[None], {"rotate90": one(quarters)[:, 0]})[0]
        np.testing.assert_allclose(turned[inner], np.rot90(smooth, quarters)[inner], atol=0.04)


def test_nothing_happens_at_zero():
    images = images_of(2, 8, 12, 3)
    augment = jax.jit(lambda x, p: ada_augment(x, jax.random.key(0), p, pipeline="bgcfnc"))
    np.testing.assert_allclose(augment(images, 0.0), images, atol=2e-6)
    assert np.abs(augment(images, 1.0) - images).max() > 0.1


def test_pipelines_are_made_of_their_letters():
    assert PIPELINES["bg"] == PIPELINES["blit"] + PIPELINES["geom"]
    assert PIPELINES["bgc"] == PIPELINES["bg"] + PIPELINES["color"]
    assert PIPELINES["bgcfnc"] == PIPELINES["bgc"] + ("imgfilter", "noise", "cutout")
    drawn = jax.eval_shape(lambda: draw(jax.random.key(0), (2, 8, 8, 3), 0.5, pipeline="bgcfnc"))
    assert set(drawn) == set(PIPELINES["bgcfnc"])
    grey = jax.eval_shape(lambda: draw(jax.random.key(0), (2, 8, 8, 1), 0.5, pipeline="bgcfnc"))
    assert set(drawn) - set(grey) == {"hue", "saturation"}


@pytest.fixture(scope="module")
def many():
    """Numbers for 4000 images of 16 x 32, by probability."""
    return jax.jit(lambda p: draw(jax.random.key(0), (4000, 16, 32, 3), p, pipeline="bgcf"))


@pytest.mark.parametrize(("p", "rotation"), [(1.0, 1.0), (0.5, 1 - np.sqrt(0.5))])
def test_transforms_come_with_their_probability(many, p, rotation):
    # Shifts of U[-2, 2) pixels round to zero a quarter of the time, those of U[-4, 4) an eighth.
    drawn = many(p)
    changes = {"xflip": 1 / 2, "rotate90": 3 / 4, "lumaflip": 1 / 2, "xint": 1 - 1 / 32}
    for name, value in drawn.items():
        value = np.asarray(value)
        neutral = 1 if name in ("scale", "aniso", "contrast", "saturation", "imgfilter") else 0
        changed = value != neutral
        if value.ndim > 1 and name != "imgfilter":
            changed = changed.any(-1)
        chance = rotation if "_rotation" in name else p
        assert abs(changed.mean() - chance * changes.get(name, 1)) < 4 * 0.5 / np.sqrt(4000), name


def test_numbers_have_their_spread(many):
    drawn = jax.tree.map(np.asarray, many(1.0))
    deviation = {"scale": 0.2, "aniso": 0.2, "contrast": 0.5, "saturation": 1.0, "imgfilter": 1.0}
    for name, expected in deviation.items():
        np.testing.assert_allclose(np.log2(drawn[name]).std(), expected, rtol=0.05)
    np.testing.assert_allclose(drawn["brightness"].std(), 0.2, rtol=0.05)
    np.testing.assert_allclose(drawn["xfrac"].std(0), [4, 2], rtol=0.05)
    np.testing.assert_array_equal(np.abs(drawn["xint"]).max(0), [4, 2])
    for name in ("pre_rotation", "post_rotation", "hue"):
        np.testing.assert_allclose([drawn[name].min(), drawn[name].max()], [-np.pi, np.pi], atol=0.02)
    # Of a half-normal deviation times a normal field: E[sigma^2] = 0.01.
    noise = draw(jax.random.key(0), (4000, 4, 4, 1), 1.0, pipeline="noise")["noise"]
    np.testing.assert_allclose(noise.std(), 0.1, rtol=0.05)


@pytest.mark.slow
def test_second_derivatives_are_those_of_an_affine_map():
    x, v = images_of(1, 6, 6, 3), images_of(1, 6, 6, 3)
    drawn = jax.jit(lambda: draw(jax.random.key(0), x.shape, 1.0, pipeline="bgcfnc"))()
    augment = jax.jit(lambda x: apply(x, drawn))
    hessian = jax.jit(lambda x, v: jax.jvp(jax.grad(lambda x: (augment(x) ** 3).sum()), (x,), (v,))[1])(x, v)
    # Column by column: the matrix of the affine map, by its values alone.
    matrix = np.stack([augment(e) - augment(jnp.zeros_like(x)) for e in np.eye(x.size).reshape(-1, *x.shape)])
    out, moved = np.asarray(augment(x)), np.tensordot(v.ravel(), matrix, 1)
    expected = np.tensordot(matrix, 6 * out * moved, 4).reshape(x.shape)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(hessian, expected, rtol=1e-4, atol=1e-4)


def test_over_a_mesh_images_stay_where_they_are():
    x = images_of(8, 8, 8, 3)
    mesh = make_mesh(data=4, fsdp=2)
    split = NamedSharding(mesh, BATCH)
    run = lambda x, p: ada_augment(x, jax.random.key(0), p)  # noqa: E731
    with jax.set_mesh(mesh):
        compiled = jax.jit(run, in_shardings=(split, None), out_shardings=split).lower(x, 0.7).compile()
        out = compiled(jax.device_put(x, split), np.float32(0.7))
    np.testing.assert_allclose(out, jax.jit(run)(x, 0.7), atol=1e-4)
    text = compiled.as_text()
    assert not [word for word in ("all-gather", "all-to-all", "all-reduce", "collective-permute") if word in text]


@pytest.mark.slow
def test_dtype_vmap_and_errors():
    x, keys = jnp.asarray(images_of(2, 3, 8, 8, 3), jnp.bfloat16), jax.random.split(jax.random.key(0), 2)
    p = jnp.array([0.3, 0.9])
    augment = jax.jit(functools.partial(ada_augment, pipeline="geom"))
    out = jax.jit(jax.vmap(augment))(x, keys, p)
    assert out.dtype == jnp.bfloat16
    apart = jnp.stack([augment(x[k], keys[k], p[k]) for k in range(2)])
    np.testing.assert_allclose(out.astype(np.float32), apart.astype(np.float32), atol=3e-2)
    with pytest.raises(ValueError, match=r"unknown ADA pipeline 'bcg'; choose from \['blit', .*'bgc'"):
        ada_augment(x[0], keys[0], 0.5, pipeline="bcg")
    with pytest.raises(ValueError, match=r"got shape \(4, 2\)"):
        ada_augment(jnp.zeros((4, 2)), keys[0], 0.5)
    with pytest.raises(ValueError, match="1 or 3 channels"):
        recolor(jnp.zeros((2, 8, 8, 4)), jnp.zeros((2, 4, 4)))


def test_probability_moves_towards_the_target_and_stays_one():
    np.testing.assert_allclose(ada_update(0.3, 0.61, images=5000), 0.31, rtol=1e-6)
    np.testing.assert_allclose(ada_update(0.3, 0.59, images=5000), 0.29, rtol=1e-6)
    assert ada_update(0.3, 0.5, images=5000, target=0.5) == np.float32(0.3)
    assert ada_update(0.001, -1.0, images=5000) == 0 and ada_update(0.999, 1.0, images=64, speed_images=6400) == 1
