"""Sets of tokens: what is written comes back, whole sets or none."""

import errno
import pickle

import numpy as np
import pytest

from jaxgan.data.token_records import about_tokens, token_source, write_tokens

TOKENS = np.random.default_rng(0).integers(0, 9, (7, 5))
LABELS = np.arange(7) % 3
ABOUT = {"vocabulary": {"tokens": 9, "prefix": 7}, "class_names": ["a", "b", "c"], "first_run": "f"}


def rows(start, stop):
    return {"tokens": TOKENS[start:stop], "prefix": TOKENS[start:stop, :2] // 2, "label": LABELS[start:stop]}


def test_what_is_written_comes_back_in_any_order_and_in_another_process(tmp_path):
    write_tokens(tmp_path / "set", [rows(0, 4), rows(4, 7)], ABOUT)
    source = token_source(tmp_path / "set", name="codes", version="v1")
    assert (source.length, source.class_names, source.version) == (7, ("a", "b", "c"), "v1")
    assert source.fields["tokens"].shape == (5,) and source.fields["tokens"].classes == 9
    assert source.fields["prefix"].shape == (2,)
    order = np.array([6, 0, 3, 3])
    batch = pickle.loads(pickle.dumps(source.fetch))(order)
    np.testing.assert_array_equal(batch["tokens"], TOKENS[order])
    np.testing.assert_array_equal(batch["prefix"], TOKENS[order, :2] // 2)
    np.testing.assert_array_equal(batch["label"], LABELS[order])
    batch["tokens"][:] = 0
    assert about_tokens(tmp_path / "set")["first_run"] == "f"


def test_a_set_is_whole_or_not_there(tmp_path):
    def broken():
        yield rows(0, 4)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_tokens(tmp_path / "set", broken(), ABOUT)
    assert list(tmp_path.iterdir()) == [] and about_tokens(tmp_path / "set") is None
    with pytest.raises(ValueError, match="holds no set of tokens"):
        token_source(tmp_path / "set", name="codes", version="v1")


def test_tokens_outside_the_vocabulary_and_empty_sets_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"tokens must be \[N, 5\] in \[0, 8\), got \[7, 5\] of 0 to 8"):
        write_tokens(tmp_path / "set", [rows(0, 7)], ABOUT | {"vocabulary": {"tokens": 8}})
    with pytest.raises(ValueError, match="no examples to write"):
        write_tokens(tmp_path / "set", [], ABOUT)


def test_of_two_writers_at_once_the_first_one_s_set_stays_and_a_folder_that_is_no_set_is_replaced(tmp_path):
    def rows_while_another_writes():
        yield rows(0, 4)
        write_tokens(tmp_path / "set", [rows(0, 7)], {**ABOUT, "first_run": "first"})
        yield rows(4, 7)

    write_tokens(tmp_path / "set", rows_while_another_writes(), {**ABOUT, "first_run": "second"})
    assert about_tokens(tmp_path / "set")["first_run"] == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "cut").write_bytes(b"short")
    write_tokens(tmp_path / "left", [rows(0, 7)], ABOUT)
    assert about_tokens(tmp_path / "left")["length"] == 7


def test_a_damaged_set_is_named_and_a_failing_disk_is_not_damage(tmp_path, monkeypatch):
    folder = tmp_path / "set"
    write_tokens(folder, [rows(0, 7)], ABOUT)
    source = token_source(folder, name="codes", version="v1")
    whole = (folder / "tokens.array_record").read_bytes()
    (folder / "tokens.array_record").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        ValueError, match=r"the set of tokens in .*set is damaged: tokens.array_record: .*remove that fo"
    ):
        source.fetch(np.array([6]))

    class Failing:
        def __getitems__(self, indices):
            raise RuntimeError("UNKNOWN: pread() failed: Input/output error [5]")

    monkeypatch.setattr("jaxgan.data.reading.PAUSES_SECONDS", (0, 0))
    monkeypatch.setattr("grain.sources.ArrayRecordDataSource", lambda path: Failing())
    write_tokens(tmp_path / "other", [rows(0, 7)], ABOUT)
    with pytest.raises(OSError, match="this says nothing against the file") as caught:
        token_source(tmp_path / "other", name="codes", version="v1").fetch(np.array([6]))
    assert caught.value.errno == errno.EIO
    for text in ("{", "[]", '{"length": 7}'):
        (folder / "about.json").write_text(text)
        with pytest.raises(ValueError, match=r"the set of tokens in .*set is damaged: about.json "):
            about_tokens(folder)
