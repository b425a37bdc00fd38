"""Distillation of a generator of styles into a smaller one (MobileStyleGAN: Belousov 2021, arXiv:2104.04743; code
bes-dev/MobileStyleGAN.pytorch).
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import forward
from jaxgan.methods.regularizer import Regularizer
from jaxgan.methods.terms.perceptual import PERCEPTUAL
from jaxgan.nn.bilinear import resize_bilinear
from jaxgan.nn.haar import haar, inverse_haar
from jaxgan.objectives import AdversarialLoss, layer_distances, r1_penalty
from jaxgan.parallel import shard_batch
from jaxgan.training.method import Batch, Method, Option
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Aux, Module, apply, player_update

TEACHER = "teacher"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Distillation(Method):
    """Moves 'g', a student that is to draw what the frozen network 'teacher' draws of the same styles and noise, and
    then 'd', which tells the two. No data set is read for it.

    Attributes:
      teacher: a generator with ``styles``, ``synthesize``, ``noise_sizes`` and ``const_noise``, as
        :class:`jaxgan.networks.stylegan2.Generator` has.
      student: (styles, noise, train=) -> (images, bands of each side); see
        :class:`jaxgan.networks.mobile_stylegan.Synthesis`.
      discriminator: (images, labels, train=) -> logits.
      optimizers: of 'g' and 'd'.
      loss: the pair of adversarial losses.
      augmentation: of what D sees, except where its slope is taken; None for none.
      absolute, squared: weights of the L1 and of the squared error, of bands and images of each side.
      perceptual_weight: of ``layers``.
      layers: (variables of the frozen network 'perceptual', images) -> features; None for none.
      perceptual_side: that images are brought to before; None for their own.
      adversarial_weight: of the adversarial loss in G's update.
      r1: gamma of R1 on the teacher's images, which is D's whole loss on every ``r1_every``-th step.
      options: of sampling: 'psi', 'cutoff' and 'noise'.
      origins: of the teacher; see :class:`jaxgan.training.method.Method`.
    """

    teacher: Module
    student: Module
    discriminator: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    loss: AdversarialLoss
    augmentation: Regularizer | None = None
    absolute: float = 1.0
    squared: float = 1.0
    perceptual_weight: float = 1.0
    layers: Callable[[Any, Array], Sequence[Array]] | None = None
    perceptual_side: int | None = 256
    adversarial_weight: float = 0.5
    r1: float = 10.0
    r1_every: int = 16
    options: Mapping[str, Option] = dataclasses.field(default_factory=dict)
    origins: Mapping[str, Callable[[], str]] = dataclasses.field(default_factory=dict)

    players = {"g": ("g",), "d": ("d",)}  # noqa: RUF012 (a constant)
    averaged = ("g",)

    @property
    def num_classes(self) -> int:  # type: ignore[override]
        """The teacher's."""
        return self.teacher.num_classes  # type: ignore[attr-defined, no-any-return]

    @property
    def conditions(self) -> tuple[str, ...]:  # type: ignore[override]
        """The class, where the teacher has classes."""
        return ("label",) if self.num_classes else ()

    @property
    def latent_shapes(self) -> Any:
        """Of the teacher."""
        return jax.ShapeDtypeStruct((self.teacher.z_dim,), jnp.float32)  # type: ignore[attr-defined]

    @property
    def style_shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Of the student, whose layers are not the teacher's."""
        return self.student.num_ws, self.teacher.w_dim  # type: ignore[attr-defined]

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """Fresh networks and their optimizers; of ``batch`` nothing matters."""
        del batch
        one, other = jax.random.split(rng)
        ws = jnp.zeros((2, *self.style_shape))
        student = {**self.student.init(forward.initial_keys(one), ws, train=True)}
        images, _ = jax.eval_shape(lambda v: self.student.apply(v, ws, train=True), student)
        zeros, labels = jnp.zeros(images.shape), jnp.zeros(2, jnp.int32)
        d = {**self.discriminator.init(forward.initial_keys(other), zeros, labels, train=True)}
        nets = {"g": student, "d": forward.without(d, "features")}
        return create_state(nets, self.players, self.optimizers, extra={"r1": jnp.float32(0)})

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update of either player, of the same latents and other noise."""
        rows, (latent_rng, g_rng, d_rng) = len(batch["row"]), jax.random.split(rng, 3)
        z_rng, label_rng = jax.random.split(latent_rng)
        z = shard_batch(jax.random.normal(z_rng, (rows, self.teacher.z_dim)))  # type: ignore[attr-defined]
        labels = shard_batch(jax.random.randint(label_rng, (rows,), 0, max(self.num_classes, 1), jnp.int32))
        w = self._styles(state.frozen, z, labels)
        state, metrics, _ = player_update(self, state, "g", lambda nets: self._g_loss(nets, state, w, labels, g_rng))
        state, more, _ = player_update(self, state, "d", lambda nets: self._d_loss(nets, state, w, labels, d_rng))
        return state, metrics | more

    def _g_loss(
        self, nets: dict[str, Variables], state: TrainState, w: Array, labels: Array, rng: Array
    ) -> tuple[Array, Aux]:
        noise_rng, d_rng = jax.random.split(rng)
        real, fake, bands = self._pair(nets, state.frozen, w, noise_rng)
        wanted = [haar(resize_bilinear(real, (2 * x.shape[1], 2 * x.shape[2]))) for x in bands]
        # A Haar transform is one of coordinates, which L2 does not see, and L1 does.
        pairs = [*zip(bands, wanted), *((inverse_haar(x), inverse_haar(y)) for x, y in zip(bands, wanted))]
        absolute = jnp.stack([jnp.abs(x - y).mean() for x, y in pairs]).sum()
        squared = jnp.stack([jnp.square(x - y).mean() for x, y in pairs]).sum()
        output, _ = forward.discriminate(self.discriminator, self._seen(), state, nets["d"], fake, labels, d_rng)
        fooling = self.loss.generator(output.logits[0])
        metrics: Metrics = {"absolute": absolute, "squared": squared, "adversarial": fooling}
        loss = self.absolute * absolute + self.squared * squared + self.adversarial_weight * fooling
        if self.layers is not None:
            side = self.perceptual_side
            real, fake = (
                x
                if side is None
                else jax.image.resize(x, (len(x), side, side, x.shape[-1]), "bilinear", antialias=False)
                for x in (real, fake)
            )
            variables = state.frozen[PERCEPTUAL]
            metrics["perceptual"] = layer_distances(self.layers(variables, real), self.layers(variables, fake))
            loss += self.perceptual_weight * metrics["perceptual"]
        return loss, Aux({}, metrics)

    def _d_loss(
        self, nets: dict[str, Variables], state: TrainState, w: Array, labels: Array, rng: Array
    ) -> tuple[Array, Aux]:
        noise_rng, d_rng = jax.random.split(rng)
        real, fake, _ = jax.lax.stop_gradient(self._pair(nets, state.frozen, w, noise_rng))

        def told(images: Array, regularizers: tuple[Regularizer, ...]) -> Array:
            output, _ = forward.discriminate(self.discriminator, regularizers, state, nets["d"], images, labels, d_rng)
            return output.logits[0]

        def penalty() -> tuple[Array, Array]:
            value = self.r1 * r1_penalty(lambda images: told(images, ()), real)
            return self.r1_every * value, value

        def adversarial() -> tuple[Array, Array]:
            return self.loss.discriminator(told(real, self._seen()), told(fake, self._seen())), state.extra["r1"]

        loss, r1 = jax.lax.cond(state.step % self.r1_every == 0, penalty, adversarial)
        return loss, Aux({}, {"r1": r1}, {"r1": jax.lax.stop_gradient(r1)})

    def _seen(self) -> tuple[Regularizer, ...]:
        return () if self.augmentation is None else (self.augmentation,)

    def _styles(self, frozen: dict[str, Variables], z: Array, labels: Array, **options: Any) -> Array:
        """w [B, w_dim], the same for every layer."""
        ws: Array = apply(self.teacher, frozen[TEACHER], z, labels, train=False, method="styles", **options)[0]
        return ws[:, 0]

    def _pair(
        self, nets: dict[str, Variables], frozen: dict[str, Variables], w: Array, rng: Array
    ) -> tuple[Array, Array, tuple[Array, ...]]:
        """The teacher's images, the student's, and the student's bands."""
        noise = self._noise(rng, len(w))
        layers: int = self.teacher.num_ws  # type: ignore[attr-defined]
        ws = jnp.repeat(w[:, None], layers, axis=1)
        real = apply(self.teacher, frozen[TEACHER], ws, train=False, method="synthesize", noise=noise)[0]
        (fake, bands), _ = apply(self.student, nets["g"], self._repeated(w), noise, train=True)
        return jax.lax.stop_gradient(real), fake, bands

    def _repeated(self, w: Array) -> Array:
        return jnp.repeat(w[:, None], self.style_shape[0], axis=1)

    def _noise(self, rng: Array, rows: int) -> tuple[Array, ...]:
        """Of each of the teacher's layers; the student has the first ones."""
        sizes: tuple[tuple[int, int], ...] = self.teacher.noise_sizes  # type: ignore[attr-defined]
        keys = jax.random.split(rng, len(sizes))
        return tuple(shard_batch(jax.random.normal(key, (rows, *size, 1))) for key, size in zip(keys, sizes))

    def map_latents(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> Array:
        """Styles [B, L, W] of the student of the latents in ``batch``, truncated as its options say."""
        del rng
        options: dict[str, Any] = batch["options"]  # type: ignore[assignment]
        labels = batch.get("label", jnp.zeros(len(batch["z"]), jnp.int32))
        near = self._styles(nets, batch["z"], labels, psi=jnp.asarray(options["psi"], jnp.float32))
        ws, near = (self._repeated(w) for w in (self._styles(nets, batch["z"], labels), near))
        cutoff = jnp.where(jnp.equal(options["cutoff"], 0), ws.shape[1], options["cutoff"])
        return jnp.where(jnp.arange(ws.shape[1])[None, :, None] < cutoff, near, ws)

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """'image', of ``batch['z']`` or of the styles ``batch['w']``; 'const' noise is the teacher's."""
        options: dict[str, Any] = batch["options"]  # type: ignore[assignment]
        ws = batch["w"] if "w" in batch else self.map_latents(nets, batch, rng)
        noise: Sequence[Array] | None = None
        if options["noise"] == "random":
            noise = jax.tree.map(lambda x: x[:, 0], jax.vmap(lambda key: self._noise(key, 1))(batch["key"]))
        elif options["noise"] == "const":
            noise = self.teacher.const_noise(nets[TEACHER])  # type: ignore[attr-defined]
        (image, _), _ = apply(self.student, nets["g"], ws, noise, train=False)
        return {"image": image}
