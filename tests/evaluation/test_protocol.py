"""The stamp: two numbers are comparable where it is equal, and it tells people what it says."""

import subprocess
import sys

import pytest

from jaxgan.evaluation.protocol import MAY_DIFFER, code_version, differences, line, require_same_protocol, short
from jaxgan.training.errors import UserError

FULL = {
    "images": "samples of biggan",
    "images_version": "ab",
    "images_split": "generated",
    "num_images": 50_000,
    "resolution": [32, 32, 3],
    "crop": "none",
    "ema": True,
    "batch_norm": "standing",
    "truncation_mode": "truncated_normal",
    "truncation": 0.5,
    "seed": 3,
    "step": 12_000,
    "code": "jaxgan 0.1+ab",
    "reference": "tfds:cifar10",
    "reference_version": "3.0.2",
    "reference_split": "train",
    "reference_count": 50_000,
    "reference_crop": "none",
    "reference_key": "cd",
    "resizer": "tf1",
    "network": "inception",
    "network_sha256": "6726825d0af5",
    "settings": {"blocks": 100, "block_size": 1000},
}
NAMES = ("left", "right")


@pytest.mark.parametrize("field", FULL)
def test_fields_of_the_protocol_must_be_alike_and_of_the_subject_need_not(field):
    other = {"blocks": 7} if field == "settings" else "other"
    changed = FULL | {field: other}
    if field in MAY_DIFFER:
        assert differences(FULL, changed) == {}
        require_same_protocol(FULL, changed, what="fid", names=NAMES)
        return
    assert differences(FULL, changed) == {field: (FULL[field], other)}
    with pytest.raises(UserError) as caught:
        require_same_protocol(FULL, changed, what="fid", names=NAMES)
    assert str(caught.value).startswith("fid was measured by unlike protocols")
    assert str(caught.value).splitlines()[1:] == [f"  {field}: {FULL[field]!r} in left, {other!r} in right"]
    require_same_protocol(FULL, changed, what="fid", names=NAMES, allow=(field,))


def test_an_absent_field_is_unlike_and_all_that_differ_are_named():
    less = {k: v for k, v in FULL.items() if k != "resizer"} | {"num_images": 10_000}
    for a, b, pair in ((FULL, less, ("tf1", None)), (less, FULL, (None, "tf1"))):
        assert differences(a, b)["resizer"] == pair
    with pytest.raises(UserError, match=r"(?s)num_images: 50000 in left, 10000 in right.*resizer: 'tf1' in left, None"):
        require_same_protocol(FULL, less, what="fid", names=NAMES, allow=("truncation",))
    with pytest.raises(UserError, match="num_images"):
        require_same_protocol(FULL, less, what="fid", names=NAMES, allow=("resizer",))


def test_line_tells_everything():
    text = line("fid", 7.12345, 0.0123, FULL)
    assert text.startswith(
        "FID 7.123 ± 0.012   [50,000 images; against tfds:cifar10 train (50,000); inception 6726825d"
    )
    for part in (
        "resizer tf1",
        "block_size 1000",
        "averaged weights",
        "standing",
        "truncated_normal 0.5",
        "step 12,000",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ({}, ""),
        ({"num_images": 5}, "5 images"),
        ({"num_images": 5, "reference": "folder:x"}, "5 images; against folder:x"),
        (
            dict.fromkeys(("reference_version", "reference_split", "reference_count")) | {"reference": "unknown"},
            "against unknown",
        ),
        ({"settings": {}, "step": 0}, "step 0"),
        (
            {"ema": False, "batch_norm": "running", "truncation_mode": "none", "truncation": 1.0, "seed": 1},
            "raw weights, running statistics; truncation none, seed 1",
        ),
    ],
)
def test_a_stamp_that_says_little(stamp, expected):
    assert short(stamp) == expected
    assert line("psnr", float("inf"), None, stamp) == f"PSNR inf   [{expected}]"


def test_code_version_is_the_same_in_another_process():
    command = "from jaxgan.evaluation.protocol import code_version; print(code_version())"
    other = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == code_version.__wrapped__()
