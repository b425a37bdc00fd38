"""Alarms over the metrics of a run: signs of coming collapse, each with its threshold and the step at which it showed.

All are pure functions of the records in metrics.jsonl. A record is compared with the records before it, so that no
threshold depends on a loss or a network. Thresholds were tuned, and are checked, on the bank of runs of
``docs/measure/alarm_bank.py``; docs/collapse.md has the lead times and the false alarms.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Record = Mapping[str, Any]

# Records that a value is the median of, and records before them that it is compared with.
RECENT, PAST = 3, 20


class Rule(NamedTuple):
    """One kind of alarm.

    Attributes:
      name: of the kind.
      quantity: a regular expression for the metric's name after its player, such as 'grad_norm'.
      player: a regular expression for the player's name.
      statistic: values in the order of their records -> how alarming each is, NaN where too little is known.
      threshold: at which it is an alarm.
      about: one sentence for those who see it.
    """

    name: str
    quantity: str
    player: str
    statistic: Callable[[np.ndarray], np.ndarray]
    threshold: float
    about: str

    def applies(self, metric: str) -> bool:
        """Whether the rule looks at a metric, of a run or of a member of an ensemble ('<member>/<player>/...')."""
        return re.fullmatch(rf"(.*/)?{self.player}(_\d+)?/{self.quantity}", metric) is not None


class Alarm(NamedTuple):
    """A rule that was broken.

    Attributes:
      rule: its name.
      metric: that broke it.
      step: of the first record that did.
      value: of the rule's statistic there.
      threshold: of the rule.
      about: the rule's sentence.
    """

    rule: str
    metric: str
    step: int
    value: float
    threshold: float
    about: str

    def sentence(self) -> str:
        """All of it, in one line."""
        return (
            f"step {self.step}: {self.metric}: {self.about} ({self.rule} {self.value:.3g}, alarm {self.threshold:.3g})"
        )


def recent_and_past(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """([N], [N]) medians of each value with the ``RECENT - 1`` before it, and of the ``PAST`` before those; NaN for the
    first values, which have no past.
    """
    recent, past = np.full(len(values), np.nan), np.full(len(values), np.nan)
    if len(values) >= RECENT + PAST:
        windows = np.lib.stride_tricks.sliding_window_view(values, RECENT + PAST)
        past[RECENT + PAST - 1 :] = np.median(windows[:, :PAST], axis=1)
        recent[RECENT + PAST - 1 :] = np.median(windows[:, PAST:], axis=1)
    return recent, past


def growth(values: np.ndarray) -> np.ndarray:
    """How many times larger the values [N] are, in magnitude, than they were."""
    recent, past = recent_and_past(np.abs(values))
    return recent / np.maximum(past, 1e-12)


def shrinkage(values: np.ndarray) -> np.ndarray:
    """How many times smaller the values [N] are, in magnitude, than they were."""
    recent, past = recent_and_past(np.abs(values))
    return past / np.maximum(recent, 1e-12)


def jump(values: np.ndarray) -> np.ndarray:
    """By how many of the past's standard deviations (Hampel's estimate) the values [N] left their past median."""
    found = np.full(len(values), np.nan)
    if len(values) >= RECENT + PAST:
        windows = np.lib.stride_tricks.sliding_window_view(values, RECENT + PAST)
        before = np.median(windows[:, :PAST], axis=1)
        deviation = 1.4826 * np.median(np.abs(windows[:, :PAST] - before[:, None]), axis=1)
        moved = np.abs(np.median(windows[:, PAST:], axis=1) - before)
        found[RECENT + PAST - 1 :] = moved / np.maximum(deviation, 1e-3 * np.abs(before) + 1e-12)
    return found


def level(values: np.ndarray) -> np.ndarray:
    """The values [N] themselves, as medians of the last few."""
    return recent_and_past(values)[0]


# Those that foresaw collapse more often than chance, twice, on runs that their thresholds were not tuned on; they were
# picked of 12 by these runs.
RULES: tuple[Rule, ...] = (
    Rule("gradient vanishes", "grad_norm", "[dg]", shrinkage, 3.8, "the gradient vanishes"),
    Rule("update grows", "update_ratio", "[dg]", growth, 1.7, "updates grow against the weights"),
)

# Those that did not, or not each time; no run is told of them, and the bank tries them again.
UNPROVEN: tuple[Rule, ...] = (
    Rule("output leaves", "(real|fake)", "d", jump, 5.4, "D's output leaves where it was"),
    Rule("spread falls", "spread", "g", shrinkage, 1.2, "the generated images draw together"),
    Rule("projected spread falls", "spread_projected", "g", shrinkage, 1.2, "the generated images draw together"),
    Rule("gap grows", "gap", "d", growth, 160.0, "D tells real from fake ever more easily"),
    Rule("gap closes", "gap", "d", shrinkage, 3.0, "D no longer tells real from fake"),
    Rule("loss leaves", "loss", "[dg]", jump, 5.8, "the loss leaves where it was"),
    Rule("gradient grows", "grad_norm", "[dg]", growth, 2.9, "the gradient grows"),
    Rule("update vanishes", "update_ratio", "[dg]", shrinkage, 4.0, "updates vanish against the weights"),
    Rule("update is large", "update_ratio", "[dg]", level, 0.044, "updates are large against the weights"),
    Rule("singular value grows", "sigma/.*", "[dg]", growth, 3.7, "a weight's largest singular value grows fast"),
)

NOT_FINITE = "NaN or infinity was logged"


def series_of(records: Iterable[Record]) -> dict[tuple[str | None, str], tuple[np.ndarray, np.ndarray]]:
    """(stage or None, metric) -> (steps int [N], values float [N]) of all numbers in records, in their order; what was
    not finite, which records hold as null, is NaN.
    """
    found: dict[tuple[str | None, str], tuple[list[int], list[float]]] = {}
    for record in records:
        step, stage = record.get("step"), record.get("stage")
        if type(step) is not int:
            continue
        for name, value in record.items():
            if name in ("step", "stage") or not (value is None or isinstance(value, int | float)):
                continue
            steps, values = found.setdefault((stage if isinstance(stage, str) else None, name), ([], []))
            steps.append(step)
            values.append(float("nan") if value is None else float(value))
    return {key: (np.array(steps), np.array(values)) for key, (steps, values) in found.items()}


def alarms(records: Iterable[Record], rules: Sequence[Rule] = RULES) -> list[Alarm]:
    """The alarms of a run, by step: the first record that breaks each rule, for each metric; and the first NaN.

    Args:
      records: of metrics.jsonl, as :func:`jaxgan.training.records.read_records` gives them.
      rules: those that count.
    """
    found = []
    for (_, metric), (steps, values) in series_of(records).items():
        finite = np.isfinite(values)
        if not finite.all() and not metric.startswith("eval/"):
            at = int(steps[~finite][0])
            found.append(Alarm("not finite", metric, at, float("nan"), float("nan"), NOT_FINITE))
        steps, values = steps[finite], values[finite]
        for rule in rules:
            if rule.applies(metric):
                statistic = rule.statistic(values)
                broken = np.flatnonzero(statistic >= rule.threshold)
                if len(broken):
                    at = broken[0]
                    value = float(statistic[at])
                    found.append(Alarm(rule.name, metric, int(steps[at]), value, rule.threshold, rule.about))
    return sorted(found, key=lambda alarm: (alarm.step, alarm.rule, alarm.metric))
