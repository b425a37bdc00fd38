"""The two-player game: several discriminator plays, then generator plays, in one pure function."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods.inputs import input_of, output_of
from jaxgan.methods.regularizer import DiscriminatorOutput, Labels, Play, Regularizer, TermOutput, add_terms, off, show
from jaxgan.nn import FEATURES, sown
from jaxgan.objectives import AdversarialLoss, orthogonal_penalty, top_k_fraction, top_k_weights
from jaxgan.parallel import join_interleaved, shard_batch, split_interleaved
from jaxgan.training.method import Batch
from jaxgan.training.parts import mean_over_parts
from jaxgan.training.scan_or_unroll import scan_or_unroll
from jaxgan.training.state import Metrics, TrainState, Variables, create_state
from jaxgan.training.update import Module, apply, every, play

LABELS_FROM = ("uniform", "data")


def _without(mutated: Variables, collection: str) -> Variables:
    return {name: value for name, value in mutated.items() if name != collection}


def _as_drawn(latents: Array) -> Array:
    return latents


def _rows(tree: Any, parts: int) -> Any:
    return jax.tree.map(lambda x: split_interleaved(x, parts), tree)


def _clipped(state: TrainState, nets: tuple[str, ...], bound: float) -> TrainState:
    params = {name: jax.tree.map(lambda x: jnp.clip(x, -bound, bound), state.nets[name]["params"]) for name in nets}
    return state.replace(nets=state.nets | {name: {**state.nets[name], "params": p} for name, p in params.items()})


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Adversarial:
    """GAN training (Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1), with or without classes.

    Conventions, where references differ:
      - A step takes ``d_steps * B`` real examples; each D play sees its own B, and fresh latents and labels; so does
        each G play.
      - A net's power-iteration vectors move once per update of that net: D's in a D play, whether real and fake pass
        together or apart; G's in the G play alone. (BigGAN-PyTorch also moves them in every train-mode forward of the
        other play.)
      - G runs in train mode in a D play, without gradient, and its running statistics move (BigGAN-PyTorch; StudioGAN
        leaves them).
      - Labels of generated images are uniform, independent of the real batch, unless ``labels_from='data'``.
      - What the G play needs of real examples (relativistic losses, feature matching) it takes of the last D play's.

    Attributes:
      generator: module called as (z [B, z_dim], labels [B], train=) -> images [B, H, W, C] in [-1, 1], or points [B,
        2].
      discriminator: module called as (images, labels, train=) -> logits [B], or [B, scales].
      optimizers: for 'g' and 'd'.
      loss: the pair.
      num_classes: for drawing labels; 0 for none, and labels are 0.
      z_dim: latents are N(0, I) of this size.
      prior: (latents [B, z_dim]) -> what G is given; see :class:`jaxgan.latent.Prior`.
      labels_from: 'uniform', or 'data': fakes take the labels of the real examples beside them, of whatever kind.
      regularizers: additions to the game, in order; see :mod:`jaxgan.methods.regularizer`.
      d_steps: D plays, before the G plays.
      g_steps: G plays.
      split_d: run D on real and on fake apart, rather than on one batch of both. Without batch normalisation in D the
        two are equal.
      move_statistics_in_d: whether G's running statistics move in D plays too.
      dequantize: real images get U(0, 1/128) on top, which fills the gaps between bytes (SNGAN's code; 1/256 of the
        range of 2).
      clip: after each D play, D's parameters are clipped to [-clip, clip] (WGAN, arXiv:1701.07875, algorithm 1); 0 for
        not.
      adversarial_weight: of the loss in G's play; 0 trains G by its regularizers' terms alone (feature matching).
      top_k_minimum: G learns from the best-judged fakes alone, from all of them down to this share (arXiv:2002.06224);
        1 for all, always.
      top_k_decay, top_k_steps: the share is ``top_k_decay`` to the power of completed spans of so many steps (the
        paper: 0.99 an epoch, on CIFAR-10).
      orthogonal_weight: beta of orthogonal regularisation on G, 0 for none (BigGAN: 1e-4).
      orthogonal_exclude: regex of G's parameters to leave out of it.
      accumulate: micro-batches that a play's batch is cut in, so that D's intermediate values are of one at a time. The
        step equals that of the whole batch: G, whose norms see the whole batch, runs whole (``Generator.remat`` is what
        saves memory there), D's gradients are summed over micro-batches, and each player and vector moves once. (Where
        a regularizer draws random numbers, each micro-batch has its own.)
      noise_scale: log ``noise_scale``, ``gradient_square`` and ``gradient_noise`` of either player (see
        :func:`jaxgan.training.noise_scale.noise_scale`): from D's micro-batches, two where it has one, and from the
        halves of G's batch, which takes a second backward pass through G.
      unroll: of the plays and micro-batches, see :func:`jaxgan.training.scan_or_unroll.scan_or_unroll`.
    """

    generator: Module
    discriminator: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    loss: AdversarialLoss
    num_classes: int
    z_dim: int
    prior: Callable[[Array], Array] = _as_drawn
    labels_from: str = "uniform"
    regularizers: tuple[Regularizer, ...] = ()
    d_steps: int = 1
    g_steps: int = 1
    split_d: bool = False
    move_statistics_in_d: bool = True
    dequantize: bool = False
    clip: float = 0.0
    adversarial_weight: float = 1.0
    top_k_minimum: float = 1.0
    top_k_decay: float = 0.99
    top_k_steps: int = 782
    orthogonal_weight: float = 0.0
    orthogonal_exclude: str | None = "g/shared/embedding"
    accumulate: int = 1
    noise_scale: bool = False
    unroll: bool | None = None

    def __post_init__(self) -> None:
        for name in ("accumulate", "d_steps", "g_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: give a number, at least 1")
        if self.labels_from not in LABELS_FROM:
            raise ValueError(f"labels_from={self.labels_from!r}; choose from {list(LABELS_FROM)}")
        if self.loss.paired and self.top_k:
            raise ValueError("top_k_minimum chooses fakes by their own logits: give it 1 with a relativistic loss")
        whole = [s.name for s in self.regularizers if not s.by_rows]
        whole += ["a relativistic loss"] * self.loss.paired + ["top_k_minimum"] * self.top_k
        if whole and (self.accumulate > 1 or self.noise_scale):
            raise ValueError(
                f"accumulate={self.accumulate}, noise_scale={self.noise_scale} take a batch in parts, but {whole[0]} "
                "compares the examples of a whole batch: set accumulate=1 and noise_scale=False"
            )

    @property
    def top_k(self) -> bool:
        """Whether G learns from some of the fakes alone."""
        return self.top_k_minimum < 1.0

    @property
    def heads(self) -> dict[str, Module]:
        """The networks that regularizers add to D."""
        return {name: module for s in self.regularizers for name, module in s.heads}

    @property
    def players(self) -> Mapping[str, tuple[str, ...]]:
        """G moves the generator, D the discriminator and the heads on it."""
        return {"g": ("g",), "d": ("d", *self.heads)}

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """[z_dim]."""
        return (self.z_dim,)

    def _draw(self, rng: Array, size: int) -> tuple[Array, Array]:
        z_rng, label_rng = jax.random.split(rng)
        z = jax.random.normal(z_rng, (size, self.z_dim), jnp.float32)
        labels = jax.random.randint(label_rng, (size,), 0, max(1, self.num_classes), jnp.int32)
        return self.prior(shard_batch(z)), shard_batch(labels)

    def _draw_beside(self, real: Batch, rng: Array) -> tuple[Array, Labels]:
        """Latents and labels for as many fakes as there are real examples."""
        z, labels = self._draw(rng, jax.tree.leaves(real)[0].shape[0])
        return z, real["label"] if self.labels_from == "data" else labels

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """Fresh networks and optimisers; of ``batch`` ('image' uint8 [B, H, W, C] or 'point' float [B, 2], and 'label')
        only the shapes matter.

        Raises:
          ValueError: where the generator's examples have another shape than the data's.
        """
        g_rng, d_rng = jax.random.split(rng)
        z, labels = self.prior(jnp.zeros((2, self.z_dim), jnp.float32)), jnp.zeros((2,), jnp.int32)
        if self.labels_from == "data":
            labels = jax.tree.map(lambda x: jnp.zeros((2, *x.shape[1:]), x.dtype), batch["label"])
        (drawn, g) = self.generator.init_with_output({"params": g_rng, "dropout": g_rng}, z, labels, train=True)
        wanted = input_of(batch).shape[1:]
        if drawn.shape[1:] != wanted:
            raise ValueError(
                f"the generator draws images of shape {drawn.shape[1:]}, the data's are {wanted}; "
                "make data.image_size and the generator's resolution, base and image_channels agree"
            )
        keys = {"params": d_rng, "dropout": d_rng}
        d = {**self.discriminator.init(keys, drawn, labels, train=True)}
        tapped = sown(d.pop(FEATURES, {}))
        nets = {"g": {**g}, "d": d}
        for index, (name, head) in enumerate(self.heads.items()):
            features = DiscriminatorOutput(drawn, tapped[-1] if tapped else None).shown(f"the head {name!r}")
            nets[name] = {**head.init(jax.random.fold_in(d_rng, index), features, train=True)}
        for net in nets.values():
            net.pop("moments", None)
        if "batch_stats" in d and (self.accumulate > 1 or self.noise_scale):
            raise ValueError(
                f"accumulate={self.accumulate}, noise_scale={self.noise_scale} take D's batch in parts, but D "
                "normalises over the batch: set accumulate=1 and noise_scale=False; remat saves memory there too"
            )
        extra = {s.name: s.init(nets) for s in self.regularizers if s.init is not None}
        return create_state(nets, self.players, self.optimizers, extra=extra)

    def _generate(
        self, g: Variables, z: Array, labels: Labels, rng: Array, *, collect: tuple[str, ...] = ()
    ) -> tuple[Array, Variables]:
        """G in train mode, and the collections that moved."""
        rngs = {"dropout": jax.random.fold_in(rng, 2**20 + 3)}
        return apply(self.generator, g, z, labels, train=True, collect=collect, rngs=rngs)

    def _judge(
        self, state: TrainState, d: Variables, images: Array, labels: Labels, rng: Array
    ) -> tuple[DiscriminatorOutput, Variables]:
        """D on what it is shown of ``images``, and the collections that moved."""
        seen = show(self.regularizers, images, rng, state.extra, state.step)
        rngs = {"dropout": jax.random.fold_in(rng, len(self.regularizers))}
        logits, moved = apply(self.discriminator, d, seen, labels, train=True, collect=(FEATURES,), rngs=rngs)
        tapped = sown(moved.pop(FEATURES, {}))
        return DiscriminatorOutput(logits, tapped[-1] if tapped else None), moved

    def _view(self, state: TrainState, nets: dict[str, Variables], rng: Array, **given: Any) -> Play:
        """A play for its terms; ``rng`` is what D was shown the fakes with."""

        def critic(images: Array, labels: Labels) -> DiscriminatorOutput:
            return self._judge(state, nets["d"], images, labels, rng)[0]

        def generate(z: Array, labels: Labels) -> Array:
            return self._generate(nets["g"], z, labels, jax.random.fold_in(rng, 2**20 + 2))[0]

        return Play(
            nets=nets,
            extra=state.extra,
            step=state.step,
            rng=jax.random.fold_in(rng, 2**20),
            critic=critic,
            generate=generate,
            **given,
        )

    def _judge_both(
        self, state: TrainState, d: Variables, reals: tuple[Array, Labels], fakes: tuple[Array, Labels], rng: Array
    ) -> tuple[DiscriminatorOutput, DiscriminatorOutput, Variables]:
        if self.split_d:
            real, moved = self._judge(state, d, *reals, rng)
            # Batch statistics see one pass after the other; power iteration starts both from the same vector.
            second = {**d, **_without(moved, "spectral")}
            fake, fake_moved = self._judge(state, second, *fakes, jax.random.fold_in(rng, 1))
            return real, fake, {**moved, **_without(fake_moved, "spectral")}
        images, labels = jax.tree.map(join_interleaved, reals, fakes)
        judged, moved = self._judge(state, d, images, labels, rng)
        logits = split_interleaved(judged.logits, 2)
        features = (None, None) if judged.features is None else split_interleaved(judged.features, 2)
        return DiscriminatorOutput(logits[0], features[0]), DiscriminatorOutput(logits[1], features[1]), moved

    def _reals(self, real: Batch, rng: Array) -> Array:
        images = input_of(real)
        if not self.dequantize:
            return images
        noise_rng = jax.random.fold_in(rng, 2**20 + 1)
        return images + shard_batch(jax.random.uniform(noise_rng, images.shape, images.dtype, maxval=1 / 128))

    def _beside(self, state: TrainState, real: Batch, rng: Array) -> tuple[dict[str, Any], Variables]:
        """Real examples and fresh fakes, without gradient, as the parts of a D play take them; and what moved in G."""
        images, labels = self._reals(real, rng), real["label"]
        z, fake_labels = self._draw_beside(real, rng)
        fakes, moved = self._generate(state.nets["g"], z, fake_labels, rng)
        fakes = jax.lax.stop_gradient(fakes)
        for index, regularizer in enumerate(self.regularizers):
            if regularizer.mix is not None:
                mixed = functools.partial(regularizer.mix, rng=jax.random.fold_in(rng, index), extra=state.extra)
                images, labels = jax.tree.map(mixed, (images, labels), (fakes, fake_labels))
        rows = jnp.arange(images.shape[0])
        part = dict(images=images, labels=labels, z=z, fakes=fakes, fake_labels=fake_labels, rows=rows)
        return part, moved

    def _d_play(self, state: TrainState, real: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        batch, moved = self._beside(state, real, rng)
        g_moved = _without(moved, "spectral") if self.move_statistics_in_d else {}
        terms = [s.d_term for s in self.regularizers if s.every == 1]

        def loss_fn(nets: dict[str, Variables], part: Any) -> tuple[Array, tuple[dict[str, Variables], Metrics]]:
            part = dict(part)
            part_rng = jax.random.fold_in(rng, part.pop("rows")[0])
            reals, fakes = (part["images"], part["labels"]), (part["fakes"], part["fake_labels"])
            real, fake, d_moved = self._judge_both(state, nets["d"], reals, fakes, part_rng)
            loss = self.loss.discriminator(real.logits, fake.logits)
            metrics = {"real": real.logits.mean(), "fake": fake.logits.mean()}
            if self.loss.estimate is not None:
                name, estimate = self.loss.estimate
                metrics[name] = estimate(real.logits, fake.logits)
            added = add_terms(terms, self._view(state, nets, part_rng, real=real, fake=fake, **part))
            return loss + added.loss, ({"d": d_moved, "g": g_moved} | added.moved, metrics | added.metrics)

        count = max(self.accumulate, 2) if self.noise_scale else self.accumulate
        if count == 1:
            state, metrics = play(self, state, "d", lambda nets: loss_fn(nets, batch))
        else:
            noise_of = batch["images"].shape[0] if self.noise_scale else None
            parts = _rows(batch, count)
            state, metrics = play(self, state, "d", loss_fn, parts=parts, noise_of=noise_of, unroll=self.unroll)
        return (state if off(self.clip) else _clipped(state, self.players["d"], self.clip)), metrics

    def _lazy_play(self, state: TrainState, regularizer: Regularizer, real: Batch, rng: Array) -> TrainState:
        """A D play of one regularizer's term alone, as many times stronger as it is rarer."""
        batch, _ = self._beside(state, real, rng)

        def loss_fn(nets: dict[str, Variables], part: Any) -> tuple[Array, tuple[dict[str, Variables], Metrics]]:
            part = dict(part)
            part_rng = jax.random.fold_in(rng, part.pop("rows")[0])
            view = self._view(state, nets, part_rng, real=None, fake=None, **part)
            return regularizer.every * add_terms([regularizer.d_term], view).loss, ({}, {})

        if self.accumulate == 1:
            return play(self, state, "d", lambda nets: loss_fn(nets, batch))[0]
        return play(self, state, "d", loss_fn, parts=_rows(batch, self.accumulate), unroll=self.unroll)[0]

    def _judge_fakes(self, state: TrainState, nets: dict[str, Variables], part: Any, rng: Array) -> tuple[Array, Play]:
        """G's loss on fakes, and the play as its terms see it."""
        part = dict(part)
        part_rng = jax.random.fold_in(rng, part.pop("rows")[0])
        fake, _ = self._judge(state, nets["d"], part["fakes"], part["fake_labels"], part_rng)
        real = None
        if self.loss.paired or any(s.needs_real for s in self.regularizers):
            real, _ = self._judge(state, nets["d"], part["images"], part["labels"], jax.random.fold_in(part_rng, 1))
        view = self._view(state, nets, part_rng, real=real, fake=fake, **part)
        if self.loss.paired and real is not None:
            return self.loss.generator(fake.logits, real.logits), view
        if not self.top_k:
            return self.loss.generator(fake.logits), view
        share = top_k_fraction(state.step, self.top_k_steps, decay=self.top_k_decay, minimum=self.top_k_minimum)
        logits = fake.logits.reshape(fake.logits.shape[0], -1)
        weights = top_k_weights(logits.mean(1), share)
        return (weights * jax.vmap(self.loss.generator)(logits)).sum(), view

    def _g_play(self, state: TrainState, real: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        z, fake_labels = self._draw_beside(real, rng)
        terms = [s.g_term for s in self.regularizers]
        size = z.shape[0]

        def loss_fn(nets: dict[str, Variables], half: Array | None = None) -> Any:
            fakes, moved = self._generate(nets["g"], z, fake_labels, rng)
            rest = dict(z=z, fake_labels=fake_labels, rows=jnp.arange(size))
            rest |= dict(images=self._reals(real, rng), labels=real["label"])
            parts = self.accumulate
            if half is not None:
                # G runs whole in either half of the loss: its norms see the whole batch.
                fakes, rest = jax.tree.map(lambda x: split_interleaved(x, 2)[half], (fakes, rest))
                parts = max(1, parts // 2)
            if parts == 1:
                loss, view = self._judge_fakes(state, nets, rest | {"fakes": fakes}, rng)
                loss, added = self.adversarial_weight * loss, add_terms(terms, view)
            else:

                def judge(fakes: Array, rest: Any) -> Array:
                    loss, view = self._judge_fakes(state, nets, rest | {"fakes": fakes}, rng)
                    return self.adversarial_weight * loss + add_terms(terms, view).loss

                loss, added = mean_over_parts(judge, fakes, rest, parts, unroll=self.unroll), TermOutput(jnp.zeros(()))
            loss, metrics = loss + added.loss, added.metrics
            if not off(self.orthogonal_weight):
                penalty = orthogonal_penalty({"g": nets["g"]["params"]}, exclude=self.orthogonal_exclude)
                loss, metrics = loss + self.orthogonal_weight * penalty, metrics | {"orthogonal": penalty}
            return loss, ({"g": moved}, metrics)

        if not self.noise_scale:
            return play(self, state, "g", loss_fn)
        return play(self, state, "g", loss_fn, parts=jnp.arange(2), noise_of=size, unroll=self.unroll)

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """``d_steps`` D plays on interleaved parts of ``batch`` (image uint8 [d_steps * B, H, W, C] or point float
        [d_steps * B, 2], label [d_steps * B]), ``g_steps`` G plays.
        """
        parts = _rows(batch, self.d_steps)
        d_rng, g_rng = jax.random.split(rng)

        def d_play(state: TrainState, x: tuple[Batch, Array]) -> tuple[TrainState, Metrics]:
            return self._d_play(state, *x)

        def g_play(state: TrainState, rng: Array) -> tuple[TrainState, Metrics]:
            return self._g_play(state, last, rng)

        state, d_metrics = scan_or_unroll(
            d_play, state, (parts, jax.random.split(d_rng, self.d_steps)), unroll=self.unroll
        )
        last = jax.tree.map(lambda x: x[-1], parts)
        for index, regularizer in enumerate(self.regularizers):
            if regularizer.every > 1:
                lazy_rng = jax.random.fold_in(d_rng, self.d_steps + index)
                state = every(
                    state.step,
                    regularizer.every,
                    lambda s: self._lazy_play(s, regularizer, last, lazy_rng),  # noqa: B023 (used at once)
                    state,
                )
        if self.g_steps == 1:
            state, g_metrics = self._g_play(state, last, g_rng)
        else:
            state, g_metrics = scan_or_unroll(g_play, state, jax.random.split(g_rng, self.g_steps), unroll=self.unroll)
        metrics = jax.tree.map(lambda x: x.mean(0), d_metrics)
        metrics |= g_metrics if self.g_steps == 1 else jax.tree.map(lambda x: x.mean(0), g_metrics)
        changed = {
            s.name: s.update(state.extra[s.name], metrics, state) for s in self.regularizers if s.update is not None
        }
        return state.replace(extra=state.extra | changed), metrics

    def _inputs(self, batch: Batch, rng: Array) -> tuple[Array, Array]:
        labels = batch["label"]
        rows = jax.tree.leaves(labels)[0].shape[0]
        z = batch["z"] if "z" in batch else jax.random.normal(rng, (rows, self.z_dim), jnp.float32)
        return self.prior(shard_batch(z)), jax.tree.map(shard_batch, labels)

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """Images or points for ``batch['label']`` ([B] int, or [B, num_classes] weights), from ``batch['z']`` where
        given, N(0, I) as the prior takes it, else from ``rng``.
        """
        z, labels = self._inputs(batch, rng)
        drawn, _ = apply(self.generator, nets["g"], z, labels, train=False)
        return output_of(drawn)

    def moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
        """What G's norms see in one train-mode draw."""
        z, labels = self._inputs(batch, rng)
        _, collected = self._generate(nets["g"], z, labels, rng, collect=("moments",))
        return {"g": collected["moments"]} if "moments" in collected else {}

    def begin_stage(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """Nothing to prepare: one stage."""
        del batch, rng
        return state
