import toy_baseline


def test_prints_the_fit_beside_the_truth(capsys):
    assert toy_baseline.main(["--mixtures=ring3", "--num_points=600", "--restarts=2"]) == 0
    header, *lines = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    em, truth = (dict(zip(header, line)) for line in lines)
    assert (em["density"], truth["density"]) == ("em", "truth")
    assert em["modes"] == truth["modes"] == "3"
    # Points that were not fitted are likelier under the truth, but not by much.
    assert 0 < float(truth["log_likelihood"]) - float(em["log_likelihood"]) < 0.1
