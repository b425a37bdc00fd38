"""JAX's persistent compilation cache: the second start of a run reads its programs from a folder.

The cache's key holds the program, the devices, XLA's flags and the versions of jaxlib and of the drivers, so that
nothing stale is found. A program that is read is the one that was written: resumption stays bit for bit.
"""

import hashlib
import logging
import os
import platform
import time
from pathlib import Path

from jaxgan.training.cache_folder import cache_folder
from jaxgan.training.errors import UserError

log = logging.getLogger("jaxgan")

OFF = "off"
# Below this JAX's own work of reading and hashing costs as much as compiling.
_MIN_COMPILE_SECONDS = 0.2
# JAX bounds a cache by size only with a lock that all of its processes wait for; programs of this age are of versions
# long gone, or are compiled once again.
_MAX_AGE_SECONDS = 90 * 24 * 3600


def default_folder() -> Path:
    """``$XDG_CACHE_HOME/jaxgan/compilation/<CPU>``: of one kind of CPU, since homes are shared by hosts that differ in
    instruction sets, and a program for one of them may end another's process.
    """
    return cache_folder("compilation", cpu_name())


def cpu_name() -> str:
    """The instruction set and a hash of the CPU's model and features."""
    described = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    found = {line.partition(":")[0].strip(): line for line in reversed(lines)}
    described += "".join(found.get(key, "") for key in ("vendor_id", "model name", "flags", "Features"))
    return f"{platform.machine()}-{hashlib.sha256(described.encode()).hexdigest()[:12]}"


def use_compilation_cache(folder: str | None = None) -> str | None:
    """Turns the cache on for this process; call it before anything is compiled.

    Args:
      folder: where programs are kept, 'off' for no cache, or None for ``JAX_COMPILATION_CACHE_DIR`` where that is set,
        and else :func:`default_folder`. ``JAX_ENABLE_COMPILATION_CACHE=false`` turns None off, and
        ``JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS`` is respected.

    Returns:
      The folder; None where there is no cache.

    Raises:
      UserError: where ``folder`` cannot be written.
    """
    import jax

    if folder == OFF:
        jax.config.update("jax_enable_compilation_cache", False)
        return None
    if folder is None and not jax.config.jax_enable_compilation_cache:  # type: ignore[attr-defined]
        return None
    chosen = folder or os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(default_folder())
    if "://" not in chosen:
        chosen = os.path.abspath(os.path.expanduser(chosen))
        try:
            # Programs in it are run: for its owner alone.
            os.makedirs(chosen, mode=0o700, exist_ok=True)
            _clean(Path(chosen))
        except OSError as error:
            if folder is not None:
                raise UserError(
                    f"--compilation_cache={folder}: {error.strerror or error}; name a folder that can be written, "
                    "or off"
                ) from error
            log.warning("no compilation cache: %s; --compilation_cache=DIR names another folder, off none", error)
            return None
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_compilation_cache_dir", chosen)
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _MIN_COMPILE_SECONDS)
    return chosen


def _clean(folder: Path) -> None:
    """Removes programs that are old, and what a process that was killed left empty, which JAX would never replace."""
    oldest = time.time() - _MAX_AGE_SECONDS
    for path in folder.glob("*-cache"):
        found = path.stat()
        if not found.st_size or found.st_mtime < oldest:
            path.unlink(missing_ok=True)
