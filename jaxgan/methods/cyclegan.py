"""CycleGAN: translation between two domains without pairs (Zhu et al. 2017, arXiv:1703.10593): both generators in one
update by a game in each domain and a cycle, then both discriminators on pooled fakes.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.inputs import input_of
from jaxgan.methods.regularizer import DiscriminatorOutput, Regularizer, mean_over_scales
from jaxgan.nn import FEATURES
from jaxgan.objectives import AdversarialLoss
from jaxgan.training.method import Batch, Method, Option
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update

OTHER = {"A": "B", "B": "A"}
DIRECTIONS = ("AtoB", "BtoA")
# Keys that are folded in lie above the domains' numbers.
_D, _POOL = 2**20, 2**20 + 8


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CycleGAN(Method):
    """The net 'g_B' draws B of A, and 'd_B' tells B from what it draws; 'g_A' and 'd_A' the same of A.

    The paper's G is 'g_B', its F 'g_A', its D_Y 'd_B'; junyanz's code calls them netG_A, netG_B and netD_A.

    Attributes:
      generator: (z, images, train=) -> images.
      discriminator: (images, condition, train=) -> logits; the condition is None.
      optimizers: of 'g', which moves both generators, and of 'd', which moves both discriminators.
      loss: the pair of losses.
      pool: of earlier fakes, which D is shown; None for fresh ones only.
      adversarial: weight of the adversarial losses in that of the generators.
      cycle: weight of mean |F(G(a)) - a| and of mean |G(F(b)) - b| (eq. 2).
      identity: weight of mean |G(b) - b| and of mean |F(a) - a|, of generators fed their target domain (section 5.2);
        the code gives half of ``cycle`` to all tasks, the paper to paintings to photos alone.
      cycle_domains: 'both', or 'A' or 'B' for the cycle that begins there alone, for ablations (table 4).
    """

    generator: Module
    discriminator: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    loss: AdversarialLoss
    pool: Regularizer | None = None
    adversarial: float = 1.0
    cycle: float = 10.0
    identity: float = 5.0
    cycle_domains: str = "both"

    players = {"g": ("g_A", "g_B"), "d": ("d_A", "d_B")}  # noqa: RUF012 (a constant)
    averaged = ("g_A", "g_B")
    conditions = ("image",)
    options = {"direction": Option("AtoB", choices=DIRECTIONS)}  # noqa: RUF012

    def __post_init__(self) -> None:
        if self.cycle_domains not in ("both", *OTHER):
            raise ValueError(f"cycle_domains={self.cycle_domains!r}; choose from both, A, B")

    @property
    def input_multiple(self) -> int:
        """The number that the sides of images must be multiples of."""
        return getattr(self.generator, "multiple", 1)

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """Fresh networks, optimizers and an empty pool a domain; of ``batch`` only the fields' shapes matter."""
        real, nets, none = _real(batch), {}, jnp.zeros((2, 0))
        for number, domain in enumerate(OTHER):
            images, key = real[domain][:2], jax.random.fold_in(rng, number)
            g_key, d_key = jax.random.split(key)
            nets[f"g_{domain}"] = {**self.generator.init(forward.initial_keys(g_key), none, images, train=True)}
            nets[f"d_{domain}"] = {**self.discriminator.init(forward.initial_keys(d_key), images, None, train=True)}
        for net in nets.values():
            for name in (FEATURES, "batch_moments"):
                net.pop(name, None)
        extra = {}
        if self.pool is not None and self.pool.init is not None:
            extra = {f"pool_{domain}": self.pool.init(nets, (real[domain], None)) for domain in OTHER}
        return create_state(nets, self.players, self.optimizers, extra=extra)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """Both generators at once, then both discriminators, on the fakes that the generators had drawn."""
        real = _real(batch)
        state, g_metrics, fakes = player_update(self, state, "g", lambda nets: self.g_loss(state, nets, real, rng))
        d_rng = jax.random.fold_in(rng, _D)
        shown, extra = self._recalled(state, fakes, d_rng)
        state, d_metrics, _ = player_update(self, state, "d", lambda nets: self.d_loss(state, nets, real, shown, d_rng))
        return state.replace(extra=state.extra | extra), g_metrics | d_metrics

    def g_loss(
        self, state: TrainState, nets: dict[str, Variables], real: Mapping[str, Array], rng: Array
    ) -> tuple[Array, Aux]:
        """The loss of both generators; its fakes are kept for D."""
        mutated: dict[str, Variables] = {}

        def to(domain: str, images: Array, call: int) -> Array:
            net, key = f"g_{domain}", jax.random.fold_in(rng, call)
            none = jnp.zeros((images.shape[0], 0))
            drawn, moved = forward.generate(self.generator, nets[net], none, images, key)
            mutated[net] = moved
            return drawn

        total = jnp.zeros(())
        metrics: Metrics = {}
        fakes: dict[str, Array] = {}
        for number, domain in enumerate(OTHER):
            other = OTHER[domain]
            fakes[domain] = to(domain, real[other], 3 * number)
            logits = self._judged(state, nets, domain, fakes[domain], rng).logits
            adversarial = mean_over_scales(self.loss.generator, logits)
            total, metrics[f"adversarial_{domain}"] = total + self.adversarial * adversarial, adversarial
            if self.cycle_domains in ("both", other):
                cycle = jnp.abs(to(other, fakes[domain], 3 * number + 1) - real[other]).mean()
                total, metrics[f"cycle_{other}"] = total + self.cycle * cycle, cycle
            if self.identity:
                same = jnp.abs(to(domain, real[domain], 3 * number + 2) - real[domain]).mean()
                total, metrics[f"identity_{domain}"] = total + self.identity * same, same
        return total, Aux(mutated=mutated, metrics=metrics, kept=fakes)

    def d_loss(
        self,
        state: TrainState,
        nets: dict[str, Variables],
        real: Mapping[str, Array],
        fakes: Mapping[str, Any],
        rng: Array,
    ) -> tuple[Array, Aux]:
        """The losses of both discriminators, real and fake one after the other."""
        total = jnp.zeros(())
        metrics: Metrics = {}
        mutated: dict[str, Variables] = {}
        for number, domain in enumerate(OTHER):
            net, key = f"d_{domain}", jax.random.fold_in(rng, number)
            on_real, on_fake, moved = forward.discriminate_both(
                self.discriminator, (), state, nets[net], (real[domain], None), fakes[domain], key, joint=False
            )
            loss = mean_over_scales(self.loss.discriminator, on_real.logits, on_fake.logits)
            total, mutated[net] = total + loss, moved
            metrics |= {f"real_{domain}": on_real.score().mean(), f"fake_{domain}": on_fake.score().mean()}
        return total, Aux(mutated=mutated, metrics=metrics)

    def _judged(
        self, state: TrainState, nets: dict[str, Variables], domain: str, images: Array, rng: Array
    ) -> DiscriminatorOutput:
        return forward.discriminate(self.discriminator, (), state, nets[f"d_{domain}"], images, None, rng)[0]

    def _recalled(
        self, state: TrainState, fakes: Mapping[str, Array], rng: Array
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fakes of each domain that D is shown, and the pools after it."""
        fresh = {domain: (jax.lax.stop_gradient(images), None) for domain, images in fakes.items()}
        if self.pool is None or self.pool.recall is None:
            return fresh, {}
        shown, extra = {}, {}
        for number, (domain, pair) in enumerate(fresh.items()):
            name, key = f"pool_{domain}", jax.random.fold_in(rng, _POOL + number)
            shown[domain], extra[name] = self.pool.recall(pair, state.extra[name], key)
        return shown, extra

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """'image', the batch's images in the other domain, and 'cycle', those brought back.

        Args:
          nets: the generators.
          batch: 'image' uint8 [B, H, W, C]; the option 'direction' says where from and where to.
          rng: not used.
        """
        options: dict[str, Any] = batch["options"]  # type: ignore[assignment]
        start, end = options["direction"].split("to")
        none = jnp.zeros((batch["image"].shape[0], 0))
        image, _ = apply(self.generator, nets[f"g_{end}"], none, input_of(batch, "image"), train=False)
        back, _ = apply(self.generator, nets[f"g_{start}"], none, image, train=False)
        return {"image": image, "cycle": back}


def _real(batch: Batch) -> dict[str, Array]:
    """The images of each domain, float in [-1, 1]."""
    return {domain: input_of(batch, f"image_{domain}") for domain in OTHER}
