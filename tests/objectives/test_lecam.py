import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.objectives import lecam_penalty, update_anchor

REAL = np.array([-3.0, -0.5, 0.2, 1.5, 4.0])
FAKE = np.array([-2.0, -1.1, 0.3, 0.9, 2.5])


def test_agrees_with_numpy_and_only_one_side_pays():
    anchor_real, anchor_fake = 0.7, -0.4
    expected = (np.maximum(REAL + 0.4, 0) ** 2).mean() + (np.maximum(0.7 - FAKE, 0) ** 2).mean()
    np.testing.assert_allclose(lecam_penalty(REAL, FAKE, anchor_real, anchor_fake), expected, rtol=1e-5)
    of_real, of_fake = jax.grad(lecam_penalty, argnums=(0, 1))(REAL, FAKE, anchor_real, anchor_fake)
    np.testing.assert_array_equal(of_real > 0, anchor_fake < REAL)
    np.testing.assert_array_equal(of_fake < 0, anchor_real > FAKE)


def test_scales_have_their_own_anchors():
    real, fake = np.stack([REAL, REAL + 1], 1), np.stack([FAKE, FAKE - 2], 1)
    anchors = np.array([0.7, 0.1]), np.array([-0.4, 0.3])
    each = [lecam_penalty(real[:, s], fake[:, s], anchors[0][s], anchors[1][s]) for s in (0, 1)]
    np.testing.assert_allclose(lecam_penalty(real, fake, *anchors), np.mean(each), rtol=1e-5)


def test_anchors_move_towards_the_mean_without_gradient():
    anchor = jnp.float32(2.0)
    for _ in range(3):
        anchor = update_anchor(anchor, jnp.float32(5.0), 0.9)
    np.testing.assert_allclose(anchor, 5 - 3 * 0.9**3, rtol=1e-6)
    assert jax.grad(lambda mean: update_anchor(anchor, mean, 0.9))(1.0) == 0

    def penalty(shift):
        return lecam_penalty(REAL, FAKE, update_anchor(anchor, FAKE.mean() + shift, 0.9), shift)

    assert jax.grad(penalty)(0.0) == 0
