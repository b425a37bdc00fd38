import numpy as np

from jaxgan.training.events import Events, read_events

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 4, 3), np.uint8)


def write(folder, steps, *, step):
    events = Events(folder, step=step, config="{}")
    for at in steps:
        events.scalar("d/loss", at / 7, at)
    events.flush()
    return events


def scalars(folder):
    """(step, value) of each, over all files."""
    found = [event for path in sorted(folder.iterdir()) for event in read_events(path)[0]]
    return [(e.step, v.simple_value) for e in found for v in e.summary.value if v.tag == "d/loss"]


def expected(steps):
    return [(step, float(np.float32(step / 7))) for step in steps]


def test_starts_after_kills_leave_each_event_once_and_lose_none(tmp_path):
    # All within one second; the first dies before its first checkpoint.
    starts = [([1, 2], 0), ([1, 2, 3, 4, 5], 0), ([4, 5, 6], 3), ([7], 6)]
    opened = [write(tmp_path, steps, step=step) for steps, step in starts]
    for events in opened:
        events.close()
    assert scalars(tmp_path) == expected([1, 2, 3, 4, 5, 6, 7])
    assert len(list(tmp_path.iterdir())) == 1


def test_a_cut_or_flipped_file_is_read_up_to_there(tmp_path):
    events = write(tmp_path, [1, 2, 3], step=0)
    events.image("samples", PICTURE, 3)
    events.close()
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    whole, sound = read_events(path)
    assert sound
    for place in (len(content) - 3, len(content) // 2):
        path.write_bytes(content[:place])
        found, sound = read_events(path)
        assert not sound and found == whole[: len(found)]
        flipped = bytearray(content)
        flipped[place] ^= 16
        path.write_bytes(flipped)
        found, sound = read_events(path)
        assert not sound and found == whole[: len(found)]
