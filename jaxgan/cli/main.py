"""``jaxgan VERB ...``: parses, dispatches, and turns a user's mistake into one line and an exit code."""

import importlib
import importlib.metadata
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from jaxgan.data.printable import printable
from jaxgan.training.xla_flags import fast_cpu_convolutions

VERBS = {
    "train": "train an experiment, or go on with one",
    "launch": "run a verb in several processes of this machine, and start it again after a crash",
    "sample": "draw images from a trained run",
    "evaluate": "score a trained run, or images against images",
    "features": "write the features of images",
    "compare": "put two results side by side, if their protocols are the same",
    "bench": "measure the step, the sampler, the loader, or how work is shared over devices",
    "study": "run a grid of variants and seeds, as a table with spread and a plot",
    "monitor": "show a run in the terminal or as an HTML report: curves, samples, alarms",
    "verify": "check every file of a run: checkpoints, records, events, pictures",
    "list": "print the recipes, their papers and the variants of their configs",
    "describe": "print an experiment's config and sizes, without data or training",
    "plan": "say what a step would do on a TPU slice or GPUs: memory, time, cost",
}

_USAGE = """usage: jaxgan VERB [options]

GANs in JAX: train, sample and score from one command line.

verbs:
{verbs}

Every verb explains itself:  jaxgan VERB --help
First steps:                 jaxgan train --config=biggan:digits16 --workdir=runs/digits
                             jaxgan sample --workdir=runs/digits --num_images=100 --out=digits.png
"""

EXIT_USER_ERROR = 1


class _Printable(logging.Formatter):
    """Shows what a record says, names of files in it included, without what a terminal would act on."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), lines=True)


def _start_logging() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("jaxgan").setLevel(logging.INFO)
    for name in ("absl", "asyncio"):  # orbax's remarks, and tracebacks of errors that it raises as well
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.formatwarning = lambda message, *where, **more: f"warning: {printable(str(message), lines=True)}\n"


def _usage() -> str:
    return _USAGE.format(verbs="\n".join(f"  {name:<10} {text}" for name, text in VERBS.items()))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; returns 0 on success, 1 on a user's mistake, 42 where a scheduler should start it again."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_usage(), end="")
        return 0 if arguments else EXIT_USER_ERROR
    if arguments[0] == "--version":
        print(importlib.metadata.version("jaxgan"))
        return 0
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        print(f"jaxgan: unknown verb {verb!r}; there are {', '.join(VERBS)}. See `jaxgan --help`.", file=sys.stderr)
        return EXIT_USER_ERROR
    _start_logging()
    if "--help" not in rest and "-h" not in rest and (note := fast_cpu_convolutions()):
        logging.getLogger("jaxgan").info("XLA: %s", note)
    try:
        return importlib.import_module(f"jaxgan.cli.{verb}").run(rest)
    except BrokenPipeError:
        # The reader has left, as `| head` does: nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"jaxgan {verb}: interrupted", file=sys.stderr)
        return _leave(130)
    except Exception as error:
        known = isinstance(error, ValueError | OSError | MemoryError) or _is_out_of_memory(error)
        if "--traceback" in rest or not known:
            if not _has_peers():
                raise
            traceback.print_exc()
        else:
            print(f"jaxgan {verb}: {_sentence(error)}\n(--traceback shows where)", file=sys.stderr)
        return _leave(EXIT_USER_ERROR)


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"this machine's memory does not suffice ({error}); take fewer images, or smaller batches"
    if _is_out_of_memory(error):
        return (
            f"the device's memory does not suffice ({printable(str(error).splitlines()[0])}); take a smaller batch, or "
            "more devices (`jaxgan plan` says what a step needs)"
        )
    return printable(str(error), lines=True)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether XLA says that a device has too little memory."""
    return isinstance(error, RuntimeError) and "RESOURCE_EXHAUSTED" in str(error)


def _has_peers() -> bool:
    """Whether this process is one of several; nothing is imported for it."""
    jax = sys.modules.get("jax")
    return jax is not None and jax.distributed.is_initialized()


def _leave(code: int) -> int:
    """``code``, or with peers the end of this process: an ordinary exit would wait for theirs."""
    if not _has_peers():
        return code
    from jaxgan.parallel import leave

    return leave(code)


if __name__ == "__main__":
    sys.exit(main())
