"""``jaxgan monitor``: watch a run in a terminal, or write a report of it."""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from jaxgan.cli import arguments as flags
from jaxgan.cli.say import say
from jaxgan.training.errors import UserError

_DESCRIPTION = """Shows a run: its newest metrics with curves, where the time went, and alarms, which foresee some kinds
of collapse and miss others (docs/collapse.md). The run may be training; nothing of it is changed. Its records hold more
with --config.training.health=true and --config.regularizers.spread.directions=16."""

_EXAMPLES = """  jaxgan monitor runs/digits
  jaxgan monitor runs/digits --watch
  jaxgan monitor runs/digits --html=digits.html"""


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    made = flags.parser("monitor", _DESCRIPTION, _EXAMPLES)
    made.add_argument("workdir", type=flags.path, metavar="WORKDIR", help="the run's folder")
    made.add_argument("--watch", action="store_true", help="show it again and again, until Ctrl-C")
    made.add_argument(
        "--seconds", type=flags.number(0.5, 1e8), default=10.0, help="between two looks of --watch (default 10)"
    )
    made.add_argument(
        "--html", type=flags.path, metavar="FILE", help="write one HTML page: alarms, curves, a timeline of samples"
    )
    parsed = made.parse_args(arguments)
    if parsed.watch and parsed.html:
        raise UserError("--watch shows a run in the terminal and --html writes a page: give one of the two")

    from jaxgan.experiment.open_run import absolute
    from jaxgan.tools.monitor.page import page
    from jaxgan.tools.monitor.run_view import read_run

    workdir = absolute(parsed.workdir)
    if parsed.html:
        written = Path(parsed.html)
        if not written.absolute().parent.is_dir():
            raise UserError(f"--html={parsed.html}: there is no folder {written.absolute().parent}")
        written.write_text(page(read_run(workdir)))
        say(f"wrote {written}")
        return 0
    while True:
        _show(workdir, clear=parsed.watch)
        if not parsed.watch:
            return 0
        try:
            time.sleep(parsed.seconds)
        except KeyboardInterrupt:
            return 0


def _show(workdir: os.PathLike[str], *, clear: bool) -> None:
    from jaxgan.tools.monitor.run_view import read_run
    from jaxgan.tools.monitor.terminal import screen

    size = shutil.get_terminal_size((100, 60))
    shown = screen(read_run(workdir), width=size.columns, height=size.lines - 1)
    if clear and sys.stdout.isatty():
        print("\x1b[H\x1b[2J", end="")
    say(shown)
