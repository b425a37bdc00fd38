"""The folder that compiled programs are kept in, and what a second start reads from it."""

import os
import subprocess
import sys
import time

import jax
import pytest

from jaxgan.training import compilation_cache
from jaxgan.training.compilation_cache import default_folder, use_compilation_cache
from jaxgan.training.errors import UserError

NAMES = (
    "jax_enable_compilation_cache",
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
)


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    """A home of its own; JAX's settings are put back."""
    before = {name: getattr(jax.config, name) for name in NAMES}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    jax.config.update("jax_enable_compilation_cache", True)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_a_folder_of_the_users_own_is_the_default(tmp_path):
    found = use_compilation_cache()
    assert found == str(default_folder()) == jax.config.jax_compilation_cache_dir
    assert found.startswith(str(tmp_path / "home" / "jaxgan" / "compilation"))
    assert os.stat(found).st_mode & 0o077 == 0, "others could put programs there that are then run"


def test_hosts_of_another_cpu_have_another_folder(monkeypatch):
    mine = default_folder()
    monkeypatch.setattr(compilation_cache.platform, "processor", lambda: "another")
    assert default_folder() != mine and default_folder().parent == mine.parent


def test_the_flag_goes_before_jaxs_variable_and_that_before_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "variable"))
    assert use_compilation_cache() == str(tmp_path / "variable")
    assert use_compilation_cache(str(tmp_path / "flag")) == str(tmp_path / "flag")
    assert use_compilation_cache("off") is None and not jax.config.jax_enable_compilation_cache
    # As JAX_ENABLE_COMPILATION_CACHE=false has it.
    assert use_compilation_cache() is None
    assert use_compilation_cache(str(tmp_path / "flag")) == str(tmp_path / "flag")


def test_a_folder_that_cannot_be_written_is_told(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--compilation_cache=.*/file/x: Not a directory; name a folder .* or off"):
        use_compilation_cache(str(tmp_path / "file" / "x"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert use_compilation_cache() is None
    assert "no compilation cache" in caplog.text and "--compilation_cache=DIR" in caplog.text


def test_old_programs_and_empty_files_go(tmp_path):
    kept, old, empty = (tmp_path / f"{name}-cache" for name in ("kept", "old", "empty"))
    for path in (kept, old):
        path.write_text("a program")
    empty.touch()
    (tmp_path / "other").touch()
    os.utime(old, (time.time() - 1e7,) * 2)
    use_compilation_cache(str(tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept-cache", "other"]


PROGRAM = """
import sys
import jax
import jax.numpy as jnp
from jaxgan.training.compilation_cache import use_compilation_cache

hits = []
jax.monitoring.register_event_listener(lambda name, **_: hits.append(name) if name.endswith("cache_hits") else None)
use_compilation_cache(sys.argv[1])
step = jax.jit(lambda x, y: (x @ y + x, jnp.sin(x).sum()), donate_argnums=0)
x = jax.random.normal(jax.random.key(0), (64, 64))
for _ in range(3):
    x, total = step(x, jnp.eye(64) * 0.5)
print(len(hits), x.tobytes().hex()[:4000] if hasattr(x, "tobytes") else bytes(memoryview(jax.device_get(x))).hex())
"""


def start(folder):
    environment = os.environ | {
        "JAX_ENABLE_COMPILATION_CACHE": "true",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    hits, values = done.stdout.split()
    return int(hits), values, done.stderr


def test_a_second_process_reads_the_same_bits_even_past_a_cut_program(tmp_path):
    hits, values, _ = start(tmp_path)
    assert hits == 0 and any(tmp_path.glob("jit__lambda*-cache"))
    hits, again, _ = start(tmp_path)
    assert hits >= 1 and again == values
    # A program that a kill cut short is compiled again.
    (cut,) = tmp_path.glob("jit__lambda*-cache")
    cut.write_bytes(cut.read_bytes()[:100])
    _, again, said = start(tmp_path)
    assert again == values and "Error reading persistent compilation cache entry" in said
