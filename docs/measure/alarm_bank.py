"""Do the alarms foresee collapse? A bank of small GANs, half of them driven to collapse, half healthy.

python docs/measure/alarm_bank.py --workdir=runs/bank

Perceptrons learn 8 or 25 Gaussians in the plane, whose modes can be counted. Each base is trained undisturbed with four
seeds. At a step of its own a run's config is changed and it goes on: in a way that is to destroy it (D's rate, no
spectral normalisation, batches of 8, no D steps, ...), or in one that is to do no harm. A run has collapsed from the
first of three evaluations in a row, ``RECORD`` steps from each other, at which 1,000 points of the averaged G (decay
0.99: about 100 steps late) hit fewer than half of the modes.

A rule's threshold is the one that best tells collapse from health (true rate minus false rate) on one half of the runs:
half of the ways, with two of the seeds. The other ways with the other seeds are held out. On them an alarm is right
where it comes after the change and before the collapse; before the change, or in a run that does not collapse, it is
false. Fisher's exact test says how likely a rule that knows nothing would do as well.

Runs are kept in ``--workdir`` as JSON lines and not trained again.
"""

import argparse
import collections
import dataclasses
import functools
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from jaxgan import recipes
from jaxgan.data import toy_batches, toy_mixture
from jaxgan.experiment.config_file import load
from jaxgan.methods.gan import GAN
from jaxgan.methods.regularizer import Regularizer
from jaxgan.metrics import mode_scores
from jaxgan.tools.studies.ensemble import with_values
from jaxgan.training.alarms import RULES, UNPROVEN, Rule, series_of
from jaxgan.training.health import Health
from jaxgan.training.state import TrainState, fresh_optimizers
from jaxgan.training.step import make_step

SEEDS = (0, 1, 2, 3)
RECORD, AFTER = 20, 800  # steps between records; steps after the change
CHANGES = (800, 900, 1_000)  # steps at which configs change
BASES = ("sngan:grid25", "sngan:ring8", "r3gan:grid25", "r3gan:ring8")
POINTS, IN_A_ROW = 1_000, 3


class Way(NamedTuple):
    """A change in the middle of a run.

    Attributes:
      name: of the way.
      base: the config that it starts from.
      g, d: factors of the players' rates.
      rises: players whose rates rise tenfold every 200 steps.
      noise: the share of what D is told is real that are fakes.
      changes: config key -> the new value, of what changes the program.
      harm: whether it is meant to destroy the run.
    """

    name: str
    base: str
    g: float = 1.0
    d: float = 1.0
    rises: str = ""
    noise: float = 0.0
    changes: Mapping[str, Any] = {}
    harm: bool = True


class Knobs(NamedTuple):
    """Numbers of a way as arrays, one a member, so that ways share a program: factors of rates, powers of ten that they
    rise by in a step, the share of noise, and the step from which it all counts.
    """

    g: Any
    d: Any
    g_rise: Any
    d_rise: Any
    noise: Any
    since: Any


BFLOAT16 = {f"{net}.{key}": "bfloat16" for net in ("generator", "discriminator") for key in ("dtype", "param_dtype")}
R1, R2, BATCH = "regularizers.penalties.r1", "regularizers.penalties.r2", "data.batch_size"

