"""The two-player game: several discriminator plays, then a generator play, in one pure function."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.nn import from_uint8
from jaxgan.objectives import AdversarialLoss, orthogonal_penalty, r1_penalty
from jaxgan.parallel import join_interleaved, shard_batch, split_interleaved
from jaxgan.training.method import Batch
from jaxgan.training.parts import mean_over_parts
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.unroll import repeat
from jaxgan.training.update import Module, apply, every, play


def _without(mutated: Variables, collection: str) -> Variables:
    return {name: value for name, value in mutated.items() if name != collection}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Adversarial:
    """Class-conditional GAN training (Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1; BigGAN, arXiv:1809.11096).

    Conventions, where references differ:
      - A step takes ``d_steps * B`` real images; each D play sees its own B, and fresh latents and labels; so does the
        G play.
      - A net's power-iteration vectors move once per update of that net: D's in a D play, whether real and fake pass
        together or apart; G's in the G play alone. (BigGAN-PyTorch also moves them in every train-mode forward of the
        other play.)
      - G runs in train mode in a D play, without gradient, and its running statistics move (BigGAN-PyTorch; StudioGAN
        leaves them).
      - Labels of generated images are uniform, independent of the real batch.

    Attributes:
      generator: module called as (z [B, z_dim], labels [B], train=) -> images [B, H, W, C] in [-1, 1].
      discriminator: module called as (images, labels, train=) -> logits [B].
      optimizers: for 'g' and 'd'.
      loss: the pair.
      num_classes: for drawing labels.
      z_dim: latents are N(0, I) of this size.
      d_steps: D plays per G play.
      split_d: run D on real and on fake apart, rather than on one batch of both. Without batch normalisation in D the
        two are equal.
      move_statistics_in_d: whether G's running statistics move in D plays too.
      r1_weight: gamma of the R1 penalty, 0 for none.
      r1_every: apply it on every n-th step, n times as strong (lazy regularisation, arXiv:1912.04958).
      orthogonal_weight: beta of orthogonal regularisation on G, 0 for none (the paper: 1e-4).
      orthogonal_exclude: regex of G's parameters to leave out of it.
      accumulate: micro-batches that a play's batch is cut in, so that D's intermediate values are of one at a time. The
        step equals that of the whole batch: G, whose norms see the whole batch, runs whole (``Generator.remat`` is what
        saves memory there), D's gradients are summed over micro-batches, and each player and vector moves once.
      noise_scale: log ``noise_scale``, ``gradient_square`` and ``gradient_noise`` of either player (see
        :func:`jaxgan.training.noise_scale.noise_scale`): from D's micro-batches, two where it has one, and from the
        halves of G's batch, which takes a second backward pass through G.
      unroll: of the D plays and micro-batches, see :func:`jaxgan.training.unroll.repeat`.
    """

    generator: Module
    discriminator: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    loss: AdversarialLoss
    num_classes: int
    z_dim: int
    d_steps: int = 1
    split_d: bool = False
    move_statistics_in_d: bool = True
    r1_weight: float = 0.0
    r1_every: int = 1
    orthogonal_weight: float = 0.0
    orthogonal_exclude: str | None = "g/shared/embedding"
    accumulate: int = 1
    noise_scale: bool = False
    unroll: bool | None = None

    def __post_init__(self) -> None:
        if self.accumulate < 1:
            raise ValueError(f"accumulate={self.accumulate}: give the number of micro-batches, at least 1")

    @property
    def players(self) -> Mapping[str, tuple[str, ...]]:
        """G moves the generator, D the discriminator."""
        return {"g": ("g",), "d": ("d",)}

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """[z_dim]."""
        return (self.z_dim,)

    def _draw(self, rng: Array, size: int) -> tuple[Array, Array]:
        z_rng, label_rng = jax.random.split(rng)
        z = jax.random.normal(z_rng, (size, self.z_dim), jnp.float32)
        labels = jax.random.randint(label_rng, (size,), 0, self.num_classes, jnp.int32)
        return shard_batch(z), shard_batch(labels)

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """Fresh networks and optimisers; of ``batch`` ('image' uint8 [B, H, W, C]) only the image shape matters.

        Raises:
          ValueError: where the generator's images have another shape than the data's.
        """
        g_rng, d_rng = jax.random.split(rng)
        z, labels = jnp.zeros((2, self.z_dim), jnp.float32), jnp.zeros((2,), jnp.int32)
        (drawn, g) = self.generator.init_with_output(g_rng, z, labels, train=True)
        if drawn.shape[1:] != batch["image"].shape[1:]:
            raise ValueError(
                f"the generator draws images of shape {drawn.shape[1:]}, the data's are {batch['image'].shape[1:]}; "
                "make data.image_size and the generator's resolution, bottom and image_channels agree"
            )
        d = self.discriminator.init(d_rng, drawn, labels, train=True)
        nets = {"g": {**g}, "d": {**d}}
        for net in nets.values():
            net.pop("moments", None)
        if "batch_stats" in d and (self.accumulate > 1 or self.noise_scale):
            raise ValueError(
                f"accumulate={self.accumulate}, noise_scale={self.noise_scale} take D's batch in parts, but D "
                "normalises over the batch: set accumulate=1 and noise_scale=False; remat saves memory there too"
            )
        return create_state(nets, self.players, self.optimizers)

    def _d_play(self, state: TrainState, real: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        images, real_labels = from_uint8(real["image"]), real["label"]
        z, fake_labels = self._draw(rng, images.shape[0])
        fakes, moved = apply(self.generator, state.nets["g"], z, fake_labels, train=True)
        fakes = jax.lax.stop_gradient(fakes)
        g_moved = _without(moved, "spectral") if self.move_statistics_in_d else {}

        def loss_fn(nets: dict[str, Variables], part: Any) -> tuple[Array, tuple[dict[str, Variables], Metrics]]:
            d, (images, real_labels, fakes, fake_labels) = nets["d"], part
            if self.split_d:
                real_logits, d_moved = apply(self.discriminator, d, images, real_labels, train=True)
                # Batch statistics see one pass after the other; power iteration starts both from the same vector.
                second = {**d, **_without(d_moved, "spectral")}
                fake_logits, fake_moved = apply(self.discriminator, second, fakes, fake_labels, train=True)
                d_moved = {**d_moved, **_without(fake_moved, "spectral")}
            else:
                both = join_interleaved(images, fakes)
                labels = join_interleaved(real_labels, fake_labels)
                logits, d_moved = apply(self.discriminator, d, both, labels, train=True)
                real_logits, fake_logits = split_interleaved(logits, 2)
            loss = self.loss.discriminator(real_logits, fake_logits)
            metrics = {"real": real_logits.mean(), "fake": fake_logits.mean()}
            return loss, ({"d": d_moved, "g": g_moved}, metrics)

        batch = (images, real_labels, fakes, fake_labels)
        count = max(self.accumulate, 2) if self.noise_scale else self.accumulate
        if count == 1:
            return play(self, state, "d", lambda nets: loss_fn(nets, batch))
        parts = jax.tree.map(lambda x: split_interleaved(x, count), batch)
        noise_of = images.shape[0] if self.noise_scale else None
        return play(self, state, "d", loss_fn, parts=parts, noise_of=noise_of, unroll=self.unroll)

    def _r1_play(self, state: TrainState, real: Batch) -> TrainState:
        def loss_fn(nets: dict[str, Variables], part: Any) -> tuple[Array, tuple[dict[str, Variables], Metrics]]:
            images, labels = part

            def critic(x: Array) -> Array:
                return apply(self.discriminator, nets["d"], x, labels, train=True)[0]

            return self.r1_weight * self.r1_every * r1_penalty(critic, images), ({}, {})

        batch = (from_uint8(real["image"]), real["label"])
        if self.accumulate == 1:
            return play(self, state, "d", lambda nets: loss_fn(nets, batch))[0]
        parts = jax.tree.map(lambda x: split_interleaved(x, self.accumulate), batch)
        return play(self, state, "d", loss_fn, parts=parts, unroll=self.unroll)[0]

    def _g_play(self, state: TrainState, size: int, rng: Array) -> tuple[TrainState, Metrics]:
        z, labels = self._draw(rng, size)

        def loss_fn(nets: dict[str, Variables], half: Array | None = None) -> Any:
            fakes, moved = apply(self.generator, nets["g"], z, labels, train=True)
            judged, parts = (fakes, labels), self.accumulate
            if half is not None:
                # G runs whole in either half of the loss: its norms see the whole batch.
                judged = jax.tree.map(lambda x: split_interleaved(x, 2)[half], judged)
                parts = max(1, parts // 2)

            def judge(fakes: Array, labels: Array) -> Array:
                return self.loss.generator(apply(self.discriminator, nets["d"], fakes, labels, train=True)[0])

            loss = mean_over_parts(judge, *judged, parts, unroll=self.unroll)
            if not self.orthogonal_weight:
                return loss, ({"g": moved}, {})
            penalty = orthogonal_penalty({"g": nets["g"]["params"]}, exclude=self.orthogonal_exclude)
            return loss + self.orthogonal_weight * penalty, ({"g": moved}, {"orthogonal": penalty})

        if not self.noise_scale:
            return play(self, state, "g", loss_fn)
        return play(self, state, "g", loss_fn, parts=jnp.arange(2), noise_of=size, unroll=self.unroll)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """``d_steps`` D plays on interleaved parts of ``batch`` (image uint8 [d_steps * B, H, W, C], label [d_steps *
        B]), a G play.
        """
        parts = jax.tree.map(lambda x: split_interleaved(x, self.d_steps), batch)
        d_rng, g_rng = jax.random.split(rng)

        def body(state: TrainState, x: tuple[Batch, Array]) -> tuple[TrainState, Metrics]:
            real, rng = x
            return self._d_play(state, real, rng)

        state, d_metrics = repeat(body, state, (parts, jax.random.split(d_rng, self.d_steps)), unroll=self.unroll)
        if self.r1_weight:
            last = jax.tree.map(lambda x: x[-1], parts)
            state = every(state.step, self.r1_every, lambda s: self._r1_play(s, last), state)
        state, g_metrics = self._g_play(state, parts["image"].shape[1], g_rng)
        return state, jax.tree.map(lambda x: x.mean(0), d_metrics) | g_metrics

    def _inputs(self, batch: Batch, rng: Array) -> tuple[Array, Array]:
        labels = batch["label"]
        z = batch["z"] if "z" in batch else jax.random.normal(rng, (labels.shape[0], self.z_dim), jnp.float32)
        return shard_batch(z), shard_batch(labels)

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """Images for ``batch['label']`` ([B] int, or [B, num_classes] weights), from ``batch['z']`` where given, else
        from ``rng``.
        """
        z, labels = self._inputs(batch, rng)
        images, _ = apply(self.generator, nets["g"], z, labels, train=False)
        return {"image": images}

    def moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
        """What G's norms see in one train-mode draw."""
        z, labels = self._inputs(batch, rng)
        _, collected = apply(self.generator, nets["g"], z, labels, train=True, collect=("moments",))
        return {"g": collected["moments"]} if "moments" in collected else {}

    def enter(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """Nothing to prepare: one stage."""
        del batch, rng
        return state
