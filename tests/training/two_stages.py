"""A two-stage experiment: two players, then one of them taught by a frozen network, on batches of another size."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.nn import from_uint8
from jaxgan.training.ema import Ema
from jaxgan.training.method import Evaluator, Experiment, Method, Score, Stage
from jaxgan.training.state import create_state
from jaxgan.training.update import Aux, apply, player_update

FIRST, SECOND = 2, 4


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        del train
        return nn.Dense(1, name="last")(nn.relu(nn.Dense(64, name="first")(x.reshape(x.shape[0], -1))))[:, 0]


NET = Net()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Both(Method):
    """G and D regress to 1; ``extra`` counts calls of ``begin_stage`` and keeps what its key draws."""

    moves: tuple[str, ...] = ("d", "g")

    players = {"g": ("g",), "d": ("d",)}  # noqa: RUF012 (a constant)
    optimizers = {"g": optax.adam(1e-2), "d": optax.adam(1e-2)}  # noqa: RUF012
    averaged = ("g",)

    def init(self, rng, batch):
        nets = {
            name: NET.init(key, from_uint8(batch["image"]), train=True)
            for name, key in zip("gd", jax.random.split(rng))
        }
        extra = {"entered": jnp.zeros((), jnp.int32), "drawn": jnp.zeros(())}
        return create_state(nets, self.players, self.optimizers, extra=extra)

    def aim(self, state, x):
        return 1.0

    def step(self, state, batch, rng):
        x, logged = from_uint8(batch["image"]), {}
        for player in self.moves:
            aim = self.aim(state, x)

            def loss(nets, player=player, aim=aim):
                return jnp.square(apply(NET, nets[player], x, train=True)[0] - aim).mean(), Aux()

            state, metrics, _ = player_update(self, state, player, loss)
            logged |= metrics
        return state, logged | {"drawn": jax.random.normal(rng)}

    def sample(self, nets, batch, rng):
        raise NotImplementedError

    def begin_stage(self, state, batch, rng):
        return state.replace(extra={"entered": state.extra["entered"] + 1, "drawn": jax.random.normal(rng)})


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Taught(Both):
    """G follows the frozen teacher."""

    moves: tuple[str, ...] = ("g",)

    def aim(self, state, x):
        return jax.lax.stop_gradient(apply(NET, state.frozen["teacher"], x, train=False)[0])


def teacher(seed=9):
    variables = NET.init(jax.random.key(seed), jnp.zeros((1, 4, 4, 1)), train=False)
    return {"teacher": jax.tree.map(np.asarray, variables)}


def data(rows):
    def batches(start_step):
        while True:
            yield {"image": np.random.default_rng([rows, start_step]).integers(0, 256, (rows, 4, 4, 1), np.uint8)}
            start_step += 1

    return batches


def scores(nets, step):
    """Of the nets as evaluators get them."""
    return {
        "eval/bias": Score(float(nets["g"]["params"]["last"]["bias"][0]), None, {}),
        "eval/teacher": float(nets["teacher"]["params"]["first"]["kernel"][0, 0]),
        "eval/step": float(step),
    }


AVERAGE = Ema(nets=("g",), decay=0.5)


def experiment(*, frozen=teacher, more=(), second=None, ema=AVERAGE):
    def stage(name, method, rows, steps, **fields):
        spec = {"image": jax.ShapeDtypeStruct((rows, 4, 4, 1), jnp.uint8)}
        found = [Evaluator("scores", scores, 0), *more]
        return Stage(name, method, data(rows), spec, rows, steps, evaluators=lambda mesh: found, **fields)

    taught = Taught() if second is None else second
    return Experiment(
        stages=[
            stage("both", Both(), 8, FIRST, ema=ema),
            stage("taught", taught, 4, SECOND, players=("g",), ema=Ema(nets=("g",), decay=0.9, buffers="copy")),
        ],
        frozen=frozen,
    )
