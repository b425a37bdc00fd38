"""Statistics: what is written is what is read, and a cache that computes once, and only what is wanted."""

import dataclasses
import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import in_memory
from jaxgan.evaluation.collect import Collected, FeatureRequest, collect, images_of_source
from jaxgan.evaluation.feature_scores import Settings, scores_of
from jaxgan.evaluation.statistics import (
    KEY_FIELDS,
    Statistics,
    cached_statistics,
    is_statistics,
    load_statistics,
    save_statistics,
    statistics_key,
    statistics_of,
)
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.metrics.frechet import frechet_distance
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError

STAMP = {
    "data": "npz:x.npz",
    "version": "0123",
    "split": "all",
    "count": 20,
    "resolution": [4, 4, 3],
    "crop": "none",
    "resizer": "tf1",
    "network": "projection",
    "network_sha256": "f" * 64,
}


def made(seed=0, count=20, dim=6):
    draw = np.random.default_rng(seed)
    rows, spatial = draw.normal(size=(count, dim)), draw.normal(size=(count, 3))
    return Statistics(
        count,
        rows.mean(0),
        np.cov(rows, rowvar=False),
        spatial.mean(0),
        np.cov(spatial, rowvar=False),
        None,
        rows.astype(np.float32),
        np.arange(count) % 2,
        STAMP,
    )


def same(a, b):
    for name in Statistics._fields:
        np.testing.assert_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_round_trip(tmp_path):
    whole = made()
    save_statistics(tmp_path / "deep" / "x.npz", whole)
    found = load_statistics(tmp_path / "deep" / "x.npz")
    same(found, whole)
    assert found.mu.dtype == np.float64 and found.features.dtype == np.float32
    # A mapping and tuples come back as JSON has them, under the same key.
    save_statistics(tmp_path / "x.npz", whole._replace(stamp=STAMP | {"resolution": (4, 4, 3)}))
    assert statistics_key(load_statistics(tmp_path / "x.npz").stamp) == statistics_key(STAMP)


@pytest.mark.parametrize("parts", [("mu", "sigma"), ("spatial_mu", "spatial_sigma"), ("features",)])
def test_any_part_alone_can_be_kept(tmp_path, parts):
    whole = made()
    part = Statistics(20, stamp=STAMP, **{name: getattr(whole, name) for name in parts})
    save_statistics(tmp_path / "x.npz", part)
    same(load_statistics(tmp_path / "x.npz"), part)
    assert is_statistics(tmp_path / "x.npz")


def test_statistics_of_pytorch_fid(tmp_path):
    ours = made(1)
    np.savez(tmp_path / "theirs.npz", mu=made().mu, sigma=made().sigma)
    theirs = load_statistics(tmp_path / "theirs.npz")
    assert (
        theirs.stamp == {}
        and theirs.count is None
        and theirs.features is None
        and is_statistics(tmp_path / "theirs.npz")
    )
    network = FeatureNetwork("inception", "0", "torch", None, None)
    (score,) = scores_of(["fd"], ours, theirs, network=network, settings=Settings(), stamp={}).values()
    assert score.value == frechet_distance(ours.mu, ours.sigma, made().mu, made().sigma) > 0
    with pytest.raises(UserError, match="kid needs the reference's features, which its file does not hold"):
        scores_of(["kid"], ours, theirs, network=network, settings=Settings(), stamp={})


