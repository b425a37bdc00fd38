import json

import jax
import jax.numpy as jnp
import pytest

from jaxgan.training.checkpoint import Checkpoints
from jaxgan.training.errors import UserError
from jaxgan.training.state import TrainState
from jaxgan.training.workdir import claim_config, fingerprint, read_config, write_environment

CONFIG = {"seed": 0, "data": {"batch_size": 64, "name": "digits"}}
CHANGED = {"seed": 0, "data": {"batch_size": 32, "name": "digits"}}


def test_a_config_is_written_once_and_read_back(tmp_path):
    claim_config(tmp_path / "new", CONFIG)
    written = (tmp_path / "new" / "config.json").stat().st_mtime_ns
    claim_config(tmp_path / "new", {"data": dict(reversed(CONFIG["data"].items())), "seed": 0})
    assert (tmp_path / "new" / "config.json").stat().st_mtime_ns == written
    assert read_config(tmp_path / "new") == CONFIG


def test_another_config_is_refused_with_what_differs(tmp_path):
    claim_config(tmp_path, CHANGED)
    # Nothing was saved under it: a mistake can be mended.
    claim_config(tmp_path, CONFIG)
    (tmp_path / "checkpoints" / "3").mkdir(parents=True)
    with pytest.raises(UserError, match="--accept_config_change") as error:
        claim_config(tmp_path, CHANGED)
    assert '-    "batch_size": 64' in str(error.value) and '+    "batch_size": 32' in str(error.value)
    assert "digits" not in str(error.value)
    assert read_config(tmp_path) == CONFIG
    claim_config(tmp_path, CHANGED, accept_change=True)
    assert read_config(tmp_path) == CHANGED


def test_a_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(UserError, match=r"holds no run \(no config.json\)"):
        read_config(tmp_path / "nothing")


def test_fingerprints_ignore_the_order_of_keys_alone():
    assert fingerprint(CONFIG) == fingerprint(dict(reversed(CONFIG.items())))
    assert fingerprint(CONFIG) != fingerprint(CHANGED)


def test_the_environment_names_versions_and_devices(tmp_path):
    write_environment(tmp_path)
    record = json.loads((tmp_path / "env.json").read_text())
    keys = {"python", "platform", "config", "versions", "devices", "device_kind", "processes", "xla_flags"}
    assert record.keys() == keys
    assert record["versions"]["jax"] == jax.__version__
    assert len(record["devices"]) == 8 and record["processes"] == 1


def test_a_config_that_changed_by_itself_is_refused(tmp_path):
    claim_config(tmp_path, CONFIG)
    write_environment(tmp_path)
    assert read_config(tmp_path) == CONFIG
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace("64", "65"))
    with pytest.raises(UserError, match=r"not the config that the run was started under"):
        read_config(tmp_path)


@pytest.fixture
def run(tmp_path):
    """A folder with a checkpoint that keeps its config."""
    claim_config(tmp_path, CONFIG)
    write_environment(tmp_path)
    checkpoints = Checkpoints(tmp_path)
    state = TrainState(step=jnp.int32(3), nets={"g": {"params": {"w": jnp.ones(3)}}}, opt={})
    checkpoints.save(state, {"config": fingerprint(CONFIG), "settings": CONFIG, "records": {}})
    checkpoints.close()
    return tmp_path


DAMAGE = {
    "missing": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:20]),
    "changed": lambda path: path.write_text(path.read_text().replace("64", "65")),
    "swapped": lambda path: path.write_bytes(path.with_name("env.json").read_bytes()),
}


@pytest.mark.parametrize("spoil", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_config_is_read_from_a_checkpoint_and_written_again(run, spoil, caplog):
    spoil(run / "config.json")
    assert read_config(run) == CONFIG
    assert "read from checkpoint 3" in caplog.text
    with pytest.raises(UserError, match=r'(?s)under another config.*-    "batch_size": 64.*\+    "batch_size": 32'):
        claim_config(run, CHANGED)
    caplog.clear()
    claim_config(run, CONFIG)
    assert "written again with the config given, that of checkpoint 3" in caplog.text
    assert json.loads((run / "config.json").read_text()) == CONFIG


def test_a_config_that_was_accepted_and_not_yet_saved_under_is_the_runs(run):
    claim_config(run, CHANGED, accept_change=True)
    write_environment(run)
    assert read_config(run) == CHANGED
    with pytest.raises(UserError, match="under another config"):
        claim_config(run, CONFIG)
