import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import toy_mixture
from jaxgan.evaluation import label_inputs, point_scores, sample_points
from jaxgan.latent import TRUNCATION_MODES
from jaxgan.parallel import make_mesh
from jaxgan.training.method import Option

INPUTS = label_inputs(21, 3)
LABELS = INPUTS.labels
RNG = jax.random.key(1)
LATENT = jax.ShapeDtypeStruct((6,), jnp.float32)
NETS = {"g": {"params": {"w": jnp.arange(12.0).reshape(6, 2), "table": jnp.eye(3, 2)}}}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LinearPoints:
    """Points are z W + class row."""

    num_classes: int = 3
    latent_shapes: jax.ShapeDtypeStruct = LATENT
    conditions: tuple[str, ...] = ("label",)
    options: dict = dataclasses.field(
        default_factory=lambda: {
            "truncation": Option(1.0, low=0.0),
            "truncation_mode": Option("none", choices=TRUNCATION_MODES),
        }
    )

    def sample(self, nets, batch, rng):
        p = nets["g"]["params"]
        return {"point": batch["z"] @ p["w"] + p["table"][batch["label"]]}


METHOD = LinearPoints()


@pytest.mark.parametrize(("devices", "batch_size"), [(1, 21), (1, 4), (8, 13)])
def test_a_point_depends_on_its_own_index_and_label_alone(devices, batch_size):
    mesh = make_mesh(devices=jax.devices()[:devices])
    points = sample_points(METHOD, NETS, INPUTS, rng=RNG, mesh=mesh, batch_size=batch_size)
    z = np.stack([jax.random.normal(jax.random.fold_in(RNG, i), (6,)) for i in range(21)])
    np.testing.assert_allclose(points, METHOD.sample(NETS, {"z": z, "label": LABELS}, RNG)["point"], rtol=1e-5)
    assert points.shape == (21, 2) and points.dtype == np.float32


def test_truncation():
    truncation = {"truncation": 1e-9, "truncation_mode": "scale"}
    options = dict(rng=RNG, mesh=make_mesh(devices=jax.devices()[:1]), options=truncation)
    points = sample_points(METHOD, NETS, INPUTS, **options)
    np.testing.assert_allclose(points, np.eye(3, 2)[LABELS], atol=1e-6)


@pytest.mark.parametrize("name", ["ring8", "grid25"])
def test_scores_of_the_truth_and_of_a_lost_mode(name):
    mixture = toy_mixture(name)
    k = len(mixture.means)
    points, labels = mixture.sample(np.random.default_rng(0), 2000)
    truth = point_scores(points, mixture, np.random.default_rng(1), emd_points=300)
    assert truth["modes"] == k and truth["high_quality"] == pytest.approx(0.989, abs=0.01)
    assert truth["emd"] < 0.4 and truth["mode_kl"] < 0.02 and truth["js"] < 0.05
    # Everything on one mode: each true point of another is as far as its mode.
    one = point_scores(points[labels == 0], mixture, np.random.default_rng(1), emd_points=300)
    assert one["modes"] == 1 and one["mode_kl"] == pytest.approx(np.log(k))
    far = np.linalg.norm(mixture.means - mixture.means[0], axis=1).mean()
    assert one["emd"] == pytest.approx(far, rel=0.25)
    assert set(one) == set(truth) == {"modes", "high_quality", "emd", "mode_kl", "js"}


def test_scores_of_points_that_are_not_finite():
    points = np.full((5, 2), np.nan, np.float32)
    scores = point_scores(points, toy_mixture("ring8"), np.random.default_rng(0))
    assert scores == {"modes": 0, "high_quality": 0, "emd": np.inf, "mode_kl": np.inf, "js": pytest.approx(np.log(2))}
