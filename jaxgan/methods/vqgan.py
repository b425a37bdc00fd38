"""VQGAN: an autoencoder of codes against a discriminator of patches (Esser et al. 2021, arXiv:2012.09841, section 3.1;
code CompVis/taming-transformers, ``modules/losses/vqperceptual.py``).
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.coder import AUTOENCODER, codes_of, decoded
from jaxgan.methods.terms.perceptual import PERCEPTUAL
from jaxgan.nn import from_uint8
from jaxgan.objectives import AdversarialLoss
from jaxgan.parallel import gather
from jaxgan.training.method import Batch, Method
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, override, player_update

MOST_WEIGHT = 1e4


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class VQGAN(Method):
    """Moves 'p', the autoencoder, and then 'd', the discriminator.

    The autoencoder's loss is L1 + ``perceptual_weight`` x the perceptual distance + the quantiser's + ``weight`` x
    lambda x the adversarial one, where lambda (eq. 7) brings the adversarial gradient of the last layer's kernel to the
    length of the others'. The adversarial parts of both are 0 before ``start_step``.

    Attributes:
      autoencoder: (images, train=) -> (images, what each quantiser gave), in two halves ``features`` and ``images``;
        see :class:`jaxgan.networks.vqgan.Autoencoder`.
      discriminator: (images, None, train=) -> logits.
      optimizers: of 'p' and 'd'.
      loss: the pair of adversarial losses.
      last: the path of the last layer in the autoencoder's parameters.
      distance: (variables of the frozen network 'perceptual', a, b) -> [B], of images in [-1, 1]; None for none.
      perceptual_weight: of it.
      weight: of the adversarial loss, next to lambda.
      adaptive: False leaves lambda at 1.
      d_weight: of D's loss, which the code halves.
      start_step: of the adversarial parts.
      temperature: (step) -> [], of codes that are drawn; None for an autoencoder whose codes are not.
    """

    autoencoder: Module
    discriminator: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    loss: AdversarialLoss
    last: tuple[str, ...] = ("decoder", "conv_out")
    distance: Callable[[Any, Array, Array], Array] | None = None
    perceptual_weight: float = 1.0
    weight: float = 0.8
    adaptive: bool = True
    d_weight: float = 0.5
    start_step: int = 0
    temperature: Callable[[Array], Array] | None = None

    players = {"p": (AUTOENCODER,), "d": ("d",)}  # noqa: RUF012 (a constant)
    averaged = (AUTOENCODER,)
    # What comes back is compared with what went in.
    conditions = ("image",)

    @property
    def input_multiple(self) -> int:
        """The number that sides must be multiples of; others are padded and cropped back."""
        return getattr(self.autoencoder, "multiple", 1)

    @property
    def reductions(self) -> tuple[int, ...]:
        """See :class:`jaxgan.methods.coder.Coder`."""
        found: tuple[int, ...] = self.autoencoder.reductions  # type: ignore[attr-defined]
        return found

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """Fresh networks and their optimizers; of ``batch`` only the image's shape matters."""
        images, (one, other) = from_uint8(batch["image"][:2]), jax.random.split(rng)
        nets = {
            AUTOENCODER: {**self.autoencoder.init(forward.initial_keys(one), images, train=True)},
            "d": forward.without(
                {**self.discriminator.init(forward.initial_keys(other), images, None, train=True)}, "features"
            ),
        }
        return create_state(nets, self.players, self.optimizers)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update of either player; D is shown what the moved autoencoder gives back."""
        images, (p_rng, d_rng) = from_uint8(batch["image"]), jax.random.split(rng)
        on = (state.step >= self.start_step).astype(jnp.float32)
        state, metrics, _ = player_update(self, state, "p", lambda nets: self._p_loss(nets, state, images, on, p_rng))
        state, more, _ = player_update(self, state, "d", lambda nets: self._d_loss(nets, state, images, on, d_rng))
        return state, metrics | more

    def _p_loss(
        self, nets: dict[str, Variables], state: TrainState, images: Array, on: Array, rng: Array
    ) -> tuple[Array, Aux]:
        """The autoencoder's loss. Its gradient comes to the images once: lambda is a number, not differentiated."""
        variables = nets[AUTOENCODER]
        streams = forward.streams(rng)
        more = self._temperature(state.step)
        made, mutated = apply(self.autoencoder, variables, images, train=True, rngs=streams, method="features", **more)
        features, levels = made

        def last_layer(layer: Any, features: Array) -> Array:
            params = _replaced(variables["params"], self.last, gather(layer))
            moved = override(nets, {AUTOENCODER: params})[AUTOENCODER]
            found: Array = self.autoencoder.apply(moved, features, method="images")  # type: ignore[assignment]
            return found

        layer = _at(variables["params"], self.last)
        back = last_layer(layer, features)
        fixed = jax.lax.stop_gradient(back)
        (error, metrics), of_error = jax.value_and_grad(self._error, has_aux=True)(fixed, images, state.frozen)
        fooling, of_fooling = jax.value_and_grad(self._fooling)(fixed, jax.lax.stop_gradient(nets["d"]), state, rng)
        adapted = jnp.float32(1)
        if self.adaptive:
            _, pull = jax.vjp(lambda layer: last_layer(layer, jax.lax.stop_gradient(features)), layer)
            one, other = (jnp.linalg.norm(pull(x)[0]["kernel"].reshape(-1)) for x in (of_error, of_fooling))
            adapted = jax.lax.stop_gradient(jnp.clip(one / (other + 1e-4), 0, MOST_WEIGHT))
        share = on * self.weight * adapted
        quantised = sum((level.loss for level in levels), jnp.float32(0))
        value = error + share * fooling + quantised
        towards = (back * jax.lax.stop_gradient(of_error + share * of_fooling)).sum() + quantised
        loss = towards + jax.lax.stop_gradient(value - towards)
        metrics |= more | {"adversarial": fooling, "adaptive_weight": adapted, "quantiser": quantised}
        for number, level in enumerate(levels):
            metrics |= {f"perplexity_{number}": level.perplexity, f"usage_{number}": level.usage}
        return loss, Aux({AUTOENCODER: mutated}, metrics)

    def _temperature(self, step: Array) -> dict[str, Any]:
        return {} if self.temperature is None else {"temperature": self.temperature(step)}

    def _error(self, back: Array, images: Array, frozen: dict[str, Variables]) -> tuple[Array, Metrics]:
        absolute = jnp.abs(back - images).mean()
        if self.distance is None:
            return absolute, {"error": absolute}
        seen = self.distance(frozen[PERCEPTUAL], images, back).mean()
        return absolute + self.perceptual_weight * seen, {"error": absolute, "perceptual": seen}

    def _fooling(self, back: Array, d: Variables, state: TrainState, rng: Array) -> Array:
        output, _ = forward.discriminate(self.discriminator, (), state, d, back, None, rng)
        return jnp.stack([self.loss.generator(_flat(logits)) for logits in output.logits]).mean()

    def _d_loss(
        self, nets: dict[str, Variables], state: TrainState, images: Array, on: Array, rng: Array
    ) -> tuple[Array, Aux]:
        one, other = jax.random.split(rng)
        streams, more = forward.streams(one), self._temperature(state.step)
        (back, _), _ = apply(self.autoencoder, nets[AUTOENCODER], images, train=True, rngs=streams, **more)
        back = jax.lax.stop_gradient(back)
        real, fake, mutated = forward.discriminate_both(
            self.discriminator, (), state, nets["d"], (images, None), (back, None), other, joint=False
        )
        losses = [self.loss.discriminator(_flat(r), _flat(f)) for r, f in zip(real.logits, fake.logits)]
        loss = on * self.d_weight * jnp.stack(losses).mean()
        means = {"real": real.logits[0].mean(), "fake": fake.logits[0].mean()}
        return loss, Aux({"d": mutated}, means)

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """'image': what comes back of ``batch['image']``, clipped to [-1, 1]."""
        del rng
        (back, _), _ = apply(self.autoencoder, nets[AUTOENCODER], from_uint8(batch["image"]), train=False)
        return {"image": jnp.clip(back, -1, 1)}

    def codes(self, nets: dict[str, Variables], images: Array) -> tuple[Array, ...]:
        """See :class:`jaxgan.methods.coder.Coder`."""
        return codes_of(self.autoencoder, nets, images)

    def decode(self, nets: dict[str, Variables], codes: tuple[Array, ...]) -> Array:
        """See :class:`jaxgan.methods.coder.Coder`."""
        return decoded(self.autoencoder, nets, codes)


def _flat(logits: Array) -> Array:
    return logits.reshape(logits.shape[0], -1)


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def _replaced(tree: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    return {**tree, path[0]: _replaced(tree[path[0]], path[1:], value)}
