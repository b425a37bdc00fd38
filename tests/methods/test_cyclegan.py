"""CycleGAN's losses against their formulas, on networks of one number; pools; both directions."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.methods.cyclegan import CycleGAN
from jaxgan.methods.terms.image_pool import image_pool
from jaxgan.objectives import adversarial_loss

RNG = jax.random.key(0)


class Times(nn.Module):
    """Images times a number, which is the network's only parameter."""

    start: float

    @nn.compact
    def __call__(self, z, images, *, train):
        return images * self.param("scale", nn.initializers.constant(self.start), ())


class Mean(nn.Module):
    """The mean of each image times a number."""

    @nn.compact
    def __call__(self, images, condition, *, train):
        assert condition is None
        return images.mean((1, 2, 3)) * self.param("scale", nn.initializers.constant(0.7), ())


def make(**changes):
    settings = dict(
        generator=Times(0.5),
        discriminator=Mean(),
        optimizers={player: optax.sgd(1e-2) for player in ("g", "d")},
        loss=adversarial_loss("least_squares"),
        adversarial=2.0,
        cycle=10.0,
        identity=5.0,
    )
    return CycleGAN(**settings | changes)


def batch(rows=4):
    draw = np.random.default_rng(0)
    return {f"image_{domain}": draw.integers(0, 256, (rows, 4, 4, 1), np.uint8) for domain in "AB"}


def real(given):
    return {domain: given[f"image_{domain}"] / 127.5 - 1 for domain in "AB"}


def set_scales(state, **scales):
    nets = {name: {"params": {"scale": jnp.asarray(scales[name], jnp.float32)}} for name in state.nets}
    return state.replace(nets=nets)


SCALES = dict(g_A=0.3, g_B=-0.8, d_A=0.9, d_B=1.4)


def test_the_generators_loss_is_the_paper_s():
    """Two adversarial terms without 1/2, two cycles, and two identities fed the target domain."""
    method, given = make(), batch()
    state = set_scales(method.init(RNG, given), **SCALES)
    x = real(given)
    _, metrics = method.step(state, given, RNG)
    to = {"A": SCALES["g_A"], "B": SCALES["g_B"]}
    wanted = 0.0
    for domain, other in (("A", "B"), ("B", "A")):
        fake = to[domain] * x[other]
        adversarial = np.square(SCALES[f"d_{domain}"] * fake.mean((1, 2, 3)) - 1).mean()
        cycle = np.abs(to[other] * fake - x[other]).mean()
        identity = np.abs(to[domain] * x[domain] - x[domain]).mean()
        assert metrics[f"g/cycle_{other}"] == pytest.approx(cycle, rel=1e-5)
        assert metrics[f"g/identity_{domain}"] == pytest.approx(identity, rel=1e-5)
        wanted += adversarial + 10 * cycle + 5 * identity
    assert metrics["g/loss"] == pytest.approx(wanted, rel=1e-5)


def test_the_discriminators_loss_is_halved_and_sees_the_fakes_of_before_the_generators_moved():
    method, given = make(), batch()
    state = set_scales(method.init(RNG, given), **SCALES)
    x = real(given)
    _, metrics = method.step(state, given, RNG)
    wanted = 0.0
    for domain, other in (("A", "B"), ("B", "A")):
        d = SCALES[f"d_{domain}"]
        fake = SCALES[f"g_{domain}"] * x[other]
        wanted += 0.5 * np.square(d * x[domain].mean((1, 2, 3)) - 1).mean()
        wanted += 0.5 * np.square(d * fake.mean((1, 2, 3))).mean()
    assert metrics["d/loss"] == pytest.approx(wanted, rel=1e-5)


def test_one_cycle_alone_and_no_identity():
    metrics = make(identity=0.0, cycle_domains="A").step(make().init(RNG, batch()), batch(), RNG)[1]
    assert "g/cycle_A" in metrics and "g/cycle_B" not in metrics and "g/identity_A" not in metrics
    with pytest.raises(ValueError, match="cycle_domains='C'; choose from both, A, B"):
        make(cycle_domains="C")


def test_each_row_of_a_pool_has_a_column_of_its_own():
    method, given = make(pool=image_pool(size=2, probability=1.0)), batch()
    state = method.init(RNG, given)
    assert {name: pool["by_row"]["count"].tolist() for name, pool in state.extra.items()} == {
        "pool_A": [0] * 4,
        "pool_B": [0] * 4,
    }
    fakes = []
    for number in range(3):
        state = set_scales(state, **SCALES | {"g_A": 0.1 * (number + 1)})
        fakes.append(0.1 * (number + 1) * real(given)["B"])
        state, metrics = method.step(state, given, jax.random.fold_in(RNG, number))
        if number < 2:
            # It fills first, and D sees the fresh ones.
            assert metrics["d/fake_A"] == pytest.approx(SCALES["d_A"] * fakes[-1].mean(), rel=1e-4, abs=1e-6)
    # Then D sees an earlier one of each row, whose place the fresh one takes.
    (column,) = jax.tree.leaves(state.extra["pool_A"]["by_row"]["column"])
    assert column.shape == (4, 2, 4, 4, 1)
    for row in range(4):
        held = {round(float(image.mean()), 5) for image in column[row]}
        assert round(float(fakes[2][row].mean()), 5) in held and len(held) == 2


def test_samples_go_either_way_and_back():
    method, given = make(), batch()
    nets = set_scales(method.init(RNG, given), **SCALES).nets
    for direction, (there, back) in {"AtoB": ("g_B", "g_A"), "BtoA": ("g_A", "g_B")}.items():
        drawn = method.sample(nets, {"image": given["image_A"], "options": {"direction": direction}}, RNG)
        x = given["image_A"] / 127.5 - 1
        np.testing.assert_allclose(drawn["image"], SCALES[there] * x, atol=1e-6)
        np.testing.assert_allclose(drawn["cycle"], SCALES[back] * SCALES[there] * x, atol=1e-6)
