"""Flags that verbs share."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from jaxgan.cli.config import split_overrides
from jaxgan.training.errors import UserError


class _Parser(argparse.ArgumentParser):
    """Raises on a mistake, rather than exit with argparse's own code 2."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. See `{self.prog} --help`.")


def parser(verb: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser whose help ends in examples, with the flags that every verb takes."""
    made = _Parser(
        prog=f"jaxgan {verb}",
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--traceback", action="store_true", help="show where an error came from")
    return made


def add_config(made: argparse.ArgumentParser) -> None:
    """Adds ``--config``."""
    made.add_argument(
        "--config",
        required=True,
        metavar="NAME[:ARG]",
        help="a config's path (configs/x.py) or bare name (x), with ':smoke' for a tiny version; change any key with "
        "--config.section.key=value",
    )


def add_workdir(made: argparse.ArgumentParser) -> None:
    """Adds ``--workdir``."""
    made.add_argument("--workdir", required=True, metavar="DIR", help="the run's folder")


def add_restore(made: argparse.ArgumentParser) -> None:
    """Adds which checkpoint, and which networks of it."""
    add_workdir(made)
    made.add_argument("--step", type=int, help="the checkpoint of this step (default: the newest)")
    made.add_argument("--raw", action="store_true", help="the raw networks rather than their moving averages")
    made.add_argument("--seed", type=int, default=0, help="of the latents (default 0)")


def add_processes(made: argparse.ArgumentParser) -> None:
    """Adds how several processes find each other."""
    made.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="process 0 of a run of several processes; 'auto' on SLURM, TPU pods and GKE",
    )
    made.add_argument("--num_processes", type=int, help="processes in all")
    made.add_argument("--process_id", type=int, help="this one, from 0")


def parse(made: argparse.ArgumentParser, arguments: Sequence[str]) -> tuple[argparse.Namespace, list[tuple[str, str]]]:
    """Parses flags and ``--config.a.b=value`` overrides."""
    rest, overrides = split_overrides(arguments)
    return made.parse_args(rest), overrides
