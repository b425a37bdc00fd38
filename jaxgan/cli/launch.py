"""``jaxgan launch``: run a verb in one or more processes of this machine, and start it again where that can help."""

import dataclasses
from collections.abc import Sequence

from jaxgan.cli import arguments as flags
from jaxgan.tools.supervisor import Policy, supervise
from jaxgan.training.errors import UserError

# The verbs that run in several processes.
TOGETHER = ("train", "evaluate", "features", "study")

_DESCRIPTION = """Runs a verb of jaxgan in N processes that meet over loopback, each on its own GPU, and starts them
again after exit codes 42 (asks for it, or stuck), 134 (JAX ended it because a peer was lost), 137 (killed), 142 (the
watchdog's timer) and 143 (SIGTERM that nothing listened for), after a wait that doubles; other codes are final. Where
restart after restart brings no new checkpoint, it gives up with 1. --restart and --from_step of train are carried out
once, and left out of later starts. SIGTERM and SIGINT reach the processes as SIGTERM,
on which they save and leave with 42; there is no restart then; a second one kills. The processes die with this one,
however it dies."""

_EXAMPLES = """  jaxgan launch --procs=2 -- train --config=biggan:digits16 --workdir=runs/digits
  jaxgan launch -- train --config=biggan:cifar10 --workdir=runs/cifar
  jaxgan launch --procs=8 -- evaluate --workdir=runs/cifar --metrics=fid --features=inception"""


_FLAGS = {
    "backoff_seconds": "first wait before a restart",
    "restarts_without_progress": "restarts in a row without a new checkpoint",
    "grace_seconds": "what the others have once a process failed",
    "save_seconds": "what the others have once a process left with 42 or 0",
}


def run(arguments: Sequence[str]) -> int:
    """Runs the verb; returns the exit code."""
    default = Policy()
    made = flags.parser("launch", _DESCRIPTION, _EXAMPLES)
    made.usage = "jaxgan launch [options] -- VERB [options of VERB]"
    made.add_argument("--procs", "--processes", type=int, default=default.procs, help="how many (default 1)")
    for name, text in _FLAGS.items():
        value = getattr(default, name)
        made.add_argument(f"--{name}", type=type(value), default=value, help=f"{text} (default %(default)g)")
    split = list(arguments).index("--") if "--" in arguments else len(arguments)
    given = vars(made.parse_args(arguments[:split]))
    policy = Policy(**{field.name: given[field.name] for field in dataclasses.fields(Policy)})
    policy.check()
    words = list(arguments[split + 1 :])
    _check_verb(words, policy.procs)
    return supervise(words, policy)


def _check_verb(words: Sequence[str], procs: int) -> None:
    from jaxgan.cli.main import VERBS

    known = [verb for verb in VERBS if verb != "launch"]
    if not words or words[0] not in known:
        given = repr(words[0]) if words else "nothing"
        raise UserError(f"give a verb and its options after `--`, one of {', '.join(known)}; there is {given}")
    if procs > 1 and words[0] not in TOGETHER:
        raise UserError(f"{words[0]} runs in one process; leave --procs={procs} out (several: {', '.join(TOGETHER)})")