# In pairs, of which the first is tuned on and the second held out.
WAYS = (
    Way("D's rate rises", "sngan:grid25", rises="d"),
    Way("D's rate rises", "r3gan:ring8", rises="d"),
    Way("no D steps", "sngan:ring8", d=0.0),
    Way("D's rate / 100", "r3gan:grid25", d=0.01),
    Way("G's rate rises", "r3gan:grid25", rises="g"),
    Way("G's rate x 20", "sngan:ring8", g=20.0),
    Way("no spectral norm", "sngan:grid25", changes={"discriminator.spectral_norm": False}),
    Way("no gradient penalty", "r3gan:grid25", changes={R1: 0.0, R2: 0.0}),
    Way("batches of 8", "r3gan:grid25", changes={BATCH: 8}),
    Way("batches of 8", "sngan:grid25", changes={BATCH: 8}),
    Way("label noise 0.8", "sngan:ring8", noise=0.8),
    Way("label noise 0.9", "r3gan:grid25", noise=0.9),
    Way("bfloat16 weights", "sngan:grid25", changes=BFLOAT16),
    Way("momentum 0.98", "sngan:grid25", changes={"optimizer.g.b1": 0.98, "optimizer.d.b1": 0.98}),
    Way("both rates rise", "r3gan:ring8", rises="gd"),
    Way("D's rate x 30", "sngan:grid25", d=30.0),
    Way("G's weights decay", "r3gan:ring8", changes={"optimizer.g.weight_decay": 0.1}),
    Way("top-k 0.02", "sngan:grid25", changes={"top_k.minimum": 0.02, "top_k.decay": 0.01, "top_k.steps": 1}),
    Way("none", "sngan:grid25", harm=False),
    Way("none", "r3gan:grid25", harm=False),
    Way("none", "r3gan:ring8", harm=False),
    Way("none", "sngan:ring8", harm=False),
    Way("D's rate x 1.5", "r3gan:grid25", d=1.5, harm=False),
    Way("D's rate / 1.5", "sngan:ring8", d=1 / 1.5, harm=False),
    Way("G's rate / 2", "sngan:grid25", g=0.5, harm=False),
    Way("both rates / 4", "sngan:grid25", g=0.25, d=0.25, harm=False),
    Way("batches of 64", "sngan:ring8", changes={BATCH: 64}, harm=False),
    Way("batches of 256", "r3gan:grid25", changes={BATCH: 256}, harm=False),
    Way("label noise 0.05", "r3gan:ring8", noise=0.05, harm=False),
    Way("label noise 0.05", "sngan:grid25", noise=0.05, harm=False),
    Way("both rates / 2", "r3gan:grid25", g=0.5, d=0.5, harm=False),
    Way("D's rate x 1.5", "sngan:ring8", d=1.5, harm=False),
    Way("D's rate / 1.5", "sngan:grid25", d=1 / 1.5, harm=False),
    Way("both rates / 2", "r3gan:ring8", g=0.5, d=0.5, harm=False),
    Way("G's rate / 2", "sngan:ring8", g=0.5, harm=False),
    Way("G's rate / 2", "r3gan:grid25", g=0.5, harm=False),
)


class Run(NamedTuple):
    """One run of the bank.

    Attributes:
      way, base, seed: of the run.
      held_out: whether thresholds were tuned without it.
      harm: whether its change was meant to destroy it.
      changed: the step of the change.
      collapsed: the step of its collapse; None where it held.
      records: of its metrics.
    """

    way: str
    base: str
    seed: int
    held_out: bool
    harm: bool
    changed: int
    collapsed: int | None
    records: list[dict[str, Any]]


def config_of(base: str, changes: Mapping[str, Any]) -> ConfigDict:
    """A base's config with changes: narrower networks and batches than its own, which compile and step in less time."""
    values: dict[str, Any] = {"regularizers.spread.directions": 8, BATCH: 128}
    for net in ("generator", "discriminator"):
        values |= {f"{net}.hidden": (64, 64, 64), f"{net}.weight_init": "normal:0.15"}
    if base.startswith("sngan"):
        values |= {f"optimizer.{player}.learning_rate": 2e-3 for player in ("g", "d")}
    return with_values(load(base), values | dict(changes))


def label_noise(share: Any) -> Regularizer:
    """Fakes among what D is told is real."""

    def replace_real(real: Any, fake: Any, *, rng: Any, extra: Any) -> Any:
        del extra
        chosen = jax.random.bernoulli(rng, share, (real.shape[0],))
        return jnp.where(chosen.reshape(-1, *(1,) * (real.ndim - 1)), fake, real)

    return Regularizer("label_noise", replace_real=replace_real)


def scaled(made: optax.GradientTransformation, factor: Any) -> optax.GradientTransformation:
    """An optimiser whose updates are multiplied, with a state as before."""

    def update(grads: Any, state: Any, params: Any = None) -> Any:
        updates, state = made.update(grads, state, params)
        return jax.tree.map(lambda x: (factor * x).astype(x.dtype), updates), state

    return optax.GradientTransformation(made.init, update)


