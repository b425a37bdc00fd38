"""The studies of ratios and of recipes: their variants exist, and their budgets are equal."""

import pytest

from jaxgan.tools.studies import load_study
from jaxgan.training.errors import UserError


@pytest.mark.parametrize("budget", ["total_updates", "g_updates", "d_updates"])
def test_ratios_have_equal_budgets(budget):
    counted = {"total_updates": (1, 1), "g_updates": (0, 1), "d_updates": (1, 0)}[budget]
    study = load_study("gd_ratio", {"budget": budget})
    found = set()
    for name, config in study.variants.items():
        d_steps, g_steps = config.method.d_steps, config.method.g_steps
        assert name == f"d{d_steps}_g{g_steps}" and config.data.name == "toy:grid25"
        found.add(config.training.steps * (counted[0] * d_steps + counted[1] * g_steps))
    assert len(study.variants) == 7 and len(found) == 1


def test_a_budget_that_a_ratio_does_not_divide_is_refused():
    with pytest.raises(UserError, match="choose a multiple of 7680"):
        load_study("gd_ratio", {"images": "5120"})


@pytest.mark.parametrize("budget", ["images", "d_images"])
def test_recipes_have_equal_budgets(budget):
    study = load_study("equal_budget", {"data": "mnist", "budget": budget, "images": "64000"})
    shown = {
        config.training.steps * config.data.batch_size * (config.method.d_steps if budget == "d_images" else 1)
        for config in study.variants.values()
    }
    assert shown == {64_000} and len(study.variants) == 14
    assert study.scores == ("eval/fd_efficientnet_lite0", "eval/modes", "eval/modes_kl")


def test_recipes_have_equal_seconds():
    study = load_study("equal_budget", {"data": "cifar10", "budget": "seconds", "seconds": "120"})
    steps = {recipe: config.training.steps for recipe, config in study.variants.items()}
    assert len(steps) == 14 and steps["dcgan"] == 1_043 and steps["wgan_gp"] < steps["sngan"] < steps["dcgan"]


@pytest.mark.parametrize(
    "words",
    [
        {"data": "mnist", "budget": "seconds"},
        {"data": "mnist", "seconds": "120"},
        {"data": "grid25", "budget": "seconds", "seconds": "120"},
        {"data": "mnist", "budget": "seconds", "seconds": "120", "images": "64000"},
    ],
)
def test_seconds_go_with_their_budget_alone(words):
    with pytest.raises(UserError, match="budget=seconds goes with seconds=N"):
        load_study("equal_budget", words)


@pytest.mark.parametrize("given", ["soon", "0", "-5", "inf", "nan"])
def test_budgets_are_numbers(given):
    with pytest.raises(UserError, match="give a number above 0"):
        load_study("equal_budget", {"data": "mnist", "budget": "seconds", "seconds": given})
    with pytest.raises(UserError, match="give a number above 0"):
        load_study("equal_budget", {"data": "mnist", "images": given})
