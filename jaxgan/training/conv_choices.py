"""The forms of a run's convolutions: measured once on a machine, kept for its other runs, and fixed by each run, so
that it ends bit for bit the same however often it is resumed.

On one device of a CPU alone: elsewhere XLA chooses well, and its form is taken.
"""

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from importlib.metadata import version

from etils import epath
from jax.sharding import Mesh

from jaxgan.convolutions import Choose, Chosen, Convolution, choose_by_measuring
from jaxgan.parallel import platform
from jaxgan.training.cache_folder import cache_folder
from jaxgan.training.compilation_cache import cpu_name
from jaxgan.training.errors import UserError
from jaxgan.training.storage import UnreadableError, read_or_none, write_whole
from jaxgan.training.workdir import fingerprint

log = logging.getLogger("jaxgan")

AUTO, XLA = "auto", "xla"
FILE_NAME = "convolutions.json"
# What 'auto' is taken for.
VARIABLE = "JAXGAN_CONVOLUTIONS"


def conv_choices(
    source: str,
    *,
    mesh: Mesh,
    seconds: float,
    run: os.PathLike[str] | str | None = None,
    resumed: bool = False,
) -> Choose | None:
    """A function that chooses the forms of a program's convolutions; None for XLA's alone.

    Args:
      source: 'auto' to measure; 'xla'; or a file that another run left, whose choices are taken. The environment
        variable ``JAXGAN_CONVOLUTIONS`` says what 'auto' stands for.
      mesh: the devices that the program is for.
      seconds: that measuring may take.
      run: the run's folder, whose choices go before all others; None for what is no run's.
      resumed: whether the run has begun. One that has no choices of its own began with XLA's forms, and keeps them.

    Raises:
      UserError: where the file of the choices is none.
    """
    if source == AUTO:
        source = os.environ.get(VARIABLE, AUTO)
    if source == XLA or platform() != "cpu" or mesh.size > 1:
        return None
    if resumed and run is not None and read_or_none(epath.Path(run) / FILE_NAME) is None:
        log.info("convolutions: XLA's forms, as the run began")
        return None
    pinned: tuple[tuple[str, str], ...] | None = None
    if source != AUTO:
        found = _read(epath.Path(os.path.expanduser(source)))
        if found is None:
            raise UserError(
                f"convolutions={source}: give auto, xla, or a file {FILE_NAME} of a run's folder, whole and readable"
            )
        pinned = tuple(sorted(found.items()))
    return _Choices(pinned, seconds, None if run is None else os.fspath(run))


def this_machines_file() -> epath.Path:
    """Where choices are kept: a file a processor, its threads, XLA's flags and a version of jaxlib."""
    flags = hashlib.sha256(os.environ.get("XLA_FLAGS", "").encode()).hexdigest()[:6]
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return epath.Path(cache_folder("convolutions")) / (f"{cpu_name()}-{threads}-{flags}-jaxlib{version('jaxlib')}.json")


@dataclasses.dataclass(frozen=True)
class _Choices:
    """Chooses by a file, or by the run's own choices, then the machine's, then by measuring."""

    pinned: tuple[tuple[str, str], ...] | None
    seconds: float
    run: str | None

    def __call__(self, found: Mapping[Convolution, int]) -> Chosen:
        names = {asked.text(): asked for asked in found}
        own = {} if self.run is None else _read(epath.Path(self.run) / FILE_NAME) or {}
        known = own or dict(self.pinned or ())
        if self.pinned is None and any(name not in known for name in names):
            readable, kept = _kept()
            left = {asked: found[asked] for name, asked in names.items() if name not in known | kept}
            measured = choose_by_measuring(left, seconds=self.seconds) if left else {}
            # Those that there was no time for stay XLA's: the next run is to be the same.
            new = {asked.text(): measured.get(asked, XLA) for asked in left}
            if new and readable:
                _keep(kept | new)
            known = kept | new | known
        chosen = {asked: known.get(name, XLA) for name, asked in names.items()}
        if self.run is not None:
            _write(epath.Path(self.run) / FILE_NAME, own | {asked.text(): form for asked, form in chosen.items()})
        others = sum(form != XLA for form in chosen.values())
        log.info("convolutions: %d distinct, %d of them not in XLA's form", len(chosen), others)
        return chosen


def _read(path: epath.Path) -> dict[str, str] | None:
    """The choices in a file; None where there is none, or it is damaged, which is said.

    Raises:
      UnreadableError: where storage fails, which says nothing of the choices.
    """
    content = read_or_none(path)
    if content is None:
        return None
    try:
        record = json.loads(content)
        forms = dict(record["forms"])
        if record["sha256"] != fingerprint(forms):
            raise ValueError("its checksum is not that of its content")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("%s is damaged (%s) and left out: forms of convolutions are chosen anew", path, error)
        return None
    return forms


def _write(path: epath.Path, forms: Mapping[str, str]) -> None:
    record = {"forms": dict(sorted(forms.items())), "sha256": fingerprint(dict(forms))}
    write_whole(path, json.dumps(record, indent=1) + "\n")


def _kept() -> tuple[bool, dict[str, str]]:
    """Whether this machine's file could be read, which is said where not and costs time alone; and its choices."""
    try:
        return True, _read(this_machines_file()) or {}
    except UnreadableError as error:
        log.warning("forms of convolutions are measured anew: %s", error)
        return False, {}


def _keep(forms: Mapping[str, str]) -> None:
    """Writes this machine's file, or says why it could not: nothing but time is lost."""
    path = this_machines_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, forms)
    except (OSError, UserError) as error:
        log.warning("forms of convolutions are not kept: %s", error)