def knobs_of(ways: Sequence[Way], since: Sequence[int]) -> Knobs:
    """The members' numbers."""
    columns = [(w.g, w.d, ("g" in w.rises) / 200, ("d" in w.rises) / 200, w.noise, at) for w, at in zip(ways, since)]
    return Knobs(*(np.array(column, np.float32) for column in zip(*columns)))


class Trainer:
    """Four runs of one config as one program, each with its own seed, step and knobs."""

    def __init__(self, config: ConfigDict):
        self.experiment = recipes.build(config)
        stage = self.experiment.stages[0]
        assert isinstance(stage.method, GAN)
        self.method, self.rows = stage.method, stage.batch["point"].shape[0]
        self.mixture = toy_mixture(config.data.name.removeprefix("toy:"))
        z = jax.random.normal(jax.random.key(5), (POINTS, *self.method.latent_shapes.shape))
        batch = {"z": z, "label": jnp.zeros((POINTS,), jnp.int32)}

        def one(state: TrainState, batch: Any, key: Any, knobs: Knobs) -> tuple[TrainState, Any]:
            gone = state.step - knobs.since
            factors = {"g": knobs.g * 10.0 ** (knobs.g_rise * gone), "d": knobs.d * 10.0 ** (knobs.d_rise * gone)}
            method = dataclasses.replace(
                self.method,
                optimizers={player: scaled(made, factors[player]) for player, made in self.method.optimizers.items()},
                regularizers=(*self.method.regularizers, label_noise(knobs.noise)),
            )
            return make_step(method, ema=stage.ema, health=Health())(state, batch, key)

        def dispatch(states: TrainState, batches: Any, keys: Any, knobs: Knobs) -> tuple[TrainState, Any, Any]:
            states, metrics = jax.lax.scan(lambda s, b: jax.vmap(one)(s, b, keys, knobs), states, batches)
            points = jax.vmap(lambda nets: self.method.sample(nets, batch, jax.random.key(0))["point"])
            return states, jax.tree.map(lambda x: x[-1], metrics), points(states.nets | states.ema)

        self.dispatch = jax.jit(dispatch)

    def fresh(self) -> TrainState:
        """States of all seeds at step 0, stacked."""
        fresh = jax.jit(self.experiment.fresh_state)
        states = [fresh(jax.random.split(jax.random.key(seed))[0]) for seed in SEEDS]
        return jax.tree.map(lambda *x: jnp.stack(x), *states)

    def train(
        self, states: TrainState, seeds: Sequence[int], knobs: Knobs, steps: int
    ) -> Iterator[tuple[TrainState, list[dict[str, Any]]]]:
        """After every ``RECORD`` steps: the states, and each member's record with its count of modes."""
        first = np.asarray(states.step).tolist()
        keys = jnp.stack([jax.random.split(jax.random.key(seed))[1] for seed in seeds])
        streams = [
            toy_batches(self.mixture, batch_size=self.rows, seed=seed, start_step=at) for seed, at in zip(seeds, first)
        ]
        for done in range(RECORD, steps + 1, RECORD):
            batches = [[next(stream) for stream in streams] for _ in range(RECORD)]
            stacked = {name: np.stack([[own[name] for own in row] for row in batches]) for name in batches[0][0]}
            states, *found = self.dispatch(states, stacked, keys, knobs)
            metrics, points = jax.device_get(found)
            yield states, [self._record(at + done, i, metrics, points[i]) for i, at in enumerate(first)]

    def _record(self, step: int, member: int, metrics: Mapping[str, np.ndarray], points: np.ndarray) -> dict[str, Any]:
        values = {name: float(value[member]) for name, value in metrics.items()}
        drawn = np.where(np.isfinite(points), points, 1e6).astype(np.float32)
        modes = int(mode_scores(drawn, self.mixture.means, self.mixture.std)[0])
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        return {"step": step, **finite, "modes": modes}