def test_files_that_are_no_statistics(tmp_path):
    path = tmp_path / "x.npz"
    with pytest.raises(UserError, match=r"no statistics in .*x\.npz: .*No such file"):
        load_statistics(path)
    assert not is_statistics(path)
    save_statistics(path, made())
    whole = path.read_bytes()
    for data in (whole[:-40], whole[: len(whole) // 2], b"", b"no archive"):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"no statistics in .*x\.npz"):
            load_statistics(path)
        assert not is_statistics(path)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(flipped))
    with pytest.raises(UserError, match=r"no statistics in .*x\.npz: .*CRC"):
        load_statistics(path)
    for held, message in (
        (dict(images=np.zeros(3)), r"holds \['images'\]; statistics are `mu` \[D\]"),
        (dict(mu=np.zeros(3)), r"holds \['mu'\]"),
        (dict(mu=np.zeros((1, 3)), sigma=np.eye(3)), r"mu must be \[D\] and sigma \[D, D\], got \(1, 3\)"),
        (dict(mu=np.zeros(3), sigma=np.ones(3)), r"got \(3,\) and \(3,\)"),
        (dict(spatial_mu=np.zeros(3), mu=np.zeros(3), sigma=np.eye(3)), r"spatial_sigma \[D, D\], got \(3,\) and None"),
        (dict(mu=np.zeros(3), sigma=np.eye(3), stamp="{"), "no statistics in"),
        (dict(mu=np.array({}, object), sigma=np.eye(3)), "no statistics in"),
    ):
        np.savez(path, **held)
        with pytest.raises(UserError, match=message):
            load_statistics(path)
    np.savez(path, images=np.zeros(3), mu=np.zeros(3))
    assert not is_statistics(path)


def test_every_field_of_the_key_counts():
    keys = {statistics_key(STAMP)}
    for name in KEY_FIELDS:
        keys.add(statistics_key(STAMP | {name: "other"}))
    assert len(keys) == 1 + len(KEY_FIELDS) == 10
    assert statistics_key(dict(reversed(STAMP.items())) | {"code": "of no account"}) == statistics_key(STAMP)
    with pytest.raises(UserError, match="lacks crop, network: make them again"):
        statistics_key({k: v for k, v in STAMP.items() if k not in ("crop", "network")})


def parts_of(statistics, request):
    kept = (
        ["mu", "sigma"] * request.pool
        + ["spatial_mu", "spatial_sigma"] * request.spatial
        + ["features"] * request.features
    )
    return Statistics(20, **{name: getattr(statistics, name) for name in kept}, stamp=STAMP)


def test_cache_computes_once_and_never_forgets(tmp_path):
    whole, asked = made(), []

    def compute(request):
        asked.append(request)
        return parts_of(whole, request)

    def get(**request):
        return cached_statistics(STAMP, FeatureRequest(**request), compute, folder=tmp_path)

    for request in (dict(pool=True), dict(pool=True), dict(spatial=True), dict(spatial=True), dict(features=True)):
        found = get(**request)
        same(found, parts_of(whole, asked[-1]))
    assert asked == [
        FeatureRequest(pool=True),
        FeatureRequest(pool=True, spatial=True),
        FeatureRequest(pool=True, spatial=True, features=True),
    ]
    for request in (dict(pool=True), dict(pool=True, features=True), dict(spatial=True, features=True)):
        get(**request)
    assert len(asked) == 3
    assert [p.name for p in tmp_path.iterdir()] == [f"{statistics_key(STAMP)}.npz"]
    cached_statistics(STAMP | {"resizer": "clean"}, FeatureRequest(pool=True), compute, folder=tmp_path)
    assert asked[3:] == [FeatureRequest(pool=True)]


def test_a_damaged_cache_is_made_again_and_one_that_cannot_be_written_costs_no_score(tmp_path, caplog, monkeypatch):
    path = tmp_path / f"{statistics_key(STAMP)}.npz"
    path.write_bytes(b"cut short")
    made_again = cached_statistics(STAMP, FeatureRequest(pool=True), lambda request: made(), folder=tmp_path)
    assert "it is a cache, and made again" in caplog.text
    np.testing.assert_array_equal(load_statistics(path).mu, made_again.mu)

    def full(file, **arrays):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path.unlink()
    monkeypatch.setattr(np, "savez", full)
    found = cached_statistics(STAMP, FeatureRequest(pool=True), lambda request: made(), folder=tmp_path)
    assert f"cannot write {path}" in caplog.text
    np.testing.assert_array_equal(found.mu, made_again.mu)


def test_default_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cached_statistics(STAMP, FeatureRequest(pool=True), lambda request: made())
    assert (tmp_path / "jaxgan" / "statistics" / f"{statistics_key(STAMP)}.npz").is_file()


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    save_statistics(path, made())

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        save_statistics(path, made(1))
    assert list(tmp_path.iterdir()) == [path]
    same(load_statistics(path), made())


def test_readers_never_see_half_a_file(tmp_path):
    path = tmp_path / "x.npz"
    large = [made(seed, count=2000, dim=64) for seed in range(2)]
    save_statistics(path, large[0])
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [save_statistics(path, large[turn % 2]) for turn in range(60)])
        seen = set()
        while not writing.done():
            seen.add(float(load_statistics(path).mu[0]))
        writing.result()
    assert seen <= {float(s.mu[0]) for s in large}


@dataclasses.dataclass(frozen=True)
class Spoiled:
    """Features whose rows are no numbers where the first pixel says so."""

    def __call__(self, variables, images):
        flat = images.reshape(len(images), -1).astype(jnp.float32)
        flat = jnp.where(flat[:, :1] == 255, variables, flat)
        return {"pool": flat, "spatial": flat, "logits": flat}


@pytest.mark.parametrize(
    "parts", [dict(pool=True), dict(spatial=True), dict(scores=True, splits=2), dict(features=True)]
)
def test_features_that_are_no_numbers_name_the_image(parts):
    images = np.random.default_rng(0).integers(0, 255, (37, 2, 2, 1)).astype(np.uint8)
    images[[21, 22], 0, 0] = 255
    network = FeatureNetwork("spoiled", "0", "none", jnp.float32(np.nan), Spoiled())
    subject = images_of_source(in_memory(images, np.zeros(37, int)))
    for devices, batch in ((jax.devices(), 8), (jax.devices()[:1], 10)):
        with pytest.raises(ValueError, match=r"features that spoiled gives of image 21 are not finite, nor .* 1 more"):
            collect(network, subject, FeatureRequest(**parts), mesh=make_mesh(devices=devices), batch_size=batch)
    # Padding repeats the last image, and counts for nothing.
    images[[21, 22], 0, 0], images[36, 0, 0] = 0, 255
    with pytest.raises(ValueError, match=r"image 36 are not finite: the"):
        collect(network, subject, FeatureRequest(**parts), mesh=make_mesh(), batch_size=8)


def test_statistics_of_one_image():
    bank = np.ones((1, 3), np.float32)
    found = statistics_of(Collected(1, features=bank), labels=None, stamp=STAMP)
    assert found.count == 1 and found.mu is None
    np.testing.assert_array_equal(found.features, bank)
    json.dumps(dict(found.stamp))
