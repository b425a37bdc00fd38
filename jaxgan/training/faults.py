"""Fault injection: a run that is killed, hangs or loses a file at a step chosen beforehand, to try what it survives.

The variable ``JAXGAN_FAULT`` holds faults, separated by commas, each ``KIND@STEP``, ``KIND@STEP:PROCESS`` for one
process of several (else it strikes every process), and for 'slow' also ``slow@STEP=SECONDS``:

  kill           SIGKILL, after the step.
  hang           the main thread never comes back from the step, and the process lives.
  hang_save      the same, from saving the checkpoint of the step.
  hang_evaluate  the same, from the scores of the step.
  nan            the first network's parameters are NaN after the step (on all processes, or they would not agree).
  slow           the step takes SECONDS (1) longer.
  enospc         saving the checkpoint of the step fails: no space left on device.
  eio            reading the checkpoint of the step fails: input/output error.
  flip           one bit of the checkpoint of the step is flipped, once it is complete.

    JAXGAN_FAULT=kill@37,eio@30:1 jaxgan launch --procs=2 -- train --config=biggan:digits16,smoke --workdir=runs/faulty

A fault strikes once in a run's folder, the first time that its step or a later one comes by, so that a run that is
started again gets past it; ``WORKDIR/faults/`` remembers which have.
"""

import errno
import os
import re
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from etils import epath

from jaxgan.training.errors import UserError

VARIABLE = "JAXGAN_FAULT"
KINDS = ("kill", "hang", "hang_save", "hang_evaluate", "nan", "slow", "enospc", "eio", "flip")
_FORM = re.compile(r"(?P<kind>[a-z_]+)@(?P<step>\d+)(?::(?P<process>\d+))?(?:=(?P<seconds>\d+(?:\.\d+)?))?")


class Fault(NamedTuple):
    """One fault: its kind, step, process (None for every one), and how many seconds 'slow' is."""

    kind: str
    step: int
    process: int | None = None
    seconds: float = 1.0

    def __str__(self) -> str:
        return f"{self.kind}@{self.step}" + ("" if self.process is None else f":{self.process}")


def parse(text: str) -> tuple[Fault, ...]:
    """The faults that a text such as 'kill@37,eio@40:1' names; none of an empty one.

    Raises:
      UserError: on anything else.
    """
    return tuple(_one(part.strip()) for part in text.split(",") if part.strip())


def _one(text: str) -> Fault:
    match = _FORM.fullmatch(text)
    kind = match["kind"] if match else ""
    if match is None or kind not in KINDS:
        raise UserError(f"{VARIABLE}: {text!r} is no fault; give KIND@STEP or KIND@STEP:PROCESS, KIND of {KINDS}")
    if match["seconds"] and kind != "slow":
        raise UserError(f"{VARIABLE}: {text!r}: only slow@STEP=SECONDS has seconds")
    if match["process"] and kind == "nan":
        raise UserError(f"{VARIABLE}: {text!r}: nan strikes all processes; give nan@{match['step']}")
    process = None if match["process"] is None else int(match["process"])
    return Fault(kind, int(match["step"]), process, float(match["seconds"] or 1.0))


class Faults:
    """The faults of this process, each called for where it can strike; without any, every call returns at once."""

    def __init__(self, plan: tuple[Fault, ...], *, workdir: epath.PathLike, process: int = 0) -> None:
        """Keeps those of ``plan`` that are for ``process``."""
        self._plan = [fault for fault in plan if fault.process in (None, process)]
        self._folder = epath.Path(workdir) / "faults"
        self._process = process

    @classmethod
    def from_environment(cls, *, workdir: epath.PathLike, process: int = 0) -> "Faults":
        """Those of ``JAXGAN_FAULT``; none where it is not set.

        Raises:
          UserError: where it cannot be parsed.
        """
        return cls(parse(os.environ.get(VARIABLE, "")), workdir=workdir, process=process)

    def at(self, step: int) -> None:
        """After ``step``: kills, hangs or waits, where that is due."""
        if not self._plan:
            return
        if fault := self._due("slow", step):
            time.sleep(fault.seconds)
        if self._due("kill", step):
            os.kill(os.getpid(), signal.SIGKILL)
        if self._due("hang", step):
            _hang()

    def after(self, step: int, state: Any) -> Any:
        """The training state after ``step``, with NaN for the parameters of the first network where that is due."""
        if not self._plan or not self._due("nan", step):
            return state
        name = min(state.nets)
        return state.replace(nets={**state.nets, name: _poisoned(state.nets[name])})

    def saving(self, step: int, path: epath.PathLike) -> None:
        """Before the checkpoint of ``step`` is written to ``path``: hangs, where that is due.

        Raises:
          OSError: of a full disk, where that is due.
        """
        if self._plan and self._due("hang_save", step):
            _hang()
        if self._plan and self._due("enospc", step):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))

    def evaluating(self, step: int) -> None:
        """Before the scores of ``step``: hangs, where that is due."""
        if self._plan and self._due("hang_evaluate", step):
            _hang()

    def reading(self, step: int, path: epath.PathLike) -> None:
        """Before the checkpoint of ``step`` is read from ``path``.

        Raises:
          OSError: of a device that fails, where that is due.
        """
        if self._plan and self._due("eio", step):
            raise OSError(errno.EIO, os.strerror(errno.EIO), os.fspath(path))

    def saved(self, step: int, checkpoints: Any) -> None:
        """After the checkpoint of ``step`` was handed to ``checkpoints``: flips a bit of it, where that is due."""
        if self._plan and self._due("flip", step):
            checkpoints.wait()
            _flip(Path(os.fspath(checkpoints.directory)) / str(step))

    def _due(self, kind: str, step: int) -> Fault | None:
        """The fault of this kind that is to strike now; it will not again."""
        for fault in [*self._plan]:
            if fault.kind == kind and fault.step <= step:
                self._plan.remove(fault)
                mark = self._folder / f"{fault}-{self._process}"
                if mark.exists():  # it struck an earlier start
                    continue
                self._folder.mkdir(parents=True, exist_ok=True)
                mark.touch()
                return fault
        return None


def _hang() -> NoReturn:
    while True:
        time.sleep(3600)


def _poisoned(variables: Any) -> Any:
    """``variables`` with NaN for every parameter, on the devices where they are."""
    import jax
    import jax.numpy as jnp

    def nan(params: Any) -> Any:
        return jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), params)

    shardings = jax.tree.map(lambda x: x.sharding, variables["params"])
    return {**variables, "params": jax.jit(nan, out_shardings=shardings)(variables["params"])}


def _flip(folder: Path) -> None:
    """Flips a bit in the middle of the largest file under ``folder``."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: (path.stat().st_size, str(path)))
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(bytes(content))