def carried(old: TrainState, trainer: Trainer) -> TrainState:
    """Old stacked states in the form of another config's: collections that it lacks go, dtypes are its own, and an
    optimiser of another form starts anew.
    """
    like = jax.eval_shape(trainer.experiment.fresh_state, jax.random.key(0))

    def cast(values: Any, wanted: Any) -> Any:
        return jax.tree.map(lambda x, y: x.astype(y.dtype), values, wanted)

    def part(values: Any, wanted: Any) -> Any:
        return {net: {name: cast(values[net][name], x) for name, x in found.items()} for net, found in wanted.items()}

    state = old.replace(nets=part(old.nets, like.nets), ema=part(old.ema, like.ema))
    if str(jax.tree.structure(old.opt)) == str(jax.tree.structure(like.opt)):
        return state.replace(opt=cast(old.opt, like.opt))
    method = trainer.method
    return jax.vmap(lambda own: fresh_optimizers(own, method.players, method.optimizers))(state)


def collapse_step(records: Sequence[Mapping[str, Any]], modes: int, after: int) -> int | None:
    """The first of ``IN_A_ROW`` records in a row, after a step, with fewer than half of the modes."""
    later = [record for record in records if record["step"] > after]
    few = np.array([record["modes"] < modes / 2 for record in later])
    for at in range(len(few) - IN_A_ROW + 1):
        if few[at : at + IN_A_ROW].all():
            return int(later[at]["step"])
    return None


class Member(NamedTuple):
    """A run to be made: the number of its way, the way, its seed, and the step at which it changes."""

    number: int
    way: Way
    seed: int
    changed: int


def train_bank(folder: Path, ways: Sequence[Way]) -> None:
    """Trains the runs that the folder lacks, two ways at a time; a file a way."""
    folder.mkdir(parents=True, exist_ok=True)
    for base in dict.fromkeys(way.base for way in ways):
        missing = [(n, way) for n, way in enumerate(ways) if way.base == base and not _file(folder, n).exists()]
        if not missing:
            continue
        began, nothing = time.monotonic(), [Way("none", base)] * len(SEEDS)
        trainer, kept = Trainer(config_of(base, {})), {}
        past: list[list[dict[str, Any]]] = [[] for _ in SEEDS]
        for states, records in trainer.train(trainer.fresh(), SEEDS, knobs_of(nothing, [0] * 4), max(CHANGES)):
            for own, record in zip(past, records):
                own.append(record)
            if records[0]["step"] in CHANGES:
                kept[records[0]["step"]] = states
        least = [min(record["modes"] for record in own[-20:]) for own in past]
        print(f"{base}: at least {least} modes in the last records, {time.monotonic() - began:.0f} s", flush=True)
        programs: dict[tuple[Any, ...], Trainer] = {(): trainer}
        for pair in _pairs(missing):
            changes = pair[0].way.changes
            if (key := tuple(changes.items())) not in programs:
                programs[key] = Trainer(config_of(base, changes))
            _branch(folder, programs[key], pair, kept, past)


def _pairs(missing: Sequence[tuple[int, Way]]) -> Iterator[list[Member]]:
    """Four members at a time, all of one program; one way alone comes twice."""
    found: dict[tuple[Any, ...], list[list[Member]]] = {}
    for number, way in missing:
        seeds = SEEDS[2:] if number % 2 else SEEDS[:2]
        changed = CHANGES[number // 2 % len(CHANGES)]
        members = [Member(number, way, seed, changed) for seed in seeds]
        found.setdefault(tuple(way.changes.items()), []).append(members)
    for same in found.values():
        for first, second in itertools.zip_longest(same[::2], same[1::2]):
            yield [*first, *(second or first)]


def _branch(
    folder: Path, trainer: Trainer, members: Sequence[Member], kept: Mapping[int, TrainState], past: Sequence[Any]
) -> None:
    began = time.monotonic()
    each = [jax.tree.map(lambda x, m=m: x[SEEDS.index(m.seed)], kept[m.changed]) for m in members]
    states = carried(jax.tree.map(lambda *x: jnp.stack(x), *each), trainer)
    knobs = knobs_of([m.way for m in members], [m.changed for m in members])
    records = [[r for r in past[SEEDS.index(m.seed)] if r["step"] <= m.changed] for m in members]
    for _, found in trainer.train(states, [m.seed for m in members], knobs, AFTER):
        for own, record in zip(records, found):
            own.append(record)
    runs: dict[int, list[Run]] = {}
    for m, own in zip(members, records):
        end = collapse_step(own, len(trainer.mixture.means), m.changed)
        run = Run(m.way.name, m.way.base, m.seed, bool(m.number % 2), m.way.harm, m.changed, end, own)
        if len(runs.setdefault(m.number, [])) < 2:
            runs[m.number].append(run)
    for number, made in runs.items():
        _file(folder, number).write_text("".join(json.dumps(run._asdict()) + "\n" for run in made))
        said = ["held" if run.collapsed is None else f"collapsed at {run.collapsed}" for run in made]
        modes = [run.records[-1]["modes"] for run in made]
        print(f"  {made[0].way} at {made[0].changed}: {', '.join(said)}; modes at the end {modes}", flush=True)
    print(f"  {time.monotonic() - began:.0f} s", flush=True)


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:02}.jsonl"


