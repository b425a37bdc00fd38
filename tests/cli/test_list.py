import json

from jaxgan.cli.main import main
from jaxgan.experiment.config_file import load


def test_every_variant_listed_is_a_config(capsys):
    assert main(["list", "--json"]) == 0
    records = {record["config"]: record for record in json.loads(capsys.readouterr().out)}
    assert records["wgan_gp"]["arxiv"] == "1704.00028" and "Improved Training" in records["wgan_gp"]["paper"]
    imagenet = next(v for v in records["biggan"]["variants"] if v["name"] == "imagenet128")
    assert imagenet == {"name": "imagenet128", "flags": [], "keys": {"table1": [1, 2, 3, 4, 5, 6, 7, 8, 9]}}
    for name, record in records.items():
        for variant in record["variants"]:
            assert load(f"{name}:{variant['name']}").recipe == name
        assert load(name).to_dict() == load(f"{name}:{record['variants'][0]['name']}").to_dict()


def test_the_text_has_recipes_papers_and_variants(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "wgan  WGAN: Wasserstein GAN (Arjovsky et al. 2017), arXiv:1701.07875\n  wgan:grid25\n" in out
    assert "  biggan:cifar10[,narrow]\n" in out


def test_a_config_s_name_cannot_reach_the_terminal_as_an_escape_sequence(capsys, tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a\x1b[2J.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "a\\x1b[2J  " in out and "\x1b" not in out
