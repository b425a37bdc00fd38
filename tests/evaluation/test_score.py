"""From two sets to stamped scores: what a stamp holds, what is refused, and that devices and batches change nothing."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan.data.image_set import open_images
from jaxgan.evaluation.collect import FeatureRequest, collect, images_of_samples
from jaxgan.evaluation.eval_set import EvalSet, eval_set_of
from jaxgan.evaluation.feature_scores import METRICS, Settings
from jaxgan.evaluation.inputs import label_inputs
from jaxgan.evaluation.protocol import code_version, differences
from jaxgan.evaluation.score import score, statistics
from jaxgan.evaluation.statistics import Statistics, load_statistics, save_statistics, statistics_key
from jaxgan.features.feature_network import FeatureNetwork
from jaxgan.metrics.frechet import frechet_of_rows
from jaxgan.metrics.inception_score import add_logits, inception_score, split_of, zero_score_sums
from jaxgan.metrics.kernel import kernel_distance
from jaxgan.parallel import make_mesh
from jaxgan.training.errors import UserError
from jaxgan.training.method import Score

SETTINGS = Settings(is_splits=4, kid_blocks=5, kid_block_size=50, seed=11)


@dataclasses.dataclass(frozen=True)
class Projection:
    """Features are a nonlinear projection of the pixels."""

    def __call__(self, variables, images):
        flat = images.reshape(len(images), -1).astype(jnp.float32) / 255
        hidden = jnp.tanh(jnp.dot(flat, variables, precision="highest"))
        return {"pool": hidden, "spatial": hidden[:, :5] ** 2, "logits": 4 * hidden[:, :7]}


@pytest.fixture(scope="module")
def network():
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(4 * 4, 8)), jnp.float32)
    return FeatureNetwork("projection", "a" * 64, "none", weights, Projection())


def set_of(folder, name, *, count, seed, labels=True, num_images=None):
    draw = np.random.default_rng(seed)
    # Enough of gradients that the two sets differ in more than noise.
    images = (draw.integers(0, 200, (count, 4, 4, 1)) + seed * np.arange(4)[:, None]).astype(np.uint8)
    held = {"labels": np.arange(count) % 3} if labels else {}
    np.savez(folder / f"{name}.npz", images=images, **held)
    return eval_set_of(open_images(str(folder / f"{name}.npz")), num_images)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    return set_of(folder, "ours", count=101, seed=1), set_of(folder, "theirs", count=130, seed=8)


def one_device():
    return make_mesh(devices=jax.devices()[:1])


def run(names, eval_set, reference, network, folder, **options):
    options = dict(mesh=make_mesh(), settings=SETTINGS, batch_size=32, cache=folder) | options
    return score(names, eval_set, reference, network=network, **options)


def test_stamp(sets, network, tmp_path):
    ours, theirs = sets
    found = run(["fd", "is"], ours, theirs, network, tmp_path, stamp={"step": 7, "ema": True})
    (key,) = (path.stem for path in tmp_path.iterdir())
    common = {
        "images": "npz:ours.npz",
        "images_version": ours.stamp["version"],
        "images_split": "all",
        "num_images": 101,
        "resolution": [4, 4, 1],
        "crop": "none",
        "step": 7,
        "ema": True,
        "code": code_version(),
        "resizer": "none",
        "network": "projection",
        "network_sha256": "a" * 64,
    }
    reference = {
        "reference": "npz:theirs.npz",
        "reference_version": theirs.stamp["version"],
        "reference_split": "all",
        "reference_count": 130,
        "reference_crop": "none",
        "reference_key": key,
    }
    assert found["fd_projection"].stamp == common | reference | {"settings": {}}
    assert found["is_projection"].stamp == common | {"settings": {"splits": 4, "shuffle_seed": 11}}


def test_scores_are_those_of_the_features(sets, network, tmp_path):
    ours, theirs = sets
    found = run(["kid", "is"], ours, theirs, network, tmp_path)
    outputs = [
        jax.tree.map(np.asarray, network.apply(network.variables, jnp.asarray(s.images.rows(np.arange(n))["image"])))
        for s, n in ((ours, 101), (theirs, 130))
    ]
    expected = kernel_distance(*(x["pool"] for x in outputs), blocks=5, block_size=50, seed=11)
    np.testing.assert_allclose(found["kid_projection"].value, expected.mean, rtol=1e-5)
    split = split_of(101, 4, seed=11)
    sums = add_logits(zero_score_sums(4, 7), outputs[0]["logits"], split, np.ones(101, np.float32))
    np.testing.assert_allclose(found["is_projection"].value, inception_score(sums)[0], rtol=1e-6)


def test_devices_and_batches_change_nothing(sets, network, tmp_path):
    names = list(METRICS)
    runs = [
        run(names, *sets, network, tmp_path / str(index), mesh=mesh, batch_size=size)
        for index, (mesh, size) in enumerate(
            [(one_device(), 130), (one_device(), 7), (make_mesh(), 16), (make_mesh(data=4, fsdp=2), 101)]
        )
    ]
    expected = {name: score.value for name, score in runs[0].items()}
    assert len(expected) == len(METRICS) and 0 < expected["precision"] < 1 and 0 < expected["recall"] < 1
    for other in runs[1:]:
        values = {name: score.value for name, score in other.items()}
        assert {score.stamp.get("reference_key") for score in other.values()} == {
            score.stamp.get("reference_key") for score in runs[0].values()
        }
        for name in expected:
            np.testing.assert_allclose(values[name], expected[name], rtol=1e-6, err_msg=name)


def test_a_set_is_no_distance_from_itself(sets, network, tmp_path):
    found = run(["fd", "sfd", "intra_fd", "precision", "recall", "coverage"], sets[0], sets[0], network, tmp_path)
    trace = np.trace(load_statistics(next(tmp_path.iterdir())).sigma)
    for name in ("fd", "sfd", "intra_fd"):
        assert 0 <= found[f"{name}_projection"].value <= 1e-6 * trace
    assert [found[name].value for name in ("precision", "recall", "coverage")] == [1, 1, 1]


def test_the_reference_is_passed_over_once(sets, network, tmp_path):
    passes = []

    def advance(what):
        passes.append(what)
        return lambda images: None

    first = run(["fd", "sfd"], *sets, network, tmp_path, advance=advance)
    again = run(["fd", "sfd"], *sets, network, tmp_path, advance=advance)
    assert passes == ["npz:theirs.npz all", "npz:ours.npz", "npz:ours.npz"]
    assert [s.value for s in first.values()] == [s.value for s in again.values()]


def test_labels_of_the_reference_are_the_sets_own_whatever_the_cache_was_filled_with(sets, network, tmp_path):
    ours, theirs = sets
    bare = EvalSet(theirs.images._replace(labels=None), theirs.stamp)
    run(["precision"], ours, bare, network, tmp_path)
    with pytest.raises(UserError, match="intra_fd needs labels, and the reference has none"):
        run(["intra_fd"], ours, bare, network, tmp_path)
    assert run(["intra_fd"], ours, theirs, network, tmp_path)["intra_fd_projection"].value > 0


def test_statistics_from_a_file_serve_as_the_set_does(sets, network, tmp_path):
    ours, theirs = sets
    names = [name for name in METRICS if name != "is"]
    request = FeatureRequest(pool=True, spatial=True, features=True)
    save_statistics(tmp_path / "x.npz", statistics(theirs, network, request, mesh=make_mesh(), batch_size=32))
    held = load_statistics(tmp_path / "x.npz")
    direct, filed = (run(names, ours, reference, network, tmp_path / "cache") for reference in (theirs, held))
    for name in direct:
        np.testing.assert_allclose(filed[name].value, direct[name].value, rtol=1e-9, err_msg=name)
        assert filed[name].stamp == direct[name].stamp
    assert filed["precision"].stamp["reference_key"] == statistics_key(held.stamp)


def test_statistics_of_another_protocol_are_refused(sets, network, tmp_path):
    ours, theirs = sets
    held = statistics(theirs, network, FeatureRequest(pool=True), mesh=make_mesh(), batch_size=32)
    for field, value in (("network_sha256", "b" * 64), ("resizer", "clean"), ("resolution", [8, 8, 1])):
        other = held._replace(stamp={**held.stamp, field: value})
        with pytest.raises(UserError, match="computed by another protocol") as caught:
            run(["fd"], ours, other, network, tmp_path)
        assert str(caught.value).splitlines()[1:] == [f"  {field}: {value!r} there, {held.stamp[field]!r} here"]


def test_statistics_that_say_nothing_of_themselves(sets, network, tmp_path):
    ours, theirs = sets
    held = statistics(theirs, network, FeatureRequest(pool=True), mesh=make_mesh(), batch_size=32)
    (score,) = run(["fd"], ours, Statistics(None, held.mu, held.sigma), network, tmp_path).values()
    assert score.value == run(["fd"], ours, theirs, network, tmp_path)["fd_projection"].value
    assert score.stamp["reference"] == "statistics of unknown origin"
    assert score.stamp["reference_count"] is None
    # Two such files of different images are no like protocols.
    (other,) = run(["fd"], ours, Statistics(None, held.mu + 1, held.sigma), network, tmp_path).values()
    assert list(differences(score.stamp, other.stamp)) == ["reference_key"]
    (again,) = run(["fd"], ours, Statistics(None, held.mu.copy(), held.sigma), network, tmp_path).values()
    assert again.stamp == score.stamp
    with pytest.raises(ValueError, match="different feature networks"):
        run(["fd"], ours, Statistics(None, held.mu[:3], held.sigma[:3, :3]), network, tmp_path)


def test_pixels(tmp_path):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (12, 32, 32, 3)).astype(np.uint8)
    noisy = np.clip(images + draw.normal(0, 20, images.shape), 0, 255).astype(np.uint8)
    for name, pixels in (("a", images), ("b", noisy)):
        np.savez(tmp_path / f"{name}.npz", images=pixels)
    a, b = (eval_set_of(open_images(str(tmp_path / f"{name}.npz"))) for name in "ab")
    found = run(["psnr", "ssim", "swd"], a, b, None, tmp_path / "cache", batch_size=5)
    assert list(found) == ["psnr", "ssim", "swd_32", "swd_16"]
    error = ((images.astype(float) - noisy) ** 2).mean((1, 2, 3))
    each = 10 * np.log10(255**2 / error)
    np.testing.assert_allclose(found["psnr"].value, each.mean(), rtol=1e-6)
    np.testing.assert_allclose(found["psnr"].stderr, each.std(ddof=1) / 12**0.5, rtol=1e-4)
    assert found["psnr"].stamp["reference"] == "npz:b.npz" and "network" not in found["psnr"].stamp
    assert not (tmp_path / "cache").exists()
    np.savez(tmp_path / "more.npz", images=np.concatenate([images, images]))
    few, of_more = (eval_set_of(open_images(str(tmp_path / f"{name}.npz")), 6) for name in ("a", "more"))
    # A choice is scored against the same choice of a set as large as that it is from.
    chosen = run(["psnr"], few, b, None, tmp_path)["psnr"]
    np.testing.assert_allclose(
        chosen.value, each[np.sort(np.random.default_rng(0).permutation(12)[:6])].mean(), rtol=1e-6
    )
    assert chosen.stamp["reference_count"] == 6 and found["psnr"].stamp["reference_count"] == 12
    with pytest.raises(UserError, match="a choice from 12 images has other numbers than one from 24"):
        run(["swd", "psnr"], few, of_more, None, tmp_path)
    with pytest.raises(UserError, match="psnr compares pixels: give images, not statistics"):
        run(["psnr"], a, Statistics(3), None, tmp_path)


def test_an_even_choice_of_a_set(tmp_path):
    whole = set_of(tmp_path, "x", count=50, seed=1)
    few = [set_of(tmp_path, "x", count=50, seed=1, num_images=20) for _ in range(2)]
    images, chosen, again = (s.images.rows(np.arange(s.images.length))["image"] for s in (whole, *few))
    np.testing.assert_array_equal(chosen, again)
    places = [int(np.flatnonzero((images == image).all((1, 2, 3)))[0]) for image in chosen]
    assert places == sorted(set(places)) and max(places) > 40 and few[0].stamp["count"] == 20
    np.testing.assert_array_equal(few[0].images.labels, whole.images.labels[places])
    for count in (0, 51):
        with pytest.raises(UserError, match=f"has 50 images; {count} were asked for"):
            set_of(tmp_path, "x", count=50, seed=1, num_images=count)


def test_labels_of_a_folder_follow_the_choice(tmp_path):
    for index in range(30):
        path = tmp_path / f"{index % 3}" / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4), 40 * (index % 3), np.uint8)).save(path)
    eval_set = eval_set_of(open_images(str(tmp_path)), 11)
    colours = eval_set.images.rows(np.arange(11))["image"][:, 0, 0, 0]
    np.testing.assert_array_equal(eval_set.images.labels, colours // 40)
    assert len(set(colours)) == 3


def test_samples_are_an_evaluation_set(method, nets, network, sets, tmp_path):
    images = images_of_samples(method, nets, label_inputs(60, 3), rng=jax.random.key(0))
    stamp = {**sets[0].stamp, "data": "samples", "count": 60}
    found = run(["fd", "intra_fd"], EvalSet(images, stamp), sets[1], network, tmp_path)
    drawn = collect(network, images, FeatureRequest(features=True), mesh=one_device()).features
    theirs = load_statistics(next(tmp_path.iterdir()))
    np.testing.assert_allclose(found["fd_projection"].value, frechet_of_rows(drawn, theirs.features), rtol=1e-5)
    assert found["fd_projection"].stamp["images"] == "samples"


def test_what_is_missing_is_named(sets, network, tmp_path):
    with pytest.raises(UserError, match=r"no metric 'fdi'; choose from fd, .*, psnr, ssim"):
        run(["fdi"], *sets, network, tmp_path)
    with pytest.raises(UserError, match="fd needs a feature network: --features=inception or efficientnet_lite0"):
        run(["fd"], *sets, None, tmp_path)
    with pytest.raises(UserError, match="kid needs a reference: --against=Y"):
        run(["kid"], sets[0], None, network, tmp_path)
    with pytest.raises(UserError, match="ssim compares pixels: give images"):
        run(["ssim"], sets[0], None, network, tmp_path)


def test_pairs_are_not_scored_where_a_picture_is_lost(tmp_path):
    """With one picture gone, the i-th would be compared with another's i-th."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        for index in range(5):
            Image.fromarray(np.full((16, 16), 9 * index, np.uint8)).save(tmp_path / name / f"{index}.png")
    for name, lost in (("ours", "1.png"), ("theirs", "3.png")):
        (tmp_path / name / lost).write_bytes(b"no image")
    sides = [eval_set_of(open_images(str(tmp_path / name))) for name in ("ours", "theirs")]
    with pytest.raises(
        UserError, match=r"psnr compares the i-th image .* 1 of folder:ours cannot be read: 1\.png; restore"
    ):
        score(["psnr"], *sides, network=None, mesh=one_device())


