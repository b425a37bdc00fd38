"""Faults strike once, where and when they were asked for, and nothing happens without them."""

import errno
import os
import subprocess
import sys
import time
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from etils import epath
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.faults import VARIABLE, Fault, Faults, parse
from jaxgan.training.state import TrainState

pytestmark = pytest.mark.faults


def test_faults_are_parsed():
    assert parse("") == ()
    assert parse("kill@37, hang@5:1,slow@6=0.25,slow@7:2=3,hang_save@8,hang_evaluate@9:1") == (
        Fault("kill", 37),
        Fault("hang", 5, 1),
        Fault("slow", 6, None, 0.25),
        Fault("slow", 7, 2, 3.0),
        Fault("hang_save", 8),
        Fault("hang_evaluate", 9, 1),
    )


@pytest.mark.parametrize(
    "text", ["kill", "kill@", "kill@x", "burn@3", "kill@3:", "kill@3=2", "nan@3:1", "kill@-1", "@3"]
)
def test_what_is_no_fault_is_named(text):
    with pytest.raises(UserError, match=f"{VARIABLE}: '{text}'"):
        parse(f"eio@1,{text}")


def test_a_fault_strikes_once_in_a_folder_on_its_process(tmp_path):
    plan = parse("eio@3:1,enospc@5")
    for number, start in ((1, 0), (0, 0), (1, 4)):
        faults = Faults(plan, workdir=tmp_path, process=number)
        faults.reading(2, "here")
        if (number, start) == (1, 0):
            with pytest.raises(OSError, match="here") as caught:
                faults.reading(4, "here")
            assert caught.value.errno == errno.EIO
        faults.reading(4, "here")
    with pytest.raises(OSError, match="there") as caught:
        Faults(plan, workdir=tmp_path).saving(5, "there")
    assert caught.value.errno == errno.ENOSPC
    assert sorted(os.listdir(tmp_path / "faults")) == ["eio@3:1-1", "enospc@5-0"]


def test_each_start_is_struck_by_the_next_of_several(tmp_path):
    """Those that struck earlier starts do not hide it."""
    plan = parse("enospc@1,enospc@2,enospc@3,enospc@9")
    for step in (1, 2, 3):
        with pytest.raises(OSError, match="there"):
            Faults(plan, workdir=tmp_path).saving(step, "there")
    Faults(plan, workdir=tmp_path).saving(4, "there")


def test_a_slow_step_takes_its_seconds(tmp_path):
    faults = Faults(parse("slow@2=0.3"), workdir=tmp_path)
    spent = []
    for step in range(1, 4):
        began = time.monotonic()
        faults.at(step)
        spent.append(time.monotonic() - began)
    assert spent[1] >= 0.3 > max(spent[0], spent[2])


@pytest.mark.parametrize(("kind", "code"), [("kill", -9), ("hang", None)])
def test_a_process_is_killed_or_hangs(tmp_path, kind, code):
    script = (
        "import sys; from jaxgan.training.faults import Faults; f = Faults.from_environment(workdir=sys.argv[1]); "
        "f.at(1); print('one', flush=True); f.at(2); print('two', flush=True)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {VARIABLE: f"{kind}@2"})
    assert process.stdout.readline() == "one\n"
    if code is None:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.kill()
    assert process.communicate(timeout=30)[0] == "" and process.returncode == -9
    again = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | {VARIABLE: f"{kind}@2"})
    assert again.stdout == "one\ntwo\n"


def test_nan_poisons_one_networks_parameters_where_they_lie(tmp_path):
    mesh = make_mesh(data=4, fsdp=2)
    split = jax.device_put(jnp.ones((8, 4)), NamedSharding(mesh, P("fsdp")))
    nets = {name: {"params": {"w": split}, "stats": {"m": jnp.ones(3)}} for name in ("d", "g")}
    state = TrainState(step=jnp.int32(0), nets=nets, opt={}, ema={}, extra={}, frozen={})
    faults = Faults(parse("nan@2"), workdir=tmp_path)
    assert faults.after(1, state) is state
    after = faults.after(2, state).nets
    assert after["d"]["params"]["w"].sharding == split.sharding
    assert np.isnan(after["d"]["params"]["w"]).all()
    assert np.isfinite(after["d"]["stats"]["m"]).all() and np.isfinite(after["g"]["params"]["w"]).all()


def test_flip_changes_one_bit_of_a_complete_checkpoint(tmp_path):
    folder = tmp_path / "checkpoints" / "4"
    folder.mkdir(parents=True)
    waited = []
    checkpoints = types.SimpleNamespace(
        directory=epath.Path(folder.parent),
        wait=lambda: (waited.append(1), (folder / "data").write_bytes(bytes(99)), (folder / "meta").write_bytes(b"m")),
    )
    faults = Faults(parse("flip@4"), workdir=tmp_path)
    faults.saved(3, checkpoints)
    assert not waited
    faults.saved(4, checkpoints)
    bits = np.unpackbits(np.frombuffer((folder / "data").read_bytes(), np.uint8))
    assert bits.sum() == 1 and (folder / "meta").read_bytes() == b"m"


def test_without_faults_nothing_is_looked_at(tmp_path):
    faults = Faults((), workdir=tmp_path / "nowhere")
    state = object()
    faults.at(1)
    faults.saving(1, "x")
    faults.reading(1, "x")
    faults.saved(1, None)
    faults.evaluating(1)
    assert faults.after(1, state) is state
