"""Work that is not shared, as `jaxgan bench scaling` finds it."""

import copy

import pytest

from jaxgan.experiment.config_file import load
from jaxgan.tools.bench.scaling import compile_rows, findings, measure
from jaxgan.training.errors import UserError

GRADIENTS = {"all-reduce": {"count": 9, "bytes": 5_000}}


def row(devices, batch, flops, collectives=None, spatial=1):
    found = (GRADIENTS if devices > 1 else {}) | (collectives or {})
    return {
        "devices": devices,
        "batch_size": batch,
        "spatial": spatial,
        "flops_per_device": flops,
        "collectives": found,
    }


SHARED = {
    # 10 FLOP of every device's own, 100 an image.
    "fixed_batch": [row(1, 8, 810), row(2, 8, 410), row(4, 8, 210)],
    "fixed_images_per_device": [row(1, 2, 210), row(2, 4, 210), row(4, 8, 210)],
}


def changed(mode, index, **values):
    modes = copy.deepcopy(SHARED)
    modes[mode][index] |= values
    return modes


def test_shared_work_has_no_findings():
    assert findings(SHARED) == []


def test_flops_that_do_not_fall_are_named():
    (found,) = findings(changed("fixed_batch", 2, flops_per_device=410))
    assert found == "FLOP per device do not fall from 2 devices to 4 at a batch of 8: 410 to 410"


def test_flops_that_grow_with_the_devices_are_named():
    (found,) = findings(changed("fixed_images_per_device", 1, flops_per_device=231))
    assert "change by 1.10 from 1 device to 2 at 2 images a device" in found


@pytest.mark.parametrize("kind", ["all-gather", "all-to-all", "collective-permute"])
def test_collectives_that_grow_with_the_batch_are_activations(kind):
    def modes(small, large, spatial=1):
        made = copy.deepcopy(SHARED)
        for mode, size in (("fixed_batch", large), ("fixed_images_per_device", small)):
            made[mode][1]["collectives"][kind] = {"count": 1, "bytes": size}
            made[mode][1]["spatial"] = spatial
        return made

    assert findings(modes(4_000, 4_000)) == []  # parameters, whatever the batch
    (found,) = findings(modes(4_000, 8_000))
    assert found.startswith(f"activations move: {kind} on 2 devices carries 4,000 bytes at a batch of 4 and 8,000 at 8")
    # Where images are split, neighbours need each other's rows.
    assert bool(findings(modes(4_000, 8_000, spatial=2))) == (kind != "collective-permute")


def test_a_batch_that_devices_do_not_divide_is_refused():
    with pytest.raises(UserError, match=r"devices=\[1, 3\], batch 16: .* set --config.data.batch_size=18"):
        compile_rows(load("biggan:digits16,smoke"), (1, 3))


@pytest.mark.slow
def test_the_step_shares_its_work():
    overrides = [("generator.ch", "4"), ("discriminator.ch", "4"), ("method.d_steps", "1")]
    record = measure("biggan:digits16", [*overrides, ("data.batch_size", "256")], counts=(1, 2, 4))
    assert record["findings"] == []
    assert record["work_over_one_device"][-1] < 1.2
    assert record["fixed_batch"][0]["collectives"] == {}
    assert record["fixed_batch"][2]["collectives"]["all-reduce"]["bytes"] > 0
