import pytest

pytest.importorskip("torch", reason="the comparison needs torch: pip install 'jaxgan[bench]'")


def test_sides_take_turns_and_ratios_are_of_neighbours(monkeypatch):
    import versus_torch

    clock = iter(
        [
            # First calls, and the forms' second ones.
            *[("ours", 9), ("eager", 9), ("compiled", 9), ("eager", 9), ("compiled", 9)],
            # A machine that slows down by half in the second round: ratios stay.
            *[("ours", 1.0), ("eager", 2.0), ("ours", 1.0), ("compiled", 1.5)],
            *[("ours", 2.0), ("eager", 4.0), ("ours", 2.0), ("compiled", 3.0)],
            *[("ours", 1.0), ("eager", 2.2), ("ours", 1.0), ("compiled", 1.4)],
        ]
    )

    def seconds(side):
        name, taken = next(clock)
        side()
        assert called.pop() == name
        return versus_torch.Took(taken, 2 * taken)

    called = []
    monkeypatch.setattr(versus_torch, "timed", seconds)
    sides = {name: (lambda name=name: called.append(name)) for name in ("ours", "eager", "compiled")}
    record = versus_torch.take_turns(sides.pop("ours"), sides, rounds=3)
    assert record["median_ratio"] == {"eager": 2.0, "compiled": 1.5}
    assert record["milliseconds"] == {"jaxgan": 1000.0, "eager": 2200.0, "compiled": 1500.0}
    assert record["fastest_form"] == "compiled" and record["ratio_to_fastest"] == 1.5
