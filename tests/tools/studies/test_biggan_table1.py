"""The study of table 1: its rows are the paper's, and its budgets are matched."""

import importlib.util
from pathlib import Path

import pytest

from jaxgan.tools.studies import load_study
from jaxgan.training.errors import UserError

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


@pytest.fixture(scope="module")
def table1():
    spec = importlib.util.spec_from_file_location("table1", CONFIGS / "biggan.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TABLE1


def switches(config):
    generator = config.generator
    return generator.shared_dim is not None, generator.skip_z, config.orthogonal.weight > 0


def test_at_the_papers_size_the_rows_are_the_papers(table1):
    study = load_study("biggan_table1")
    configs = list(study.configs().values())
    for config, (batch, ch, *flags, steps) in zip(configs, table1.values(), strict=True):
        assert (config.data.batch_size, config.generator.ch, config.discriminator.ch) == (batch, ch, ch)
        assert switches(config) == tuple(flags) and config.training.steps == steps
    assert study.labels["row8"] == "8: 2048/96 shared skip-z ortho"
    docs = (CONFIGS / "biggan.py").read_text()
    for figures in study.references.values():
        for figure in figures.values():
            assert f"{figure[0] if isinstance(figure, tuple) else figure:.2f}" in docs


@pytest.mark.parametrize(("scale", "batch_by", "ch_by"), [("digits", 32, 16), ("cifar", 16, 4)])
def test_scaled_rows_switch_what_the_papers_switch_under_matched_budgets(table1, scale, batch_by, ch_by):
    study = load_study(f"biggan_table1:scale={scale}")
    configs = study.configs()
    budgets = {}
    for heading, names in study.tables().items():
        for name, (batch, ch, *flags, _) in zip(names, table1.values(), strict=True):
            config = configs[name]
            assert (config.data.batch_size * batch_by, config.generator.ch * ch_by) == (batch, ch)
            assert switches(config) == tuple(flags) and config.discriminator.ch == config.generator.ch
            seen = config.training.steps * config.data.batch_size
            budgets.setdefault(heading, set()).add(seen if "images" in heading else config.training.steps)
            assert config.optimizer.g.learning_rate == configs["row4"].optimizer.g.learning_rate
            assert config.ema.half_life_images == configs["row4"].ema.half_life_images
    assert [*budgets] == ["Matched images", "Matched updates"] and all(len(found) == 1 for found in budgets.values())
    # Rows of the largest batch have one budget, and are trained once.
    assert len(configs) == 12


def test_learning_rate_rules_and_what_is_refused():
    configs = load_study("biggan_table1", {"scale": "digits", "lr_rule": "sqrt", "regime": "images"}).configs()
    assert len(configs) == 9
    rates = [configs[name].optimizer.d.learning_rate for name in ("row1-images", "row3-images", "row4")]
    assert rates == pytest.approx([4e-4, 8e-4, 8e-4 * 2**0.5])
    with pytest.raises(UserError, match="are of the scales 'cifar' and 'digits'"):
        load_study("biggan_table1", {"lr_rule": "sqrt"})
    with pytest.raises(UserError, match="1,001 images are no whole number of batches of 64"):
        load_study("biggan_table1", {"scale": "digits", "images": "1001"})
    with pytest.raises(UserError, match="scale=mnist; choose from imagenet, cifar, digits"):
        load_study("biggan_table1", {"scale": "mnist"})
