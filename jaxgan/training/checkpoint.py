"""Checkpoints that are atomic, asynchronous and verified."""

import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath

from jaxgan.training.digest import digest
from jaxgan.training.errors import UserError
from jaxgan.training.state import TrainState, Variables

log = logging.getLogger("jaxgan")


# Layers by their names today, and as the first version saved them.
EARLIER_NAMES = {"project": "seed", "norm_project": "norm_seed"}


class DamagedCheckpointError(Exception):
    """A checkpoint whose content is not what was saved."""


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


def _agree(value: int) -> int:
    """Process 0's value, on every process."""
    if jax.process_count() == 1:
        return value
    from jax.experimental import multihost_utils

    return int(multihost_utils.broadcast_one_to_all(np.int64(value)))


def _all_succeeded(ok: bool) -> bool:
    if jax.process_count() == 1:
        return ok
    from jax.experimental import multihost_utils

    return bool(np.min(multihost_utils.process_allgather(np.int32(ok))))


def fingerprints(nets: Mapping[str, Variables]) -> dict[str, str]:
    """Net -> a hash of its arrays' content, the same under every sharding."""
    return {name: _hash(digest(variables)) for name, variables in sorted(nets.items())}


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class _Preserved:
    """Preservation policy: the newest ``keep`` checkpoints stay, the best one, and those of ``always``."""

    def __init__(self, keep: int, always: Iterable[int]):
        self.keep = keep
        self.always = frozenset(always)
        self.best: int | None = None

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """Orbax's question, of all checkpoints from old to new."""
        del context
        newest = len(checkpoints) - self.keep
        return [i >= newest or c.step == self.best or c.step in self.always for i, c in enumerate(checkpoints)]


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
        self._manager = ocp.CheckpointManager(self._directory, options=self._options)

    @property
    def directory(self) -> epath.Path:
        """Where they lie."""
        return self._directory

    def steps(self) -> list[int]:
        """The steps present, oldest first."""
        return sorted(self._manager.all_steps())

    def keep_best(self, step: int | None) -> None:
        """Keeps the checkpoint of ``step``, as well as the newest, until another is named here."""
        self._policy.best = step

    def save(self, state: TrainState, meta: dict[str, Any]) -> None:
        """Saves ``state`` under its own step, without its frozen nets, of which only fingerprints are kept; a step
        already present is left as it is.
        """
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        kept = state.replace(frozen={})
        record = {**meta, "digest": digest(kept), "signature": _signature(kept)}
        record["frozen"] = fingerprints(state.frozen)
        self._manager.save(
            step, args=ocp.args.Composite(state=ocp.args.StandardSave(kept), meta=ocp.args.JsonSave(record))
        )

    def fingerprint(self, step: int) -> str:
        """A hash of the content of the checkpoint of ``step``, from what was recorded when it was saved."""
        return _hash(self._meta(step)["digest"])

    def _meta(self, step: int) -> dict[str, Any]:
        meta = self._manager.restore(step, args=ocp.args.Composite(meta=ocp.args.JsonRestore()))["meta"]
        if not isinstance(meta, dict) or "digest" not in meta:
            raise DamagedCheckpointError(f"{self._directory / str(step)}/meta holds no digest")
        return meta

    def _check_frozen(self, step: int, meta: dict[str, Any], frozen: dict[str, Variables]) -> None:
        """Refuses frozen networks other than those that the checkpoint was trained with."""
        saved, given = meta.get("frozen"), fingerprints(frozen)
        if saved is None or saved == given:  # older checkpoints do not say
            return
        name = min(name for name in saved.keys() | given.keys() if saved.get(name) != given.get(name))
        raise UserError(
            f"the frozen network {name!r} is not the one that {self._directory / str(step)} was trained with: "
            f"{given.get(name, 'none')[:12]} here, {saved.get(name, 'none')[:12]} there; bring back the run or the "
            "weights that it came from, or train in a new --workdir"
        )

    def _load(self, step: int, target: TrainState) -> tuple[TrainState, dict[str, Any]]:
        directory = self._directory / str(step)
        self._reading(step, directory)
        meta, frozen = self._meta(step), target.frozen
        target = target.replace(frozen={})
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
        state = self._manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(target)))["state"]
        found = digest(state)
        wrong = sorted(name for name, value in meta["digest"].items() if found.get(name) != value)
        if wrong:
            raise DamagedCheckpointError(f"{len(wrong)} arrays differ from what was saved, first {wrong[0]}")
        return _renamed(state, names).replace(frozen=frozen), meta

    def restore(self, target: TrainState, step: int | None = None) -> tuple[TrainState, dict[str, Any]] | None:
        """The newest sound state, with its meta; None where there is none.

        A damaged one is named, moved to ``quarantine/`` (unless opened read-only), and the one before it is tried.

        Args:
          target: shapes, dtypes and shardings to restore to (``jax.ShapeDtypeStruct`` leaves, or arrays); the mesh may
            differ from the one that saved. Its frozen nets are arrays, and stay.
          step: this step and no other.

        Raises:
          UserError: where ``step`` is absent, or the checkpoint is of another model or of other frozen nets.
          DamagedCheckpointError: where the one ``step`` asked for is damaged.
        """
        if step is not None:
            if step not in self._manager.all_steps():
                raise UserError(
                    f"no checkpoint of step {step} in {self._directory}; there are {self.steps() or 'none'}"
                )
            return self._load(step, target)
        passed: set[int] = set()
        while True:
            steps = [s for s in self.steps() if s not in passed]
            candidate = _agree(steps[-1] if steps else -1)
            if candidate < 0:
                return None
            failure: Exception | None = None
            try:
                found = self._load(candidate, target)
            except UserError:
                raise
            except Exception as error:  # what storage raises on damage has no common type
                failure = error
            if _all_succeeded(failure is None):
                return found
            reason = str(failure or "damaged as another process sees it").splitlines()[0][:200]
            passed.add(candidate)
            if self._read_only:
                log.warning("checkpoint %s is damaged (%s); falling back", self._directory / str(candidate), reason)
            else:
                self._quarantine(candidate, reason)

    def _quarantine(self, step: int, reason: str) -> None:
        place = self._root / "quarantine" / f"{step}-{time.time_ns()}"
        log.warning(
            "checkpoint %s is damaged (%s); moved to %s, falling back", self._directory / str(step), reason, place
        )
        self._manager.close()
        if jax.process_index() == 0:
            place.parent.mkdir(parents=True, exist_ok=True)
            (self._directory / str(step)).rename(place)
        _agree(0)
        self._manager = ocp.CheckpointManager(self._directory, options=self._options)

    def wait(self) -> None:
        """Returns when every save has its name."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and frees the threads."""
        self._manager.wait_until_finished()
        self._manager.close()
