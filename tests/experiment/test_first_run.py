"""First runs that a second one refuses, and codes that are extracted once."""

import pytest

from jaxgan import recipes
from jaxgan.data import token_records
from jaxgan.experiment import first_run
from jaxgan.experiment.config_file import load
from jaxgan.training.errors import UserError


@pytest.mark.parametrize("recipe", ["dalle", "vqgan_transformer"])
def test_codes_of_several_levels_are_refused_by_what_draws_one(recipe):
    config = load(f"{recipe}:smoke")
    config.first.run = "untrained:vqvae:smoke"
    with pytest.raises(UserError, match=r"vqvae:smoke.* has 2 levels of codes, and .* draws one"):
        recipes.build(config)


@pytest.mark.slow
def test_codes_in_files_of_an_earlier_format_are_extracted_anew(tmp_path, monkeypatch):
    config = load("vqgan_transformer:smoke")
    config.first.codes = str(tmp_path)
    first = first_run.open_first_run(
        config, build=recipes.build, default_config=recipes.default_config_of, recipes=("vqgan",)
    )
    for version in (token_records.FORMAT - 1, token_records.FORMAT, token_records.FORMAT):
        monkeypatch.setattr(token_records, "FORMAT", version)
        assert first_run.code_source(first, config, "test", codes=first.config.autoencoder.codes).length
    assert len(list(tmp_path.iterdir())) == 2
    # Of the first run's networks only what codes and decodes is kept.
    assert list(first.open().nets) == ["autoencoder"]
