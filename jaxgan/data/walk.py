"""Walk a folder: every regular file once, links that circle or lead outside, and the names of what is left out."""

import dataclasses
import os
import stat
from pathlib import Path
from typing import NamedTuple

from jaxgan.data.reading import is_passing, not_regular, retried


class Walk(NamedTuple):
    """The files below a folder.

    Attributes:
      files: regular ones that are not hidden, in sorted order.
      left_out: name relative to the folder (of folders with '/') -> why it is not among them.
      outside: links that lead out of the folder, which are followed -> where they lead.
    """

    files: tuple[Path, ...]
    left_out: dict[str, str]
    outside: dict[str, str]


@dataclasses.dataclass
class _Progress:
    root: Path
    home: Path
    seen: set[tuple[int, int]]
    files: list[Path] = dataclasses.field(default_factory=list)
    links: list[Path] = dataclasses.field(default_factory=list)
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)
    outside: dict[str, str] = dataclasses.field(default_factory=dict)

    def name(self, place: Path) -> str:
        return place.relative_to(self.root).as_posix()

    def note_outside(self, link: Path) -> None:
        target = Path(os.path.realpath(link))
        if not target.is_relative_to(self.home):
            self.outside[self.name(link)] = str(target)


def walk(root: Path) -> Walk:
    """Every regular file below ``root`` that is not hidden.

    Each folder is listed once, under its own place before any link's: links in a circle end, and a second way to a
    folder is left out. So are links to a folder that holds ``root``, broken links, FIFOs, sockets, devices, and folders
    that may not be listed.

    Raises:
      OSError: where ``root`` cannot be listed, or another folder because the disk or the mount fails.
    """
    progress = _Progress(root, Path(os.path.realpath(root)), {_identity(os.stat(root))})
    _descend(root, progress)
    # A link may lead to a folder with further links.
    while progress.links:
        link = progress.links.pop(0)
        name, identity = f"{progress.name(link)}/", _identity(os.stat(link))
        if progress.home.is_relative_to(os.path.realpath(link)):
            progress.left_out[name] = "a link to a folder that holds this one"
        elif identity in progress.seen:
            progress.left_out[name] = "a link to a folder that is read already"
        else:
            progress.seen.add(identity)
            progress.note_outside(link)
            _descend(link, progress)
            progress.links.sort()
    return Walk(tuple(sorted(progress.files)), progress.left_out, progress.outside)


def sub_folders(root: Path) -> list[Path]:
    """The folders directly below ``root`` that are not hidden, links to folders among them, in sorted order."""
    return sorted(p for p in root.iterdir() if not p.name.startswith(".") and p.is_dir())


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _descend(start: Path, progress: _Progress) -> None:
    """Adds what lies below ``start``; of links to folders, only the links."""
    pending = [start]
    while pending:
        folder = pending.pop()
        try:
            with retried(lambda: os.scandir(folder), folder) as listed:  # noqa: B023
                entries = [entry for entry in listed if not entry.name.startswith(".")]
        except OSError as error:
            if is_passing(error) or folder == progress.root:
                raise
            progress.left_out[f"{progress.name(folder)}/"] = f"cannot be listed: {error.strerror}"
            continue
        for entry in entries:
            if not entry.is_symlink() and entry.is_file():
                # Known from the listing: a set of a million files takes no look at each.
                progress.files.append(folder / entry.name)
            elif (below := _special(folder / entry.name, progress)) is not None:
                pending.append(below)


def _special(place: Path, progress: _Progress) -> Path | None:
    """Notes what is no plain file: a folder to descend into is returned."""
    name = progress.name(place)
    try:
        status = retried(lambda: os.stat(place), place)
    except OSError as error:
        if is_passing(error):
            raise
        progress.left_out[name] = (
            "a link that leads nowhere" if place.is_symlink() else f"cannot be read: {error.strerror}"
        )
        return None
    if stat.S_ISDIR(status.st_mode):
        if place.is_symlink():
            progress.links.append(place)
            return None
        # Bind mounts can show a folder twice.
        if _identity(status) in progress.seen:
            progress.left_out[f"{name}/"] = "a folder that is read already"
            return None
        progress.seen.add(_identity(status))
        return place
    if kind := not_regular(status.st_mode):
        progress.left_out[name] = f"{kind}, not a regular file"
        return None
    progress.files.append(place)
    progress.note_outside(place)
    return None
