import pytest

from jaxgan.experiment.config_file import load
from jaxgan.experiment.gan import default_config
from jaxgan.experiment.regularizers import MAKERS, build_regularizers, latent_prior
from jaxgan.methods.regularizer import Regularizer
from jaxgan.training.errors import UserError


def test_sections_are_off_and_act_in_one_order():
    config = load("biggan:digits16")
    prior = latent_prior(config)
    assert build_regularizers(config, prior) == ()
    config.heads.auxiliary.real = config.regularizers.penalties.r1 = config.regularizers.mode_seeking.weight = 1.0
    config.augment.ada.pipeline = config.augment.diffaugment.policy = "color"
    names = [found.name for found in build_regularizers(config, prior)]
    assert names == ["gradient_penalties", "diffaugment", "ada", "mode_seeking", "auxiliary"]


def own(*, weight=0.0, prior, batch_size):
    return Regularizer(f"own {weight} {prior.size} {batch_size}") if weight else None


def test_a_recipe_brings_a_regularizer_of_its_own():
    makers = {**MAKERS, "regularizers.own": own}
    config = default_config("gan", "mlp", makers=makers)
    assert build_regularizers(config, latent_prior(config), makers) == ()
    config.regularizers.own.weight = 2.0
    (found,) = build_regularizers(config, latent_prior(config), makers)
    assert found.name == f"own 2.0 {config.generator.z_dim} {config.data.batch_size}"
    with pytest.raises(UserError, match=r"config\.regularizers has no 'own'; there are penalties, consistency, lecam"):
        build_regularizers(config, latent_prior(config))
