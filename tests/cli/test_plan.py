"""``jaxgan plan`` from the command line; TPU programs are compiled where libtpu is installed."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from jaxgan.cli import planned_step
from jaxgan.cli.main import main
from jaxgan.tools.planner import KEYS

CONFIG = "--config=biggan:digits16,smoke"
LIBTPU = importlib.util.find_spec("libtpu") is not None


pytestmark = pytest.mark.usefixtures("unchanged")


@pytest.mark.slow
def test_gpus_are_planned_from_the_trace_and_say_so(capsys, tmp_path):
    path = tmp_path / "plan.html"
    assert main(["plan", CONFIG, "--topology", "h100:4", "b200:8", "--batch", "64", "--json", f"--html={path}"]) == 0
    plans = json.loads(capsys.readouterr().out)
    assert [plan["topology"] for plan in plans] == ["h100:4", "b200:8"]
    for plan in plans:
        assert list(plan)[: len(KEYS)] == list(KEYS)
        assert (plan["method"], plan["batch"], plan["fits"]) == ("analytic", 64, True)
        assert plan["bound_by"] in ("compute", "memory", "network")
        # A device's part of what the step needs, and what each does the same: power iteration.
        needed = plan["model_flops_per_step"] / plan["devices"]
        assert needed < plan["flops_per_device"] < 1.1 * needed
        assert set(plan["collectives"]) == {"all-reduce/gradients"}
        assert "Generator/block_0/conv_0" in plan["flops_by_layer"]
    assert "<svg" in path.read_text()


@pytest.mark.slow
def test_what_does_not_fit_says_what_to_change(capsys, monkeypatch):
    monkeypatch.setattr(planned_step, "CHANGES", planned_step.CHANGES[:1])  # each costs a trace
    batch = 2**26
    assert main(["plan", CONFIG, "--topology=h100:4", f"--batch={batch}", "--price=2", "--json"]) == 0
    [plan] = json.loads(capsys.readouterr().out)
    assert not plan["fits"] and plan["peak_hbm_bytes"] > plan["usable_hbm_per_device"]
    changes = {change["change"]: change for change in plan["changes"]}
    assert changes["2 micro-batches"]["flags"] == ["--config.microbatches.count=2"]
    quarter = changes[f"a batch of {batch // 4}"]
    assert quarter["peak_hbm_bytes"] == pytest.approx(plan["peak_hbm_bytes"] / 4, rel=0.01)
    assert plan["run"]["price"] == pytest.approx(2 * plan["run"]["chip_hours"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--topology", "v9:2x2"], "such as h100:8; or `local`, this machine"),
        ([], "give --topology"),
        (["--topology", "v5e", "--weak_scaling=8,64"], "go together"),
        (["--topology", "v5e", "--weak_scaling=8,48", "--images_per_chip=2"], "powers of two"),
        (["--topology", "h100:3"], "no multiple of 3 devices"),
    ],
)
def test_mistakes_say_what_to_do(capsys, argv, message):
    assert main(["plan", CONFIG, *argv]) == 1
    assert message in capsys.readouterr().err


def test_a_topology_that_fails_leaves_the_others(capsys, monkeypatch):
    def plan_config(config, name, parsed):
        if name == "h100:3":
            raise ValueError("no multiple of 3 devices")
        return [{"topology": name}]

    monkeypatch.setattr("jaxgan.cli.plan.plan_config", plan_config)
    assert main(["plan", CONFIG, "--topology", "h100:4", "h100:3", "--json"]) == 0
    planned, failed = json.loads(capsys.readouterr().out)
    assert planned == {"topology": "h100:4"}
    assert (failed["topology"], failed["error"]) == ("h100:3", "no multiple of 3 devices")
    assert main(["plan", CONFIG, "--topology", "h100:3", "--batch", "2", "4"]) == 1
    assert "h100:3, batch 4: no multiple of 3 devices" in capsys.readouterr().out


@pytest.mark.skipif(LIBTPU, reason="libtpu is installed")
def test_without_libtpu_it_says_how_to_install_it(capsys):
    assert main(["plan", CONFIG, "--topology", "v5e:2x2"]) == 1
    assert "pip install jaxgan[tpu], or pip install libtpu" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not LIBTPU, reason="libtpu is not installed: pip install libtpu")
def test_a_tpu_program_is_compiled_and_scales_weakly(tmp_path):
    command = [sys.executable, "-m", "jaxgan", "plan", CONFIG, "--topology=v5e", "--weak_scaling=4,16", "--json"]
    command += ["--images_per_chip=4", f"--cache_dir={tmp_path}"]
    environment = {key: value for key, value in os.environ.items() if key not in ("JAX_PLATFORMS", "XLA_FLAGS")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    four, sixteen = json.loads(done.stdout)
    assert (four["devices"], sixteen["devices"]) == (4, 16)
    assert four["method"] == sixteen["method"] == "compiled"
    assert sixteen["flops_per_device"] == pytest.approx(four["flops_per_device"], rel=0.02)
    assert sixteen["bytes_per_device"] == pytest.approx(four["bytes_per_device"], rel=0.05)
    assert {"all-reduce/gradients", "all-reduce/statistics"} <= set(sixteen["collectives"])
    assert 0.9 < four["flops_per_device"] * 4 / four["model_flops_per_step"] < 1.02
    assert len(list(tmp_path.glob("*.json.gz"))) == 2
