"""Options of the training loop: intervals, checkpoints, what happens where something fails."""

import dataclasses
from collections.abc import Iterable, Sequence

from jaxgan.training.errors import UserError
from jaxgan.training.method import Evaluator, Experiment
from jaxgan.training.watchdog import Limits


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopOptions:
    """How a run is driven.

    Attributes:
      save_every: steps between checkpoints; the last step is always saved.
      log_every: steps between records in metrics.jsonl.
      keep: checkpoints that stay, the newest; the last one of each stage stays too.
      steps_per_dispatch: steps in one call of the compiled function.
      max_in_flight: dispatches that may wait for the device; a loop that runs ahead without bound holds memory for
        every one of them.
      best: a score in metrics.jsonl, such as 'eval/tstr', whose best checkpoint in the last stage is kept as well as
        the newest, and named in best.json; None for none.
      best_is: 'max' or 'min'.
      on_nonfinite: where metrics or the state hold NaN or infinity: 'stop' ends the run, its last good checkpoint kept;
        'rollback' goes on from that, with other randomness and other data; 'continue' leaves out the update of such a
        step, on the device (``skipped`` in the records counts them).
      max_rollbacks: after so many the run stops.
      on_evaluation_error: 'record' notes a score that fails, with its reason, and trains on; 'stop' ends the run, whose
        checkpoint was saved before.
      accept_data_change: go on with other data than the run was trained on.
      health: log update-to-weight ratios, D's gap and the largest singular value of each spectrally normalised weight.
      singular_values_every: steps between records of the second and the third of them, where ``health``; 0 for never.
      convolutions: their forms on a CPU: 'auto' measures, 'xla', or a file that another run left; see
        :mod:`jaxgan.training.conv_choices`.
      convolution_seconds: that measuring them may take.
      progress: show the bar.
      watchdog: how long each part may take until the process is taken for stuck.
    """

    save_every: int
    log_every: int
    keep: int = 2
    steps_per_dispatch: int = 1
    max_in_flight: int = 4
    best: str | None = None
    best_is: str = "max"
    on_nonfinite: str = "stop"
    max_rollbacks: int = 3
    on_evaluation_error: str = "record"
    accept_data_change: bool = False
    health: bool = False
    singular_values_every: int = 0
    convolutions: str = "auto"
    convolution_seconds: float = 10.0
    progress: bool = True
    watchdog: Limits = dataclasses.field(default_factory=Limits)

    def check_best(self, evaluators: Sequence[Evaluator]) -> None:
        """Raises UserError where ``best`` is none of the scores of the last stage's ``evaluators``; what an evaluator
        does not say is not known.
        """
        given = [evaluator.scores for evaluator in evaluators]
        if self.best is None or None in given:
            return
        names = sorted(f"eval/{name}" for scores in given for name in scores or ())
        if self.best not in names:
            there = ", ".join(names) or "none, which evaluation.metrics and evaluation.tstr name"
            raise UserError(f"evaluation.best={self.best!r} is none of this run's scores; they are: {there}")

    def check(self, experiment: Experiment, evaluators: Iterable[Evaluator]) -> None:
        """Raises UserError where an interval is not positive, or ends inside a dispatch, or two stages share a name."""
        names = [stage.name for stage in experiment.stages]
        if len(set(names)) < len(names):
            raise UserError(f"stages {', '.join(names)}: give each a name of its own")
        k = self.steps_per_dispatch
        intervals = {"training.save_every": self.save_every, "training.steps_per_dispatch": k}
        intervals |= {f"steps of stage {s.name}": s.steps for s in experiment.stages}
        intervals |= {f"every_steps of {e.name}": e.every_steps for e in evaluators if e.every_steps}
        for name, value in (intervals | {"training.log_every": self.log_every, "training.keep": self.keep}).items():
            if value < 1:
                raise UserError(f"{name}={value} must be at least 1")
        if self.singular_values_every < 0:
            raise UserError(f"training.singular_values_every={self.singular_values_every}: give 0 for never, or more")
        choices = {"best_is": ("max", "min"), "on_nonfinite": ("stop", "rollback", "continue")}
        for name, allowed in (choices | {"on_evaluation_error": ("record", "stop")}).items():
            if getattr(self, name) not in allowed:
                raise UserError(f"{name}={getattr(self, name)!r}; choose from {', '.join(map(repr, allowed))}")
        for name, value in intervals.items():
            if value % k:
                raise UserError(f"{name}={value} is no multiple of training.steps_per_dispatch={k}; make it one")
