"""Checkpoints that are atomic, asynchronous and verified: what is damaged is told from what could not be read."""

import dataclasses
import enum
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath

from jaxgan.parallel import from_main
from jaxgan.training import storage
from jaxgan.training.digest import digest, non_finite
from jaxgan.training.errors import UserError
from jaxgan.training.state import TrainState, Variables
from jaxgan.training.storage import (
    UnreadableError,
    close_all,
    is_memory_error,
    is_read_error,
    list_names,
    names_in,
    pauses,
    read_or_none,
    unreadable,
    unreadable_file,
    writing,
)

log = logging.getLogger("jaxgan")


# Layers by their names today, and as the first version saved them.
EARLIER_NAMES = {"project": "seed", "norm_project": "norm_seed"}
# What marks a checkpoint as whole on object stores, where no folder can take its name when it is complete.
_WHOLE = "commit_success.txt"


class DamagedCheckpointError(Exception):
    """A checkpoint whose content is not what was saved."""


class NonFiniteStateError(UserError):
    """A state with NaN or infinity in it, which is not saved."""


class _Outcome(enum.IntEnum):
    """How an attempt to read a checkpoint ended; of several processes, the worst counts."""

    READ = 0
    DAMAGED = 1
    UNREADABLE = 2


def _signature(tree: Any) -> dict[str, str]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(p, simple=True, separator="/"): f"{x.dtype}{list(x.shape)}" for p, x in leaves}


def _renamed(tree: Any, names: Mapping[str, str]) -> Any:
    """``tree`` with keys of its dicts, at any depth, replaced."""
    if isinstance(tree, TrainState):
        fields = {field.name: getattr(tree, field.name) for field in dataclasses.fields(tree)}
        return tree.replace(**{name: _renamed(value, names) for name, value in fields.items()})
    if isinstance(tree, Mapping):
        return {names.get(key, key): _renamed(value, names) for key, value in tree.items()}
    if isinstance(tree, tuple):
        children = [_renamed(value, names) for value in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else tuple(children)
    return tree


def _worst(outcome: _Outcome) -> _Outcome:
    """The worst outcome of all processes."""
    if jax.process_count() == 1:
        return outcome
    from jax.experimental import multihost_utils

    return _Outcome(int(np.max(multihost_utils.process_allgather(np.int32(outcome)))))


def saved_steps(workdir: epath.PathLike) -> list[int]:
    """The steps that a run's folder holds checkpoints of, sound or not, oldest first; nothing is opened.

    Raises:
      UnreadableError: where storage fails.
    """
    names = names_in(epath.Path(workdir) / "checkpoints")
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal())


def sound_metas(workdir: epath.PathLike) -> Iterator[tuple[int, dict[str, Any]]]:
    """(step, meta) of the checkpoints whose meta is what was saved, newest first; their states are not read.

    Raises:
      UnreadableError: where storage fails.
    """
    for step in reversed(saved_steps(workdir)):
        content = read_or_none(epath.Path(workdir) / "checkpoints" / str(step) / "meta" / "metadata")
        try:
            meta: Any = None if content is None else json.loads(content)
        except (ValueError, RecursionError):
            continue
        if _meta_problem(meta) is None and meta.get("data", {}).get("position", step) == step:
            yield step, {name: value for name, value in meta.items() if name != "checksum"}


def _meta_problem(meta: Any) -> str | None:
    """In which way a checkpoint's meta is not what was saved; None where it is."""
    if not isinstance(meta, dict) or "digest" not in meta or "signature" not in meta:
        return "holds no digest"
    if "checksum" not in meta:
        # Those that count records have one; older ones have neither.
        return "has lost its checksum" if "records" in meta else None
    rest = {name: value for name, value in meta.items() if name != "checksum"}
    return None if meta["checksum"] == _hash(rest) else "differs from what was saved"


def fingerprints(nets: Mapping[str, Variables]) -> dict[str, str]:
    """Net -> a hash of its arrays' content, the same under every sharding."""
    return {name: _hash(digest(variables)) for name, variables in sorted(nets.items())}


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _is_whole(folder: epath.Path) -> bool:
    """Whether a folder named as a step is a whole checkpoint's; any error of looking at it is raised."""
    try:
        if "://" in str(folder):
            return _WHOLE in list_names(folder)
        return folder.stat().is_directory
    except FileNotFoundError:  # removed since its name was read
        return False


