"""Find, download and read published weights."""

import fcntl
import hashlib
import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgan.data.reading import not_regular
from jaxgan.interop.safetensors import read_safetensors
from jaxgan.interop.torch_checkpoint import read_checkpoint
from jaxgan.training.cache_folder import cache_folder
from jaxgan.training.errors import UserError

VARIABLE = "JAXGAN_WEIGHTS"
ATTEMPTS = 5
CHUNK_BYTES = 1 << 20
_TIMEOUT = 30.0


class PublishedWeights(NamedTuple):
    """A file of weights that its authors made public, and that a published number is defined by.

    ``names`` are the file names it goes by; what is downloaded is stored under the first.
    """

    name: str
    names: tuple[str, ...]
    url: str
    sha256: str
    size: int


# The network of TensorFlow's inception-2015-12-05.tgz, which defines FID (Heusel et al., arXiv:1706.08500), in the
# conversion that pytorch-fid and torch-fidelity share: one file, released by the two under two names.
FID_INCEPTION = PublishedWeights(
    name="FID InceptionV3 (2015-12-05)",
    names=("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth"),
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    size=95_628_359,
)


def read_weights(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Reads a file of weights, PyTorch's (.pt, .pth) or safetensors, distinguished by their content.

    Args:
      path: file; its suffix does not matter.

    Returns:
      name -> array, as ``read_checkpoint`` or ``read_safetensors`` gives it.

    Raises:
      ValueError: where it is neither, or damaged.
      OSError: where it can't be opened.
    """
    if kind := not_regular(os.stat(path).st_mode):
        raise ValueError(f"cannot read {path}: it is {kind}, not a regular file")
    with open(path, "rb") as file:
        start = file.read(9)
    # The ninth byte of a safetensors file opens its header; PyTorch's magic number and a zip's first bytes have others.
    return read_safetensors(path) if start[8:] == b"{" else read_checkpoint(path)


def sha256_of(path: str | PathLike[str]) -> str:
    """The SHA-256 of a file, in hexadecimal: which weights a number was computed with."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_dir() -> Path:
    """Where downloads are kept: ``jaxgan/weights`` within $XDG_CACHE_HOME, or within ~/.cache."""
    return cache_folder("weights")


def torch_hub_dir() -> Path:
    """PyTorch's folder: ``hub/checkpoints`` within $TORCH_HOME, or within torch/ next to our cache."""
    return Path(os.environ.get("TORCH_HOME") or cache_dir().parents[1] / "torch") / "hub" / "checkpoints"


def _verified(published: PublishedWeights, path: Path, remedy: str) -> Path:
    if (digest := sha256_of(path)) != published.sha256:
        raise UserError(
            f"{path} is not the published {published.name}, or is corrupt: its SHA-256 is {digest}, the published one "
            f"{published.sha256}. {remedy}"
        )
    return path


def _local(published: PublishedWeights) -> Iterator[Path]:
    """Yields the files present, in the order in which they count; those that can't be what was asked for are errors."""
    if given := os.environ.get(VARIABLE):
        place = Path(given).expanduser()
        if not place.exists():
            raise UserError(f"${VARIABLE} is {given}, which does not exist; set it to a file or folder, or unset it")
        remedy = f"Set ${VARIABLE} to the published file or a folder with it; to use other weights, give their path."
        for file in [place] if place.is_file() else [place / name for name in published.names]:
            if file.is_file():
                yield _verified(published, file, remedy)
    for folder in (cache_dir(), torch_hub_dir()):
        for file in (folder / name for name in published.names):
            if file.is_file():
                yield _verified(published, file, "Delete it to have it fetched again.")


def _by_hand(published: PublishedWeights, why: str) -> str:
    names = " or ".join(published.names)
    return "\n".join(
        [
            f"the weights of {published.name} were not found, and {why}.",
            f"Fetch   {published.url}",
            f"        ({published.size:,} bytes, SHA-256 {published.sha256})",
            "and put it in one of",
            f"        ${VARIABLE}  (now {os.environ.get(VARIABLE) or 'not set'}): the file, or a folder with it",
            f"        {cache_dir()}/",
            f"        {torch_hub_dir()}/",
            f"named   {names}",
            "or give its path.",
        ]
    )


def _to_stderr(published: PublishedWeights) -> Callable[[int], None]:
    reported = -1

    def report(done: int) -> None:
        nonlocal reported
        tenth = 10 * done // published.size
        if tenth > reported:
            reported = tenth
            print(f"{published.name}: {done / 1e6:.0f} of {published.size / 1e6:.0f} MB", file=sys.stderr, flush=True)

    return report


def _fetch(published: PublishedWeights, part: Path, report: Callable[[int], None]) -> None:
    """Appends to ``part`` until it is whole or the connection ends; starts over where the server can't resume."""
    done = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "jaxgan"} | ({"Range": f"bytes={done}-"} if done else {})
    request = urllib.request.Request(published.url, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            done = 0
        length = response.headers.get("Content-Length")
        # Before anything is overwritten: a login page of some network comes with status 200 too.
        if length is not None and int(length) != published.size - done:
            raise UserError(
                _by_hand(published, f"the server offered {length} bytes where {published.size - done} were due")
            )
        with open(part, "r+b" if done else "wb") as file:
            file.seek(done)
            while chunk := response.read(min(CHUNK_BYTES, published.size - done + 1)):
                done += len(chunk)
                if done > published.size:
                    raise UserError(_by_hand(published, f"the server sent more than the {published.size} bytes due"))
                file.write(chunk)
                report(done)


def _download(published: PublishedWeights, report: Callable[[int], None]) -> Path:
    """Brings the file into the cache, under a lock on it: of several processes, one fetches and the others wait."""
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / published.names[0]
    part = folder / f"{target.name}.part"
    with open(folder / f"{target.name}.lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{published.name}: another process is fetching it; waiting", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return target
        if part.exists() and part.stat().st_size >= published.size:
            # Whole, but the process ended before it was checked.
            if sha256_of(part) == published.sha256:
                os.replace(part, target)
                return target
            part.unlink()
        for attempt in range(ATTEMPTS):
            try:
                _fetch(published, part, report)
                if part.stat().st_size == published.size:
                    break
                error: Exception = EOFError("the connection ended early")
            except urllib.error.HTTPError as answer:
                answer.close()
                # Out of range: what we kept is of another file.
                if answer.code != 416:
                    raise
                part.unlink(missing_ok=True)
                error = answer
            except (OSError, http.client.HTTPException) as cut:
                error = cut
            if attempt + 1 < ATTEMPTS:
                time.sleep(0.1 * 2**attempt)
        else:
            raise error
        if (digest := sha256_of(part)) != published.sha256:
            part.unlink()
            why = f"what the server sent has SHA-256 {digest}, not {published.sha256}; it was not kept"
            raise UserError(_by_hand(published, why))
        os.replace(part, target)
    return target


def find_weights(
    published: PublishedWeights,
    path: str | PathLike[str] | None = None,
    *,
    download: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Finds a published file of weights on this machine, or fetches it.

    It is looked for in $JAXGAN_WEIGHTS (a file, or a folder with it), in ``cache_dir()`` and in ``torch_hub_dir()``,
    under each of its names; what is found there must have the published SHA-256. Else it is downloaded to
    ``cache_dir()``: resumed where an earlier download was cut, checked, and put in place whole or not at all.

    Args:
      published: what is wanted.
      path: a file to use instead, published or not, as it is; ``sha256_of`` tells which it was.
      download: whether to fetch it where it is not found.
      progress: called with the bytes that are there so far; None writes a line to stderr each tenth.

    Returns:
      The file's path.

    Raises:
      UserError: where ``path`` or $JAXGAN_WEIGHTS does not exist; a file found under a published name has another
        SHA-256; the server sent another file, which is not kept; or it is not here and was not, or could not be,
        fetched: the message then says what to fetch and where to put it.
    """
    if path is not None:
        file = Path(path).expanduser()
        if not file.is_file():
            raise UserError(f"{path} is no file; give the path of a file with the weights of {published.name}")
        return file
    if found := next(_local(published), None):
        return found
    if not download:
        raise UserError(_by_hand(published, "downloads are off"))
    try:
        return _download(published, progress or _to_stderr(published))
    except (OSError, http.client.HTTPException, EOFError) as error:
        part = cache_dir() / f"{published.names[0]}.part"
        kept = (
            f"; {part.stat().st_size:,} bytes are kept, and the next call goes on from there" if part.exists() else ""
        )
        why = f"could not be downloaded ({type(error).__name__}: {error}){kept}"
        raise UserError(_by_hand(published, why)) from error
