"""Forms of a run's convolutions: its own first, then the machine's, then measured; kept whole or not at all."""

import json

import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxgan.convolutions import convolutions_in, forms_of
from jaxgan.parallel import make_mesh
from jaxgan.training import conv_choices as module
from jaxgan.training.conv_choices import conv_choices, this_machines_file
from jaxgan.training.errors import UserError
from jaxgan.training.loop import train
from jaxgan.training.loop_options import LoopOptions
from jaxgan.training.storage import unreadable


def found(sides):
    """A convolution a side."""
    made = {}
    for side in sides:
        x, kernel = (jax.ShapeDtypeStruct(shape, "float32") for shape in ((1, 3, side, side), (4, 3, 3, 3)))
        made |= convolutions_in(jax.make_jaxpr(lambda x, k: jax.lax.conv(x, k, (1, 1), "SAME"))(x, kernel))
    return made


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Counts of what was measured, each time; all forms come out as products."""
    calls = []

    def measure(left, *, seconds):
        calls.append(len(left))
        return dict.fromkeys(left, "products")

    monkeypatch.setattr(module, "choose_by_measuring", measure)
    monkeypatch.setenv("JAXGAN_CONVOLUTIONS", "auto")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return calls


def chooser(run=None, source="auto", **more):
    if run is not None:
        run.mkdir(exist_ok=True)
    return conv_choices(source, mesh=make_mesh(devices=jax.devices()[:1]), seconds=1.0, run=run, **more)


def test_a_machine_measures_once(measured, tmp_path):
    for run in ("one", "two"):
        assert set(chooser(tmp_path / run)(found([8, 16])).values()) == {"products"}
    assert measured == [2]
    chooser()(found([8, 16, 32]))
    assert measured == [2, 1]


def test_a_run_keeps_the_choices_that_it_began_with(measured, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "choose_by_measuring", lambda left, *, seconds: {})
    assert set(chooser(tmp_path / "run")(found([8])).values()) == {"xla"}
    this_machines_file().unlink()
    monkeypatch.undo()
    monkeypatch.setenv("JAXGAN_CONVOLUTIONS", "auto")
    monkeypatch.setattr(module, "choose_by_measuring", lambda left, *, seconds: dict.fromkeys(left, "products"))
    resumed = chooser(tmp_path / "run", resumed=True)(found([8, 16]))
    assert [resumed[asked] for asked in found([8, 16])] == ["xla", "products"]


def test_a_run_that_began_without_choices_stays_xlas(measured, tmp_path):
    assert chooser(tmp_path, resumed=True) is None


def test_a_runs_file_pins_those_of_another(measured, tmp_path):
    chooser(tmp_path / "one")(found([8]))
    pinned = chooser(tmp_path / "two", source=str(tmp_path / "one" / "convolutions.json"))
    assert list(pinned(found([8, 16])).values()) == ["products", "xla"]
    assert measured == [1]
    with pytest.raises(UserError, match=r"give auto, xla, or a file convolutions\.json"):
        chooser(source=str(tmp_path / "none.json"))


@pytest.mark.parametrize("damage", ["[]", "{}", "not JSON"])
def test_a_damaged_file_is_said_and_left_out(measured, tmp_path, damage, caplog):
    chooser(tmp_path)(found([8]))
    (tmp_path / "convolutions.json").write_text(damage)
    this_machines_file().write_text(damage)
    assert set(chooser(tmp_path)(found([8])).values()) == {"products"}
    assert measured == [1, 1]
    assert caplog.text.count("is damaged") == 2


def test_a_machines_file_that_cannot_be_read_costs_time_and_stays(measured, tmp_path, monkeypatch, caplog):
    chooser(tmp_path / "one")(found([8]))
    content, read = this_machines_file().read_bytes(), module.read_or_none

    def fails(path):
        if path == this_machines_file():
            raise unreadable(path, "EIO")
        return read(path)

    monkeypatch.setattr(module, "read_or_none", fails)
    assert set(chooser(tmp_path / "two")(found([8, 16])).values()) == {"products"}
    assert measured == [1, 2]
    assert "measured anew" in caplog.text
    assert this_machines_file().read_bytes() == content


def test_a_changed_choice_is_damage(measured, tmp_path, caplog):
    chooser(tmp_path)(found([8]))
    path = tmp_path / "convolutions.json"
    path.write_text(path.read_text().replace("products", "patches"))
    assert json.loads(path.read_text())
    chooser(tmp_path)(found([8]))
    assert "its checksum is not that of its content" in caplog.text


def test_several_devices_and_xla_choose_nothing(measured):
    assert conv_choices("auto", mesh=make_mesh(), seconds=1.0) is None
    assert chooser(source="xla") is None


class Convolutional(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        return nn.Conv(3, (3, 3))(x).mean((1, 2, 3))


def test_a_resumed_run_ends_bit_for_bit_in_the_forms_that_it_began_with(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGAN_CONVOLUTIONS", "auto")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "choose_by_measuring", lambda left, *, seconds: {c: forms_of(c)[-1] for c in left})

    def go(folder, steps):
        options = LoopOptions(save_every=3, log_every=1, progress=False)
        made = toy.experiment((toy.Method(module=Convolutional()), steps))
        mesh = make_mesh(devices=jax.devices()[:1])
        return train(made, workdir=tmp_path / folder, config={}, seed=0, mesh=mesh, options=options).state

    whole = go("whole", 6)
    go("parts", 3)
    # Another machine, or another day: nothing that is chosen now counts.
    this_machines_file().unlink()
    monkeypatch.setattr(module, "choose_by_measuring", lambda left, *, seconds: {})
    jax.tree.map(np.testing.assert_array_equal, go("parts", 6), whole)
    forms = json.loads((tmp_path / "parts" / "convolutions.json").read_text())["forms"]
    assert "xla" not in forms.values() and len(forms) >= 2
