"""A tiny run of this version as one small file, which every later version must open, check and sample.

    python docs/measure/golden_run.py            # writes tests/golden/<version>.zip, once a release

The file holds the run's folder without events and pictures, and what it draws from seed 3.
"""

import importlib.metadata
import sys
import tempfile
import zipfile
from pathlib import Path

from jaxgan.cli.main import main as jaxgan

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "golden"
LEFT_OUT = ("tb", "samples", "LOCK")


def draw(workdir: Path, out: Path) -> None:
    """Draws 20 points of a run into an .npz."""
    code = jaxgan(["sample", f"--workdir={workdir}", f"--out={out}", "--num_images=20", "--seed=3"])
    assert code == 0


def main() -> None:
    """Trains, draws, packs."""
    target = FOLDER / f"{importlib.metadata.version('jaxgan')}.zip"
    if target.exists():
        sys.exit(f"{target} is there: a golden file is made once")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder) / "run"
        steps = ("--config.training.steps=6", "--config.training.save_every=3", "--config.training.log_every=1")
        code = jaxgan(["train", "--config=cgan:ring8,smoke", f"--workdir={workdir}", "--no_progress", *steps])
        assert code == 0
        draw(workdir, Path(folder) / "drawn.npz")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.write(Path(folder) / "drawn.npz", "drawn.npz")
            for path in sorted(workdir.rglob("*")):
                if path.is_file() and path.relative_to(workdir).parts[0] not in LEFT_OUT:
                    packed.write(path, Path("run") / path.relative_to(workdir))
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