class _Preserved:
    """Preservation policy: the newest ``keep`` checkpoints stay, the best one, the one before an alarm, and those of
    ``always``.
    """

    def __init__(self, keep: int, always: Iterable[int]):
        self.keep = keep
        self.always = frozenset(always)
        self.best: int | None = None
        self.before_alarm: int | None = None

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """Orbax's question, of all checkpoints from old to new."""
        del context
        newest = len(checkpoints) - self.keep
        kept = self.always | {self.best, self.before_alarm}
        return [i >= newest or c.step in kept for i, c in enumerate(checkpoints)]


def _readers() -> dict[str, ocp.Checkpointer]:
    """Reads the parts of a checkpoint, each process by itself: where reading fails for one process alone, the others
    must not be left in an exchange that it never joins.
    """
    own = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"reader_{own}"
    )
    handlers = {
        "state": ocp.StandardCheckpointHandler(multiprocessing_options=alone),
        "meta": ocp.JsonCheckpointHandler(multiprocessing_options=alone),
    }
    return {name: ocp.Checkpointer(handler, multiprocessing_options=alone) for name, handler in handlers.items()}


class Checkpoints:
    """A run's checkpoints, in ``<workdir>/checkpoints/<step>``.

    A save returns once the state is copied to the host; files are written behind it and take their name when they are
    complete. With the state go its digest, and what the caller passes as ``meta`` (seed, data position, config
    fingerprint).
    """

    def __init__(
        self,
        workdir: epath.PathLike,
        *,
        keep: int = 2,
        always: Iterable[int] = (),
        read_only: bool = False,
        reading: Callable[[int, epath.Path], None] | None = None,
    ):
        """Opens the checkpoints of ``workdir``, and makes the folder where missing; the newest ``keep`` stay, and those
        of the steps in ``always`` (the ends of stages).

        With ``read_only`` nothing is made, removed or moved: for looking at a run that may be training.
        ``reading`` is called with the step and the folder of each checkpoint before it is read.
        """
        if keep < 1:
            raise UserError(f"training.keep={keep}: keep at least 1 checkpoint; 2 outlive a damaged one")
        self._read_only = read_only
        self._reading = reading or (lambda step, folder: None)
        self._root = epath.Path(workdir)
        self._directory = self._root / "checkpoints"
        self._policy = _Preserved(keep, always)
        self._options = ocp.CheckpointManagerOptions(
            preservation_policy=self._policy,
            cleanup_tmp_directories=not read_only,
            create=not read_only,
            read_only=read_only,
        )
        with (storage.reading if read_only else writing)(self._directory):
            self._manager = ocp.CheckpointManager(self._directory, options=self._options)
        self._readers = _readers()

    @property
    def directory(self) -> epath.Path:
        """Where they lie."""
        return self._directory

    def steps(self) -> list[int]:
        """The steps present, oldest first."""
        return sorted(self._manager.all_steps())

    def listed_steps(self) -> list[int]:
        """The steps present, oldest first, once storage can look at every folder that is there: one that it cannot look
        at is none to it, and the run would begin anew, or at an earlier step.

        Raises:
          UnreadableError: where it goes on to fail.
        """
        for pause in (0.0, *pauses()):
            reason = ""
            try:
                if unseen := self._unseen():
                    reason = f"{unseen[0].name} is there and is not seen as a checkpoint"
            except Exception as error:  # object stores raise kinds of their own
                if not is_read_error(error):
                    raise
                reason = str(error)
            if _worst(_Outcome.UNREADABLE if reason else _Outcome.READ) is _Outcome.READ:
                return self.steps()
            if pause is None:
                break
            if pause:
                log.warning("cannot read %s (%s); trying again in %.0f s", self._directory, reason, pause)
                time.sleep(pause)
            self._manager.reload()
        raise unreadable(self._directory, reason or "another process could not")

    def _unseen(self) -> list[epath.Path]:
        """The folders of whole checkpoints that were not found when the folder was read."""
        known = {str(step) for step in self._manager.all_steps()}
        try:
            names = list_names(self._directory)
        except FileNotFoundError:
            return []
        found = [n for n in names if n.isascii() and n.isdecimal() and n == str(int(n)) and n not in known]
        return [path for n in found if _is_whole(path := self._directory / n)]

    def keep_best(self, step: int | None) -> None:
        """Keeps the checkpoint of ``step``, as well as the newest, until another is named here."""
        self._policy.best = step

    def keep_before_alarm(self, step: int | None) -> None:
        """Keeps the checkpoint of ``step``, as well as the others, until another is named here."""
        self._policy.before_alarm = step

    def save(
        self, state: TrainState, meta: dict[str, Any], *, wrong: Callable[[TrainState], list[str]] = non_finite
    ) -> None:
        """Saves ``state`` under its own step, without its frozen nets, of which only fingerprints are kept; a step
        already present is left as it is. ``wrong`` gives the names of arrays that make a state unfit to be saved.

        Raises:
          NonFiniteStateError: where it holds NaN or infinity; nothing is saved, and nothing removed.
          UserError: where the folder cannot be written, of this save or of the one before, which ran behind.
        """
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        kept = state.replace(frozen={})
        if names := wrong(kept):
            raise NonFiniteStateError(
                f"{len(names)} arrays hold NaN or infinity at step {step}, first {names[0]}: not saved, and the "
                f"checkpoints before are kept"
            )
        record = {**meta, "digest": digest(kept), "signature": _signature(kept)}
        record["frozen"] = fingerprints(state.frozen)
        record["checksum"] = _hash(record)
        with writing(self._directory):
            self._manager.save(
                step, args=ocp.args.Composite(state=ocp.args.StandardSave(kept), meta=ocp.args.JsonSave(record))
            )

    def fingerprint(self, step: int) -> str:
        """A hash of the content of the checkpoint of ``step``, from what was recorded when it was saved."""
        return _hash(self._meta(step)["digest"])

    def _meta(self, step: int) -> dict[str, Any]:
        meta = self._fetch(step, "meta", ocp.args.JsonRestore())
        if (problem := _meta_problem(meta)) is not None:
            raise DamagedCheckpointError(f"{self._directory / str(step)}/meta {problem}")
        return {name: value for name, value in meta.items() if name != "checksum"}

    def _check_frozen(self, step: int, meta: dict[str, Any], given: dict[str, str]) -> None:
        """Refuses frozen networks other than those that the checkpoint was trained with; ``given`` are fingerprints."""
        saved = meta.get("frozen")
        if saved is None or saved == given:  # older checkpoints do not say
            return
        name = min(name for name in saved.keys() | given.keys() if saved.get(name) != given.get(name))
        raise UserError(
            f"the frozen network {name!r} is not the one that {self._directory / str(step)} was trained with: "
            f"{given.get(name, 'none')[:12]} here, {saved.get(name, 'none')[:12]} there; bring back the run or the "
            "weights that it came from, or train in a new --workdir"
        )

    def _load(
        self, step: int, target: TrainState, frozen: dict[str, str]
    ) -> tuple[TrainState, dict[str, Any], dict[str, str]]:
        """The state as it lies there, under the names of then, what was recorded of it, and those names today; no
        process waits for another here.
        """
        directory = self._directory / str(step)
        meta, target = self._meta(step), target.replace(frozen={})
        names = {}
        if meta["signature"] == _signature(_renamed(target, EARLIER_NAMES)):
            target, names = _renamed(target, EARLIER_NAMES), {old: new for new, old in EARLIER_NAMES.items()}
        wanted = _signature(target)
        if meta["signature"] != wanted:
            differing = sorted(
                k for k in wanted.keys() | meta["signature"].keys() if wanted.get(k) != meta["signature"].get(k)
            )
            name = differing[0]
            raise UserError(
                f"the checkpoint {directory} is of another model: {len(differing)} arrays differ, first {name}: saved "
                f"{meta['signature'].get(name, 'absent')}, wanted {wanted.get(name, 'absent')}; use the config that "
                "it was trained with"
            )
        self._check_frozen(step, meta, frozen)
        return self._fetch(step, "state", ocp.args.StandardRestore(target)), meta, names

    def _fetch(self, step: int, part: str, how: Any) -> Any:
        """A part of a checkpoint, as storage gives it.

        Raises:
          UnreadableError: where that fails for a reason that says nothing of the content.
          DamagedCheckpointError: where the content can be read, and is not what storage wrote.
        """
        folder = self._directory / str(step)
        try:
            self._reading(step, folder)
            return self._readers[part].restore(folder / part, args=how)
        except Exception as error:  # what storage raises has no common type
            text = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            if is_memory_error(error):
                raise
            if is_read_error(error) or not folder.exists():
                raise UnreadableError(f"{folder}: {text}") from error
            if (unreadable := unreadable_file(folder)) is not None:
                raise UnreadableError(f"{unreadable[0]}: {unreadable[1].strerror}") from error
            raise DamagedCheckpointError(text) from error

    def _read(self, step: int, target: TrainState) -> tuple[TrainState, dict[str, Any]]:
        """The state of a step, read by all processes together, and again where storage fails for a while.

        Raises:
          UserError: where the checkpoint is of another model or of other frozen nets.
          UnreadableError: where storage goes on to fail.
          DamagedCheckpointError: where the content is not what was saved.
        """
        folder, frozen = self._directory / str(step), fingerprints(target.frozen)
        for pause in pauses():
            outcome, reason, found = _Outcome.READ, "", None
            try:
                found = self._load(step, target, frozen)
            except DamagedCheckpointError as error:
                outcome, reason = _Outcome.DAMAGED, str(error)
            except UnreadableError as error:
                outcome, reason = _Outcome.UNREADABLE, str(error)
            worst = _worst(outcome)
            if worst is _Outcome.READ and found is not None:
                state, meta, names = found
                saved, here = meta["digest"], digest(state)
                wrong = sorted(name for name in saved.keys() | here.keys() if saved.get(name) != here.get(name))
                if not wrong:
                    return _renamed(state, names).replace(frozen=target.frozen), meta
                raise DamagedCheckpointError(f"{len(wrong)} arrays differ from what was saved, first {wrong[0]}")
            if worst is _Outcome.DAMAGED:
                raise DamagedCheckpointError(reason or "damaged as another process sees it")
            reason = reason or f"{folder}, by another process"
            if pause is not None:
                log.warning("cannot read %s; trying again in %.0f s", reason, pause)
                time.sleep(pause)
        raise UnreadableError(
            f"cannot read {reason}. Nothing says that it is damaged, and nothing was moved: mend the storage or the "
            "file's permissions and run the same command again (or choose an earlier checkpoint by its step)"
        )

    def restore(self, target: TrainState, step: int | None = None) -> tuple[TrainState, dict[str, Any]] | None:
        """The newest sound state, with its meta; None where none was ever saved.

        A damaged one is named, moved to ``quarantine/`` (unless opened read-only), and the one before it is tried. Only
        content that was read and is not what was saved is damage: reading that fails is tried again, then raised.

        Args:
          target: shapes, dtypes and shardings to restore to (``jax.ShapeDtypeStruct`` leaves, or arrays); the mesh may
            differ from the one that saved. Its frozen nets are arrays, and stay.
          step: this step and no other.

        Raises:
          UserError: where ``step`` is absent, the checkpoint is of another model or of other frozen nets, or there were
            checkpoints and none is sound.
          UnreadableError: where storage fails.
          DamagedCheckpointError: where the one ``step`` asked for is damaged.
        """
        self.wait()
        if step is not None:
            if step not in self._manager.all_steps():
                raise UserError(
                    f"no checkpoint of step {step} in {self._directory}; there are {self.steps() or 'none'}"
                )
            return self._read(step, target)
        passed: set[int] = set()
        while True:
            steps = [s for s in self.listed_steps() if s not in passed]
            candidate = from_main(steps[-1] if steps else -1)
            if candidate < 0:
                self._check_none_lost(passed)
                return None
            try:
                return self._read(candidate, target)
            except DamagedCheckpointError as error:
                reason = str(error).splitlines()[0][:200]
            passed.add(candidate)
            if self._read_only:
                log.warning("checkpoint %s is damaged (%s); falling back", self._directory / str(candidate), reason)
            else:
                self._quarantine(candidate, reason)

    def _check_none_lost(self, passed: set[int]) -> None:
        """Refuses to begin anew where there were checkpoints."""
        place = self._root / "quarantine"
        damaged = names_in(place)
        if passed or damaged:
            raise UserError(
                f"none of the checkpoints in {self._root} is sound ({len(passed) or len(damaged)} damaged"
                f"{f', in {place}: ' + ', '.join(damaged) if damaged else ''}); bring a sound one back into "
                f"{self._directory}, or begin at step 0 with `jaxgan train --restart`"
            )

    def _quarantine(self, step: int, reason: str) -> None:
        place = self._root / "quarantine" / f"{step}-{time.time_ns()}"
        log.warning(
            "checkpoint %s is damaged (%s); moved to %s, falling back", self._directory / str(step), reason, place
        )
        self._manager.close()
        if jax.process_index() == 0:
            with writing(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                (self._directory / str(step)).rename(place)
        from_main(0)
        self._manager = ocp.CheckpointManager(self._directory, options=self._options)

    def wait(self) -> None:
        """Returns when every save has its name.

        Raises:
          UserError: where one could not be written.
        """
        with writing(self._directory):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and frees the threads.

        Raises:
          UserError: where a save could not be written.
        """
        close_all(self.wait, self._close)

    def _close(self) -> None:
        with writing(self._directory):
            self._manager.close()
