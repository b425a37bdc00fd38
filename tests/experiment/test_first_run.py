"""What a second run says of a first one that it cannot stand on."""

import pytest

from jaxgan import recipes
from jaxgan.experiment.config_file import load
from jaxgan.training.errors import UserError


@pytest.mark.parametrize("recipe", ["dalle", "vqgan_transformer"])
def test_codes_of_several_levels_are_refused_by_what_draws_one(recipe):
    config = load(f"{recipe}:smoke")
    config.first.run = "untrained:vqvae:smoke"
    with pytest.raises(UserError, match=r"vqvae:smoke.* has 2 levels of codes, and .* draws one"):
        recipes.build(config)
