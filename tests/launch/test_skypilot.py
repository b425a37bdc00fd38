"""SkyPilot's tasks: their structure, and that what they run is the command line's own."""

import os
import shutil
import subprocess

import pytest

ENVS = {"RUN": "gs://bucket/row8", "DATA": "bucket-of-data"}
KINDS = ("gpu", "tpu")


@pytest.fixture
def task(launch):
    yaml = pytest.importorskip("yaml", reason="reading YAML needs PyYAML: pip install pyyaml")
    return lambda kind: yaml.safe_load((launch / f"sky_{kind}.yaml").read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_a_spot_job_recovers_from_preemption_and_from_42_alone(task, kind):
    made = task(kind)
    assert made["resources"]["use_spot"] is True
    # Nodes that SkyPilot itself ends, since another one failed, count as 137: a user's error would go round for ever.
    assert made["resources"]["job_recovery"] == {"strategy": "FAILOVER", "recover_on_exit_codes": [42]}
    # Without a value they must be given.
    assert {name for name, value in made["envs"].items() if value is None} == set(ENVS)


@pytest.mark.parametrize("kind", KINDS)
def test_skypilot_reads_it(task, kind):
    sky = pytest.importorskip("sky", reason="needs SkyPilot: pip install skypilot")
    read = sky.Task.from_yaml_config(task(kind), env_overrides=list(ENVS.items()))
    (resources,) = read.resources
    assert resources.use_spot
    assert resources.job_recovery["recover_on_exit_codes"] == [42]


@pytest.mark.parametrize(
    ("kind", "nodes", "peers"),
    [
        ("gpu", 1, []),
        ("gpu", 2, ["--coordinator=10.0.0.1:8476", "--num_processes=2", "--process_id=1"]),
        ("tpu", 1, ["--coordinator=auto"]),
    ],
)
def test_what_runs_is_a_command_of_jaxgan(task, parse, tmp_path, kind, nodes, peers):
    made = task(kind)
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    told = {"SKYPILOT_NUM_NODES": str(nodes), "SKYPILOT_NODE_RANK": "1", "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2"}
    done = subprocess.run(
        ["bash", "-c", made["run"]],
        env=os.environ | made["envs"] | ENVS | told | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    words = done.stdout.splitlines()
    assert words[:2] == ["launch/one_node.py", "--"], done.stderr
    flags = words[2:]
    assert flags == [
        *("--config=biggan:imagenet128,table1=8", "--workdir=gs://bucket/row8", "--config.data.data_dir=/data"),
        *peers,
    ]
    parse(["train", *flags])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", ["setup", "run"])
def test_its_shell_is_sound(task, kind, block):
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck; on Debian: apt-get install shellcheck")
    done = subprocess.run(["shellcheck", "--shell=bash", "-"], input=task(kind)[block], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
