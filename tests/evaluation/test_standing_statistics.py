import jax
import numpy as np
import pytest

from jaxgan.evaluation import label_inputs, standing_statistics
from jaxgan.parallel import make_mesh


def mesh_of(devices):
    return make_mesh(devices=jax.devices()[:devices])


def test_statistics_are_the_mean_of_what_each_pass_saw(method, nets):
    method.drawn.clear()
    options = {"truncation": 0.5, "truncation_mode": "truncated_normal"}
    after = standing_statistics(
        method, nets, rng=jax.random.key(0), mesh=mesh_of(1), passes=4, batch_size=10, options=options
    )
    jax.effects_barrier()
    assert len(method.drawn) == 4
    zs, labels = (np.stack(x) for x in zip(*method.drawn))
    assert zs.shape == (4, 10, 6) and set(labels.ravel()) == {0, 1, 2}
    assert np.abs(zs).max() <= 0.5 and len({z.tobytes() for z in zs.reshape(40, 6)}) == 40
    found = after["g"]["batch_stats"]["norm"]
    np.testing.assert_allclose(found["mean"], zs.mean(1).mean(0), atol=1e-6)
    # The mean of variances, not the variance of all.
    np.testing.assert_allclose(found["var"], zs.var(1).mean(0), rtol=1e-5)
    assert after["g"]["params"] is nets["g"]["params"] and after["d"] is nets["d"]
    np.testing.assert_array_equal(nets["g"]["batch_stats"]["norm"]["mean"], np.zeros(6))


@pytest.mark.parametrize("batch_size", [16, 10])
def test_devices_change_nothing_whether_they_divide_the_batch_or_not(method, nets, batch_size):
    found = []
    for mesh in (mesh_of(1), make_mesh(data=4, fsdp=2)):
        # As a training loop's evaluators call it: inside the mesh.
        with jax.set_mesh(mesh):
            found.append(
                standing_statistics(method, nets, rng=jax.random.key(0), mesh=mesh, passes=3, batch_size=batch_size)
            )
    one, eight = (nets["g"]["batch_stats"]["norm"] for nets in found)
    for name in ("mean", "var"):
        np.testing.assert_allclose(one[name], eight[name], atol=1e-6)


def test_inputs_are_taken_in_order_and_round_again(method, nets):
    method.drawn.clear()
    options = dict(rng=jax.random.key(0), mesh=mesh_of(1), passes=2, batch_size=4)
    standing_statistics(method, nets, inputs=label_inputs(5, [2, 0, 1]), **options)
    jax.effects_barrier()
    np.testing.assert_array_equal([labels for _, labels in method.drawn], [[2, 0, 1, 2], [0, 2, 0, 1]])