def test_statistics_files_keep_the_names_of_classes(network, tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (30, 4, 4, 1), np.uint8)
    made = {}
    for name, order in (("ours", ["b", "a"]), ("theirs", ["a", "b"])):
        labels = np.array([order.index("ab"[index % 2]) for index in range(30)])
        np.savez(tmp_path / f"{name}.npz", images=images, labels=labels, class_names=order)
        made[name] = eval_set_of(open_images(str(tmp_path / f"{name}.npz")))
    request = FeatureRequest(pool=True, features=True)
    held = statistics(made["theirs"], network, request, mesh=one_device(), batch_size=32)
    save_statistics(tmp_path / "statistics.npz", held)
    read = load_statistics(tmp_path / "statistics.npz")
    assert read.class_names == ("a", "b")
    for reference in (made["theirs"], read):
        found = run(["intra_fd"], made["ours"], reference, network, tmp_path / "cache")["intra_fd_projection"]
        assert abs(found.value) < 1e-6
    with pytest.raises(UserError, match="class_names must be text"):
        save_statistics(tmp_path / "bad.npz", held._replace(class_names=np.zeros(3)))
        load_statistics(tmp_path / "bad.npz")


def test_a_score_that_fails_leaves_the_others(network, tmp_path):
    ours, theirs = (set_of(tmp_path, name, count=3, seed=seed) for seed, name in enumerate(("ours", "theirs")))
    options = dict(network=network, mesh=make_mesh(), settings=SETTINGS, cache=tmp_path)
    found = score(["kid", "precision", "ms_ssim", "psnr"], ours, theirs, record_failures=True, **options)
    assert [name for name, value in found.items() if isinstance(value, Score)] == ["kid_projection", "psnr"]
    assert "k=3" in found["precision"].reason and "ms_ssim" in found["ms_ssim"].reason
    with pytest.raises(ValueError, match="k=3"):
        score(["kid", "precision"], ours, theirs, **options)
