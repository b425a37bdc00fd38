"""A run that watches itself: at each save, alarms over its newest records, and the checkpoint before them kept."""

import collections
import logging
from collections.abc import Iterable, Sequence

from jaxgan.training.alarms import PAST, RECENT, Alarm, Record, alarms

log = logging.getLogger("jaxgan")

# Records that are looked at: enough that each has a past, however many come between two saves.
WINDOW = 3 * (RECENT + PAST)


class AlarmWatch:
    """The newest records of a run, and what they gave cause for.

    Attributes:
      kept: the step of the checkpoint before the newest spell of alarms; None where there was none.
    """

    def __init__(self, records: Iterable[Record] = (), *, kept: int | None = None):
        """Of a run whose records so far, and the checkpoint that it keeps, are given."""
        self._records: collections.deque[Record] = collections.deque(records, maxlen=WINDOW)
        self._seen = self._records[-1]["step"] if self._records else -1
        self.kept = kept
        self._last: int | None = kept

    def add(self, record: Record) -> None:
        """One more record, in order."""
        self._records.append(record)

    def look(self, steps: Sequence[int]) -> list[Alarm]:
        """The alarms since the last look, each said in the log; ``steps`` are those of the checkpoints that there are.

        Alarms belong to one spell where no more than ``PAST`` records are between them: the checkpoint before its first
        is ``kept`` throughout.
        """
        found = [alarm for alarm in alarms(self._records) if alarm.step > self._seen]
        numbers = [record["step"] for record in self._records]
        if numbers:
            self._seen = numbers[-1]
        if not found:
            return []
        first = found[0].step
        between = len(numbers) if self._last is None else sum(self._last < step <= first for step in numbers)
        if between > PAST or self.kept is None:
            self.kept = max((step for step in steps if step < first), default=None)
        self._last = found[-1].step
        advice = "" if self.kept is None else f"; step {self.kept} is kept: --from_step={self.kept} goes back to it"
        for alarm in found:
            log.warning("alarm: %s%s", alarm.sentence(), advice)
        return found
