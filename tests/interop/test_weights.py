import hashlib
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxgan.interop import weights
from jaxgan.interop.weights import FID_INCEPTION, PublishedWeights, find_weights, read_weights, sha256_of
from jaxgan.training.errors import UserError

DATA = Path(__file__).parent / "data"
BODY = np.random.default_rng(0).bytes(300_001)
OTHER = BODY[:-1] + b"?"


class Server(ThreadingHTTPServer):
    """Serves ``body``; with ``cuts``, ends its next answers after so many bytes each."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.status, self.ranges, self.delay = BODY, 200, True, 0.0
        self.cuts: list[int] = []
        self.asked: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        time.sleep(server.delay)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
        status = server.status if not start else 416 if start >= len(server.body) else 206
        data = server.body[start:] if status < 400 else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(server.body) - 1}/{len(server.body)}")
        self.end_headers()
        self.wfile.write(data[: server.cuts.pop(0)] if server.cuts else data)


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    for variable in ("JAXGAN_WEIGHTS", "TORCH_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(weights, "CHUNK_BYTES", 4096)
    monkeypatch.setattr(weights, "ATTEMPTS", 3)


@pytest.fixture
def published(server):
    return published_at(f"http://127.0.0.1:{server.server_port}/w.pth")


def published_at(url):
    return PublishedWeights(
        "the network", ("net.pth", "weights-net.pth"), url, hashlib.sha256(BODY).hexdigest(), 300_001
    )


def put(path, data=BODY):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def part():
    return weights.cache_dir() / "net.pth.part"


def test_the_places_are_looked_at_in_order(server, published, tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    with pytest.raises(UserError, match="not found, and downloads are off"):
        find_weights(published, download=False)
    expected = [put(tmp_path / "cache/torch/hub/checkpoints/weights-net.pth")]
    assert find_weights(published) == expected[-1]
    for path in ("cache/jaxgan/weights/weights-net.pth", "cache/jaxgan/weights/net.pth"):
        expected.append(put(tmp_path / path))
        assert find_weights(published) == expected[-1]
    monkeypatch.setenv("JAXGAN_WEIGHTS", str(folder))
    folder.mkdir()
    assert find_weights(published) == expected[-1]
    for file in ("weights-net.pth", "net.pth"):
        assert find_weights(published, download=False) != put(folder / file)
        assert find_weights(published, download=False) == folder / file
    monkeypatch.setenv("JAXGAN_WEIGHTS", str(put(tmp_path / "renamed.bin")))
    assert find_weights(published) == tmp_path / "renamed.bin"
    # A path given is taken as it is, whatever is in it.
    mine = put(tmp_path / "mine.pth", b"other weights")
    assert find_weights(published, mine) == mine and sha256_of(mine) == hashlib.sha256(b"other weights").hexdigest()
    assert server.asked == []


def test_without_xdg_the_caches_are_in_the_home(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights.cache_dir() == tmp_path / ".cache/jaxgan/weights"
    assert weights.torch_hub_dir() == tmp_path / ".cache/torch/hub/checkpoints"
    monkeypatch.setenv("TORCH_HOME", "/t")
    assert weights.torch_hub_dir() == Path("/t/hub/checkpoints")


@pytest.mark.parametrize(
    "place", ["cache/jaxgan/weights/net.pth", "cache/torch/hub/checkpoints/net.pth", "mine/net.pth", "any.bin"]
)
def test_a_file_with_another_digest_is_an_error_and_stays(server, published, tmp_path, monkeypatch, place):
    path = put(tmp_path / place, OTHER)
    if not place.startswith("cache"):
        monkeypatch.setenv("JAXGAN_WEIGHTS", str(path.parent if place.startswith("mine") else path))
    with pytest.raises(UserError) as error:
        find_weights(published)
    for said in (str(path), "corrupt", published.sha256, sha256_of(path)):
        assert said in str(error.value)
    assert path.read_bytes() == OTHER and server.asked == []


def test_paths_that_are_not_there(published, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"absent\.pth is no file"):
        find_weights(published, tmp_path / "absent.pth")
    monkeypatch.setenv("JAXGAN_WEIGHTS", str(tmp_path / "absent"))
    with pytest.raises(UserError, match=r"\$JAXGAN_WEIGHTS is .*absent, which does not exist"):
        find_weights(published)


def test_a_download_is_checked_kept_and_reported(server, published, capsys):
    path = find_weights(published)
    assert path == weights.cache_dir() / "net.pth" and path.read_bytes() == BODY
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11 and lines[-1] == "the network: 0 of 0 MB"
    assert find_weights(published) == path and server.asked == [None] and not part().exists()
    path.unlink()
    seen = []
    find_weights(published, progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == len(BODY) and capsys.readouterr().err == ""


def test_a_cut_connection_is_resumed(server, published):
    server.cuts = [100_000, 50_000]
    assert find_weights(published).read_bytes() == BODY
    first, second, third = server.asked
    starts = [int(asked[len("bytes=") : -1]) for asked in (second, third)]
    # What came before the cut is kept, except for a chunk at most.
    assert first is None and 95_000 < starts[0] <= 100_000 and 140_000 < starts[1] <= 150_000


def test_what_was_fetched_before_a_failure_serves_the_next_call(server, published):
    server.cuts = [100_000, 0, 0]
    with pytest.raises(UserError, match=r"could not be downloaded \(.*bytes are kept"):
        find_weights(published)
    kept = part().stat().st_size
    assert 95_000 < kept <= 100_000 and not (weights.cache_dir() / "net.pth").exists()
    assert find_weights(published).read_bytes() == BODY
    assert server.asked[-1] == f"bytes={kept}-"


def test_a_server_without_ranges_is_read_from_the_start(server, published):
    server.ranges, server.cuts = False, [100_000]
    assert find_weights(published).read_bytes() == BODY
    assert len(server.asked) == 2 and server.asked[1].startswith("bytes=")


@pytest.mark.parametrize("left", [BODY, OTHER, BODY + b"more"])
def test_a_whole_part_is_used_only_if_it_is_right(server, published, left):
    put(part(), left)
    assert find_weights(published).read_bytes() == BODY
    assert server.asked == ([] if left == BODY else [None])


def test_a_wrong_part_does_not_stay_in_the_way(server, published):
    put(part(), OTHER[:1000][::-1])
    with pytest.raises(UserError, match="SHA-256"):
        find_weights(published)
    assert find_weights(published).read_bytes() == BODY


def test_another_file_is_never_installed(server, published):
    server.body = OTHER
    with pytest.raises(UserError) as error:
        find_weights(published)
    assert hashlib.sha256(OTHER).hexdigest() in str(error.value) and published.sha256 in str(error.value)
    assert not part().exists() and not (weights.cache_dir() / "net.pth").exists()


def test_a_login_page_does_not_overwrite_what_was_kept(server, published):
    put(part(), BODY[:1000])
    server.body, server.ranges = b"<html>log in</html>", False
    with pytest.raises(UserError, match="offered 19 bytes where 300001 were due"):
        find_weights(published)
    # Too short a file answers 416: what is kept is then of no use.
    assert part().read_bytes() == BODY[:1000]
    server.ranges = True
    with pytest.raises(UserError, match="offered 19 bytes where 300001 were due"):
        find_weights(published)
    assert server.asked == ["bytes=1000-", "bytes=1000-", None]


@pytest.mark.parametrize("offline", [True, False])
def test_the_error_says_what_to_fetch_and_where_to_put_it(server, published, offline, monkeypatch):
    if offline:
        server.shutdown()
        server.server_close()
        with pytest.raises(UserError, match="refused") as error:
            find_weights(published)
    else:
        server.status = 404
        with pytest.raises(UserError, match="404") as error:
            find_weights(published)
        # An answer is final.
        assert len(server.asked) == 1
    text = str(error.value)
    said = (published.url, published.sha256, "300,001 bytes", "$JAXGAN_WEIGHTS", "net.pth or weights-net.pth")
    assert all(words in text for words in (*said, str(weights.cache_dir()), str(weights.torch_hub_dir())))
    assert len(text.splitlines()) < 15


def test_of_several_at_once_one_fetches(server, published, capsys):
    server.delay = 0.3
    found = []
    threads = [threading.Thread(target=lambda: found.append(find_weights(published))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [weights.cache_dir() / "net.pth"] * 4 and server.asked == [None]
    assert capsys.readouterr().err.count("another process is fetching it") == 3


def test_weights_are_read_by_content(tmp_path):
    shutil.copy(DATA / "torch_zip.pt", tmp_path / "zip.safetensors")
    shutil.copy(DATA / "torch_legacy.pt", tmp_path / "legacy.bin")
    save_file({"conv": np.arange(12, dtype=np.float16).reshape(2, 3, 2)}, tmp_path / "st.pth")
    for file in ("zip.safetensors", "legacy.bin", "st.pth"):
        np.testing.assert_array_equal(read_weights(tmp_path / file)["conv"].ravel(), np.arange(12))
    for data in (b"", b"\x89HDF\r\n\x1a\n" * 2):
        with pytest.raises(ValueError, match="no PyTorch checkpoint"):
            read_weights(put(tmp_path / "other", data))


def test_the_inception_of_fid_is_named_by_its_digest():
    assert all(FID_INCEPTION.sha256[:8] in name for name in FID_INCEPTION.names)
    assert FID_INCEPTION.url.endswith(FID_INCEPTION.names[1]) and len(FID_INCEPTION.sha256) == 64
