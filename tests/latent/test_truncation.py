import jax
import numpy as np
import pytest
import scipy.stats

from jaxgan.latent import TRUNCATION_MODES, draw_latents

N = 40_000


@pytest.mark.parametrize(
    ("mode", "truncation", "bound", "std"),
    [
        ("none", 1.0, np.inf, 1.0),
        ("scale", 0.5, np.inf, 0.5),
        ("truncated_normal", 0.5, 0.5, scipy.stats.truncnorm.std(-0.5, 0.5)),
        ("scaled_truncated_normal", 0.5, 1.0, 0.5 * scipy.stats.truncnorm.std(-2, 2)),
        ("clamp", 0.5, 0.5, None),
    ],
)
def test_support_and_spread_of_each_mode(mode, truncation, bound, std):
    z = np.asarray(draw_latents(jax.random.key(0), (N,), mode=mode, truncation=truncation))
    assert z.dtype == np.float32 and np.abs(z).max() <= bound
    if std is not None:
        np.testing.assert_allclose(z.std(), std, rtol=0.02)
    edge = (np.abs(z) == bound).mean()
    if mode == "clamp":
        np.testing.assert_allclose(edge, 2 * scipy.stats.norm.sf(0.5), rtol=0.02)
    else:
        assert edge < 1e-3
        # What is bounded comes close to its bound; what is not goes beyond twice the parameter.
        assert np.abs(z).max() > (0.99 * bound if np.isfinite(bound) else 2 * truncation)
    assert abs(z.mean()) < 0.02


def test_every_mode_is_covered_and_keys_decide():
    for mode in TRUNCATION_MODES:
        a, b, c = (draw_latents(jax.random.key(k), (4, 3), mode=mode, truncation=0.7) for k in (0, 0, 1))
        np.testing.assert_array_equal(a, b)
        assert a.shape == (4, 3) and np.abs(a - c).max() > 0


def test_errors_name_the_modes_and_the_value():
    with pytest.raises(ValueError, match=r"unknown truncation mode 'cut'.*scaled_truncated_normal"):
        draw_latents(jax.random.key(0), (2,), mode="cut")
    with pytest.raises(ValueError, match="above 0 and finite, got 0"):
        draw_latents(jax.random.key(0), (2,), mode="scale", truncation=0)
