"""A small study, and a trainer that writes what a run leaves without training."""

import json

import pytest

from jaxgan.tools.studies import Study, variant
from jaxgan.training.loop import DivergedError, Outcome


@pytest.fixture
def study():
    def made(**changes):
        tiny = variant("biggan:digits16,smoke", {"training.steps": 8})
        wide = variant("biggan:digits16,smoke", {"training.steps": 4, "generator.ch": 16, "data.batch_size": 32})
        given = dict(
            name="pair",
            title="A pair",
            variants={"narrow": tiny, "wide": wide},
            seeds=(0, 1),
            scores=("eval/tstr",),
            columns={"batch": "data.batch_size", "ch": "generator.ch"},
        )
        return Study(**(given | changes))

    return made


class Trainer:
    """Records calls; scores are 0.5 + seed / 10; ``ends`` says what else happens to a run, by call."""

    def __init__(self, **ends):
        self.calls, self.ends = [], ends

    def __call__(self, config, folder):
        self.calls.append((folder.parent.name, config.seed))
        assert folder.name == f"seed{config.seed}"
        steps = config.training.steps
        end = self.ends.get(f"call{len(self.calls)}")
        if isinstance(end, BaseException):
            raise end
        if isinstance(end, int):
            return Outcome(None, end, 1.0)
        records = [{"step": s, "d/loss": 1.0, "perf/images_per_second": 100.0} for s in range(1, steps + 1)]
        if end == "diverge":
            records = [*records[:2], {"step": 3, "d/loss": None}]
        else:
            records[-1]["eval/tstr"] = 0.5 + config.seed / 10
        (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
        if end == "diverge":
            raise DivergedError("training diverged: d/loss not finite at step 3", 3)
        return Outcome(None, None, 1.0)


@pytest.fixture
def trainer():
    return Trainer
