import jax
import numpy as np

from jaxgan.evaluation import Truncation, standing_statistics
from jaxgan.parallel import make_mesh


def test_statistics_are_the_mean_of_what_each_pass_saw(method, nets):
    method.drawn.clear()
    mesh = make_mesh(devices=jax.devices()[:1])
    truncation = Truncation("truncated_normal", 0.5)
    after = standing_statistics(
        method, nets, rng=jax.random.key(0), mesh=mesh, passes=4, batch_size=10, truncation=truncation
    )
    jax.effects_barrier()
    assert len(method.drawn) == 4
    zs, labels = (np.stack(x) for x in zip(*method.drawn))
    assert zs.shape == (4, 10, 6) and set(labels.ravel()) == {0, 1, 2}
    assert np.abs(zs).max() <= 0.5 and len({z.tobytes() for z in zs}) == 4
    found = after["g"]["batch_stats"]["norm"]
    np.testing.assert_allclose(found["mean"], zs.mean(1).mean(0), atol=1e-6)
    # The mean of variances, not the variance of all.
    np.testing.assert_allclose(found["var"], zs.var(1).mean(0), rtol=1e-5)
    assert after["g"]["params"] is nets["g"]["params"] and after["d"] is nets["d"]
    np.testing.assert_array_equal(nets["g"]["batch_stats"]["norm"]["mean"], np.zeros(6))
