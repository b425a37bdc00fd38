import errno
import json
import logging
import math
import os
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.parallel import make_mesh
from jaxgan.training.checkpoint import Checkpoints, DamagedCheckpointError, NonFiniteStateError
from jaxgan.training.errors import UserError
from jaxgan.training.state import TrainState
from jaxgan.training.storage import UnreadableError


def state_at(step, *, devices=8, width=64):
    """A state whose values are a function of the step, split over a mesh."""
    rng = np.random.default_rng(step)
    mesh = make_mesh(devices=jax.devices()[:devices])

    def put(x, *spec):
        return jax.device_put(x, NamedSharding(mesh, P(*spec)))

    weight = put(rng.normal(size=(64, width)).astype(np.float32), "data")
    return TrainState(
        step=put(jnp.asarray(step, jnp.int32)),
        nets={"g": {"params": {"w": weight, "half": put(rng.normal(size=8).astype(jnp.bfloat16))}}},
        opt={"g": (put(np.asarray(step * 3, np.int32)),)},
        extra={"pool": put(rng.integers(0, 256, (16, 4), np.uint8))},
        frozen={"vgg": put(np.full(3, 7.0, np.float32))},
    )


def blank(**options):
    state = state_at(0, **options)
    zeros = jax.tree.map(lambda x: jax.device_put(jnp.zeros_like(x), x.sharding), state)
    return zeros.replace(frozen=state.frozen)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a.replace(frozen={}), b.replace(frozen={}))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A workdir with checkpoints 2 and 5."""
    workdir = tmp_path_factory.mktemp("saved")
    checkpoints = Checkpoints(workdir)
    for step in (2, 5):
        checkpoints.save(state_at(step), {"seed": 3, "note": f"at {step}"})
    checkpoints.close()
    return workdir


@pytest.fixture
def workdir(saved, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(saved, tmp_path / "run")


@pytest.fixture
def checkpoints(workdir):
    opened = Checkpoints(workdir)
    yield opened
    opened.close()


@pytest.mark.parametrize("devices", [8, 4, 1])
def test_a_state_comes_back_bit_for_bit_on_other_devices(saved, devices):
    opened = Checkpoints(saved)
    state, meta = opened.restore(blank(devices=devices))
    opened.close()
    assert_same(state, state_at(5))
    assert (meta["seed"], meta["note"]) == (3, "at 5")
    assert len(state.nets["g"]["params"]["w"].sharding.device_set) == devices
    assert state.nets["g"]["params"]["half"].dtype == jnp.bfloat16


MESHES = [dict(data=8), dict(data=4, fsdp=2), dict(data=1, fsdp=8), dict(data=2, fsdp=2, spatial=2), dict(data=2)]
# Every mesh to the next one and the one after it, round the list.
PAIRS = [(a, MESHES[(i + step) % len(MESHES)]) for i, a in enumerate(MESHES) for step in (1, 2)]


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=lambda sizes: "x".join(map(str, sizes.values())))
def test_a_split_state_comes_back_exactly_on_another_mesh(tmp_path, before, after):
    def on(sizes, state):
        mesh = make_mesh(**sizes, devices=jax.devices()[: math.prod(sizes.values())])
        specs = {2: P(("data", "fsdp")), 1: P("fsdp"), 0: P()}
        return jax.tree.map(lambda x: jax.device_put(np.asarray(x), NamedSharding(mesh, specs[x.ndim])), state)

    state = state_at(5).replace(frozen={})
    opened = Checkpoints(tmp_path)
    opened.save(on(before, state), {})
    opened.wait()
    target = on(after, jax.tree.map(jnp.zeros_like, state))
    found, _ = opened.restore(target)
    opened.close()
    assert_same(found, state)
    same = jax.tree.map(lambda x, y: x.sharding == y.sharding, found, target)
    assert all(jax.tree.leaves(same))


def test_shapes_without_arrays_are_a_target_too(checkpoints):
    target = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state_at(0))
    state, _ = checkpoints.restore(target.replace(frozen=state_at(0).frozen), step=2)
    assert_same(state, state_at(2))


def test_frozen_nets_are_the_targets_own_and_not_saved(checkpoints):
    target = blank()
    state, meta = checkpoints.restore(target)
    assert state.frozen["vgg"] is target.frozen["vgg"]
    assert meta["digest"] and not any(name.startswith("frozen") for name in meta["digest"])


def test_other_frozen_nets_than_those_trained_with_are_refused(checkpoints):
    target = blank()
    changed = target.frozen["vgg"].at[1].add(1e-6)
    for frozen in ({"vgg": changed}, {}):
        with pytest.raises(UserError, match=r"the frozen network 'vgg' is not the one that .*/5 was trained with"):
            checkpoints.restore(target.replace(frozen=frozen))
    assert checkpoints.steps() == [2, 5]


def test_a_checkpoints_fingerprint_is_of_its_content(checkpoints):
    assert checkpoints.fingerprint(5) != checkpoints.fingerprint(2)
    assert checkpoints.fingerprint(5) == checkpoints.fingerprint(5)


def data_files(directory):
    """The files that hold arrays, of which the storage makes one or several."""
    found = [f for f in (directory / "state").rglob("*") if f.is_file() and f.stat().st_size > 4_000]
    assert sum(f.stat().st_size for f in found) > 10_000
    return found


def flip_a_byte(directory):
    for file in data_files(directory):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 4
        file.write_bytes(content)


def empty(directory):
    shutil.rmtree(directory)
    directory.mkdir()


def drop_meta(directory):
    shutil.rmtree(directory / "meta")


@pytest.mark.parametrize("spoil", [flip_a_byte, empty, drop_meta])
def test_damage_is_named_moved_away_and_the_one_before_taken(workdir, caplog, spoil):
    spoil(workdir / "checkpoints" / "5")
    opened = Checkpoints(workdir)
    with caplog.at_level(logging.WARNING, "jaxgan"):
        state, _ = opened.restore(blank())
    assert_same(state, state_at(2))
    assert opened.steps() == [2]
    (moved,) = (workdir / "quarantine").iterdir()
    assert moved.name.startswith("5-")
    (message,) = [r.getMessage() for r in caplog.records if r.name == "jaxgan"]
    assert str(workdir / "checkpoints" / "5") in message and str(moved) in message
    # The step can be saved again.
    opened.save(state_at(5), {})
    opened.close()
    assert_same(opened.restore(blank())[0], state_at(5))


def test_flips_anywhere_in_the_weights_are_found(workdir):
    """Storage restores them without an error: the digest must not."""
    whole = {file: file.read_bytes() for file in data_files(workdir / "checkpoints" / "5")}
    for position in np.linspace(0.2, 0.8, 5):
        for file, content in whole.items():
            spoiled = bytearray(content)
            spoiled[int(position * len(content))] ^= 1
            file.write_bytes(spoiled)
        opened = Checkpoints(workdir)
        with pytest.raises(Exception):  # noqa: B017 (the digest's error, or the storage's own)
            opened.restore(blank(), step=5)
        opened.close()


def test_a_damaged_step_asked_for_by_number_is_an_error_and_stays(checkpoints, workdir):
    flip_a_byte(workdir / "checkpoints" / "5")
    with pytest.raises((DamagedCheckpointError, ValueError)):
        checkpoints.restore(blank(), step=5)
    assert not (workdir / "quarantine").exists()


def test_where_none_was_saved_there_is_none_and_where_all_are_damaged_it_is_said(workdir, tmp_path):
    opened = Checkpoints(tmp_path / "new")
    assert opened.restore(blank()) is None
    opened.close()
    for step in ("2", "5"):
        empty(workdir / "checkpoints" / step)
    # The second start finds them in quarantine.
    for _ in range(2):
        opened = Checkpoints(workdir)
        with pytest.raises(UserError, match=r"none of the checkpoints .* is sound \(2 damaged.*--restart"):
            opened.restore(blank())
        opened.close()
        assert len(list(workdir.glob("quarantine/*"))) == 2


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ETIMEDOUT])
@pytest.mark.parametrize("passing", [True, False])
def test_what_could_not_be_read_is_tried_again_and_never_taken_for_damage(workdir, monkeypatch, number, passing):
    monkeypatch.setattr("jaxgan.training.storage.RETRY_SECONDS", (0.01, 0.01))
    restore, calls = ocp.Checkpointer.restore, []

    def failing(self, directory, **options):
        calls.append(directory.parent.name)
        if not passing or len(calls) <= 2:
            raise OSError(number, os.strerror(number), str(workdir / "checkpoints" / "5" / "state" / "d"))
        return restore(self, directory, **options)

    monkeypatch.setattr(ocp.Checkpointer, "restore", failing)
    opened = Checkpoints(workdir)
    if passing:
        assert_same(opened.restore(blank())[0], state_at(5))
    else:
        with pytest.raises(UnreadableError, match=r"cannot read .*checkpoints/5.*nothing was moved"):
            opened.restore(blank())
        assert set(calls) == {"5"}
    opened.close()
    assert not (workdir / "quarantine").exists()
    assert sorted(p.name for p in (workdir / "checkpoints").iterdir()) == ["2", "5"]


@pytest.mark.parametrize(("look", "name"), [("exists", "checkpoints"), ("isdir", "checkpoints/5")])
@pytest.mark.parametrize("passing", [True, False])
def test_a_folder_that_cannot_be_looked_at_is_not_taken_for_none(workdir, monkeypatch, look, name, passing):
    """Asked whether it exists, the operating system says no where storage fails."""
    monkeypatch.setattr("jaxgan.training.storage.RETRY_SECONDS", (0.01, 0.01))
    whole, failures = getattr(os.path, look), []

    def failing(path):
        if os.fspath(path) != str(workdir / name) or (passing and len(failures) == 2):
            return whole(path)
        failures.append(path)
        return False

    monkeypatch.setattr(os.path, look, failing)
    opened = Checkpoints(workdir)
    if passing:
        assert_same(opened.restore(blank())[0], state_at(5))
    else:
        with pytest.raises(UnreadableError, match=r"cannot read .*checkpoints: .* is not seen as a checkpoint"):
            opened.restore(blank())
    opened.close()
    assert sorted(p.name for p in (workdir / "checkpoints").iterdir()) == ["2", "5"]


def test_metadata_that_counts_records_must_have_its_checksum(workdir):
    opened = Checkpoints(workdir)
    opened.save(state_at(8), {"records": {"metrics.jsonl": 8}})
    opened.close()
    path = workdir / "checkpoints" / "8" / "meta" / "metadata"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "checksum"}))
    opened = Checkpoints(workdir)
    assert_same(opened.restore(blank())[0], state_at(5))
    opened.close()
    assert [p.name[:2] for p in (workdir / "quarantine").iterdir()] == ["8-"]


def test_a_state_that_is_not_finite_is_not_saved(checkpoints):
    bad = state_at(7)
    bad.nets["g"]["params"]["w"] = bad.nets["g"]["params"]["w"].at[3, 3].set(np.nan)
    with pytest.raises(NonFiniteStateError, match=r"NaN or infinity at step 7, first .*params/w"):
        checkpoints.save(bad, {})
    assert checkpoints.steps() == [2, 5]


def test_another_models_checkpoint_is_the_users_error_and_stays(checkpoints, workdir):
    with pytest.raises(UserError, match=r"another model: 1 arrays differ, first nets/g/params/w: saved .*\[64, 64\]"):
        checkpoints.restore(blank(width=32))
    assert checkpoints.steps() == [2, 5]
    assert not (workdir / "quarantine").exists()


def test_an_absent_step_lists_those_that_exist(checkpoints):
    with pytest.raises(UserError, match=r"no checkpoint of step 4 .*\[2, 5\]"):
        checkpoints.restore(blank(), step=4)


def test_the_newest_stay_and_a_step_present_is_left_as_it_is(checkpoints):
    checkpoints.save(state_at(8), {"note": "first"})
    checkpoints.save(state_at(8), {"note": "second"})
    checkpoints.wait()
    assert checkpoints.steps() == [5, 8]
    assert checkpoints.restore(blank())[1]["note"] == "first"


def test_steps_to_keep_always_stay_with_the_newest(workdir):
    opened = Checkpoints(workdir, keep=1, always=[5])
    for step in (8, 11):
        opened.save(state_at(step), {})
    opened.close()
    assert opened.steps() == [5, 11]


def test_what_a_killed_save_left_is_cleaned(workdir):
    leftover = workdir / "checkpoints" / "7.orbax-checkpoint-tmp"
    leftover.mkdir()
    opened = Checkpoints(workdir)
    assert opened.steps() == [2, 5]
    # In the background, but before anything is saved again.
    opened.save(state_at(8), {})
    opened.close()
    assert not leftover.exists()


def test_layers_that_were_renamed_since_are_found_under_their_earlier_names(tmp_path):
    def state(layer, value):
        params = {layer: {"kernel": jnp.full((4, 2), value)}, "other": jnp.full(3, value)}
        adam = optax.adam(1e-3).init({"g": params})
        return TrainState(step=jnp.int32(3), nets={"g": {"params": params}}, opt={"g": adam})

    saved = state("seed", 5.0)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(saved, {"seed": 0})
    checkpoints.wait()
    restored, _ = checkpoints.restore(state("project", 0.0))
    checkpoints.close()
    assert_same(restored, state("project", 5.0))