def alarming(run: Run, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """(steps, the largest statistic over the rule's metrics) of a run's records."""
    largest: dict[int, float] = {}
    for (_, metric), (steps, values) in series_of(run.records).items():
        if rule.applies(metric):
            sound = np.isfinite(values)
            for step, value in zip(steps[sound].tolist(), rule.statistic(values[sound]).tolist()):
                if value == value:
                    largest[step] = max(largest.get(step, -math.inf), value)
    return np.array(sorted(largest)), np.array([largest[step] for step in sorted(largest)])


class Outcome(NamedTuple):
    """Verdict on one run at one threshold: 'right', 'missed', 'false' or 'quiet', and the lead in steps where right."""

    kind: str
    lead: int | None = None


def outcome(run: Run, alarming: tuple[np.ndarray, np.ndarray], threshold: float) -> Outcome:
    """The first alarm of a run, judged, from the steps of its records and how alarming each is."""
    steps, values = alarming
    broken = steps[values >= threshold]
    first = int(broken[0]) if len(broken) else None
    if run.collapsed is None:
        return Outcome("quiet" if first is None else "false")
    if first is None or first >= run.collapsed:
        return Outcome("missed")
    return Outcome("false") if first <= run.changed else Outcome("right", run.collapsed - first)


def judged(runs: Sequence[Run], rule: Rule, threshold: float, cache: Callable[..., Any]) -> dict[str, Any]:
    """Counts over runs, the median lead, and the chance that a blind rule does as well."""
    outcomes = [outcome(run, cache(number, rule), threshold) for number, run in enumerate(runs)]
    collapsing = [o for o, run in zip(outcomes, runs) if run.collapsed is not None]
    healthy = [o for o, run in zip(outcomes, runs) if run.collapsed is None]
    right, false = sum(o.kind == "right" for o in collapsing), sum(o.kind == "false" for o in healthy)
    leads = sorted(o.lead for o in collapsing if o.lead is not None)
    return {
        "right": right,
        "collapsing": len(collapsing),
        "early": sum(o.kind == "false" for o in collapsing),
        "false": false,
        "healthy": len(healthy),
        "lead": leads[len(leads) // 2] if leads else None,
        "leads": leads,
        "p": fisher(right, len(collapsing), false, len(healthy)),
    }


def fisher(right: int, collapsing: int, false: int, healthy: int) -> float:
    """P(at least ``right`` alarms fall on collapsing runs), of alarms dealt out at random."""
    alarms, total = right + false, collapsing + healthy
    ways = [
        math.comb(collapsing, k) * math.comb(healthy, alarms - k) for k in range(right, min(alarms, collapsing) + 1)
    ]
    return sum(ways) / math.comb(total, alarms)


def tuned(runs: Sequence[Run], rule: Rule, cache: Callable[..., Any]) -> float:
    """The threshold that best tells collapse from health, as far from both neighbours as can be."""
    peaks = []
    for number, run in enumerate(runs):
        steps, values = cache(number, rule)
        shown = values[steps < run.collapsed] if run.collapsed is not None else values
        peaks.append(float(shown.max()) if len(shown) else 0.0)
    ordered = sorted({peak for peak in peaks if peak > 0 and math.isfinite(peak)})
    between = [math.sqrt(a * b) for a, b in itertools.pairwise(ordered)] + [2 * ordered[-1]] if ordered else [math.inf]

    def skill(threshold: float) -> tuple[float, float]:
        found = judged(runs, rule, threshold, cache)
        gain = found["right"] / max(found["collapsing"], 1) - found["false"] / max(found["healthy"], 1)
        return round(gain, 6), threshold

    return max(between, key=skill)


def analyse(folder: Path, ways: Sequence[Way], rules: Sequence[Rule] = (*RULES, *UNPROVEN)) -> None:
    """Tunes, judges, prints."""
    runs = []
    for number in range(len(ways)):
        if _file(folder, number).exists():
            runs += [Run(**json.loads(line)) for line in _file(folder, number).read_text().splitlines()]
    sizes = {base: len(toy_mixture(base.partition(":")[2]).means) for base in BASES}
    runs = [run._replace(collapsed=collapse_step(run.records, sizes[run.base], run.changed)) for run in runs]
    halves = [[run for run in runs if run.held_out == held_out] for held_out in (False, True)]
    caches = [functools.cache(lambda n, rule, half=half: alarming(half[n], rule)) for half in halves]
    for name, half in zip(("tuned on", "held out"), halves):
        kinds = collections.Counter((run.harm, run.collapsed is not None) for run in half)
        print(
            f"{name}: of {kinds[True, True] + kinds[True, False]} runs driven to it {kinds[True, True]} collapsed, of "
            f"{kinds[False, True] + kinds[False, False]} others {kinds[False, True]}"
        )
    print("| rule | threshold | tuned on: foreseen, false | held out: foreseen | false | lead in steps | p |")
    print("|---|---|---|---|---|---|---|")
    chosen = []
    for rule in rules:
        threshold = tuned(halves[0], rule, caches[0])
        on, out = (judged(half, rule, threshold, cache) for half, cache in zip(halves, caches))
        _print_row(rule.name, f"{threshold:.3g}", on, out)
        if on["p"] <= 0.05 and on["false"] <= 1:
            chosen.append(rule._replace(threshold=threshold))

    for said, rules_together in (("chosen on the first half", chosen), ("of jaxgan monitor, as shipped", RULES)):
        both = [_together(half, rules_together, cache) for half, cache in zip(halves, caches)]
        _print_row(f"any {said}: {', '.join(rule.name for rule in rules_together)}", "", *both)


def _together(runs: Sequence[Run], rules: Sequence[Rule], cache: Callable[..., Any]) -> dict[str, Any]:
    """Rules judged as one, which is as alarming as the most alarming of them."""

    def worst(number: int, _: Rule) -> tuple[np.ndarray, np.ndarray]:
        largest: dict[int, float] = {}
        for rule in rules:
            for step, value in zip(*(x.tolist() for x in cache(number, rule))):
                largest[step] = max(largest.get(step, 0.0), value / rule.threshold)
        return np.array(sorted(largest)), np.array([largest[step] for step in sorted(largest)])

    return judged(runs, RULES[0], 1.0, worst)


def _print_row(name: str, threshold: str, on: Mapping[str, Any], out: Mapping[str, Any]) -> None:
    cells = [name, threshold, f"{_share(on, 'right', 'collapsing')}, {_share(on, 'false', 'healthy')}"]
    early = f" (false before: {out['early']})" if out["early"] else ""
    cells += [_share(out, "right", "collapsing") + early, _share(out, "false", "healthy")]
    cells.append("" if out["lead"] is None else f"{out['lead']} ({out['leads'][0]} to {out['leads'][-1]})")
    cells.append(f"{out['p']:.2g}" + (", no better than chance" if out["p"] > 0.05 else ""))
    print(f"| {' | '.join(cells)} |")


def _share(found: Mapping[str, Any], part: str, whole: str) -> str:
    return f"{found[part]} of {found[whole]}"


def main(arguments: Sequence[str]) -> int:
    """Trains what is missing, and prints the tables."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--workdir", required=True, type=Path, help="where runs are kept")
    parsed = made.parse_args(arguments)
    train_bank(parsed.workdir, WAYS)
    analyse(parsed.workdir, WAYS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
