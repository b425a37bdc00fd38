"""GAN training (Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1): updates of D, then updates of G, in one step."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxgan.methods import drawing, forward
from jaxgan.methods.drawing import Styles
from jaxgan.methods.inputs import input_of, unchanged
from jaxgan.methods.latents import Latents
from jaxgan.methods.regularizer import Context, DiscriminatorOutput, Regularizer, Term, add_terms, mean_over_scales
from jaxgan.nn import FEATURES
from jaxgan.objectives import AdversarialLoss
from jaxgan.training.method import Batch, Method, Option
from jaxgan.training.microbatches import Mean, Microbatches, split_batch
from jaxgan.training.scan_or_unroll import scan_or_unroll
from jaxgan.training.state import Metrics, TrainState, Variables, create_state, fresh_optimizers
from jaxgan.training.update import Aux, Module, every


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GAN(Method):
    """Two players, with any networks, loss and regularizers.

    Conventions, where references differ:
      - A step takes ``d_steps * B`` real examples; each D update sees its own B, and each update fresh latents.
      - A net's power-iteration vectors move once per update of that net on real and fake, or on fakes: D's in D's
        updates, G's in G's. (BigGAN-PyTorch also moves them in every train-mode forward of the other player's update.)
        A lazy term's update moves no statistics and no vectors.
      - What G's update needs of real examples (relativistic losses, feature matching) it takes of the last D update's.

    Attributes:
      generator: (z, condition, train=) -> images [B, H, W, C] in [-1, 1], or points [B, F].
      discriminator: (images, condition, train=) -> logits, an array or a tuple of one a scale.
      optimizers: of 'g' and 'd'.
      loss: the pair of losses, applied to each scale.
      latents: G's inputs.
      regularizers: terms of either loss, augmentations of D's input, heads on D.
      d_steps, g_steps: updates of D and of G a step, each of D's with examples of its own.
      joint: D sees real and fake in one batch; else one after the other (where D has batch norm).
      g_stats_in_d: G's running statistics move in D's updates too (BigGAN-PyTorch; not StudioGAN).
      target: the batch's field that D sees as real; None for 'image' or 'point'.
      preprocess: (real images, rng, what ``network_inputs`` gives) -> images, such as dequantization, or a fade.
      project_d: D's parameters after each update -> parameters, such as WGAN's clipping.
      fake_weights: (mean logit of each fake [B], step) -> weights [B] of G's loss, such as top-k; None for the mean.
      adversarial_weight: of the loss in G's update; 0 trains G by the regularizers' terms only.
      g_weights_term: a term of G's parameters, such as orthogonal regularization; added once, not per micro-batch.
      network_inputs: (step, extra) -> keywords of both networks that depend on the step, such as the alpha of a fade.
      prepare: (state, batch, rng) -> state before a stage's first step, such as with fresh optimisers
        (:func:`jaxgan.training.state.fresh_optimizers`); None to leave it.
      optional_conditions: images that sampling takes where it is given them.
      options: of sampling.
      inputs_of_options: (option -> its value) -> keywords of G in sampling, such as a truncation; None for none.
      styles: where G has a space of styles between latents and images; None for none.
      draws_in_sample: whether G draws random numbers in evaluation too; each row is then run by itself, under its key.
      microbatches: how gradients are taken.
    """

    generator: Module
    discriminator: Module
    optimizers: Mapping[str, optax.GradientTransformation]
    loss: AdversarialLoss
    latents: Latents
    regularizers: tuple[Regularizer, ...] = ()
    d_steps: int = 1
    g_steps: int = 1
    joint: bool = True
    g_stats_in_d: bool = True
    target: str | None = None
    preprocess: Callable[[Array, Array, Mapping[str, Any]], Array] = unchanged
    project_d: Callable[[Any], Any] | None = None
    fake_weights: Callable[[Array, Array], Array] | None = None
    adversarial_weight: float = 1.0
    g_weights_term: Term | None = None
    network_inputs: Callable[[Array, dict[str, Any]], dict[str, Any]] | None = None
    prepare: Callable[[TrainState, Batch, Array], TrainState] | None = None
    optional_conditions: tuple[str, ...] = ()
    styles: Styles | None = None
    draws_in_sample: bool = False
    options: Mapping[str, Option] = dataclasses.field(default_factory=dict)
    inputs_of_options: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    microbatches: Microbatches = Microbatches()  # noqa: RUF009 (immutable)

    averaged = ("g",)

    def __post_init__(self) -> None:
        for name in ("d_steps", "g_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: give a number, at least 1")
        if self.loss.paired and self.fake_weights is not None:
            raise ValueError("fake_weights chooses fakes by their own logits: give None with a relativistic loss")
        whole = [r.name for r in self.regularizers if not r.per_example]
        whole += ["a relativistic loss"] * self.loss.paired + ["fake_weights (top-k)"] * (self.fake_weights is not None)
        if whole and self.microbatches.cuts:
            raise ValueError(
                f"{self.microbatches} takes a batch in parts, but {whole[0]} compares the examples of a whole batch: "
                "set microbatches.count=1 and microbatches.noise_scale=False"
            )

    @property
    def players(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """G moves the generator, D the discriminator and the heads on it."""
        return {"g": ("g",), "d": ("d", *(name for r in self.regularizers for name, _ in r.heads))}

    @property
    def latent_shapes(self) -> Any:
        """[z_dim] float32, or None."""
        return self.latents.shapes

    @property
    def num_classes(self) -> int:  # type: ignore[override]
        """Classes that uniform labels are drawn from; 0 for none."""
        return self.latents.num_classes

    @property
    def style_shape(self) -> tuple[int, int] | None:  # type: ignore[override]
        """Styles of an image and numbers of each, (L, W); None for none."""
        return None if self.styles is None else self.styles.shape

    @property
    def conditions(self) -> tuple[str, ...]:  # type: ignore[override]
        """Fields that sampling must be given."""
        if self.latents.fields == ("label",) and not self.latents.num_classes:
            return ()
        return self.latents.fields

    @property
    def input_multiple(self) -> int:
        """The number that the sides of translated images must be multiples of; others are padded and cropped back."""
        return getattr(self.generator, "multiple", 1)

    def init(self, rng: Array, batch: Batch) -> TrainState:
        """Fresh networks and optimizers; of ``batch`` only the fields' shapes matter.

        Raises:
          ValueError: where the generator's examples have another shape than the data's, or D's batch norm meets
            micro-batches.
        """
        g_rng, d_rng = jax.random.split(rng)
        z, condition = self.latents.example(batch)
        step = jnp.zeros((), jnp.int32)
        inputs = self._inputs(step, {})
        drawn, g = self.generator.init_with_output(forward.initial_keys(g_rng), z, condition, train=True, **inputs)
        wanted = input_of(batch, self.target).shape[1:]
        if drawn.shape[1:] != wanted:
            raise ValueError(
                f"the generator draws images of shape {drawn.shape[1:]}, the data's are {wanted}; "
                "make data.image_size and the generator's resolution, base and image_channels agree"
            )
        d = {**self.discriminator.init(forward.initial_keys(d_rng), drawn, condition, train=True, **inputs)}
        shown = forward.output_of_discriminator((), d.pop(FEATURES, {}))
        nets = {"g": {**g}, "d": d}
        heads = [head for r in self.regularizers for head in r.heads]
        for index, (name, head) in enumerate(heads):
            features = shown.last_features(f"the head {name!r}")
            nets[name] = {**head.init(jax.random.fold_in(d_rng, index), features, train=True)}
        for net in nets.values():
            net.pop("batch_moments", None)
        if "batch_stats" in d and self.microbatches.cuts:
            raise ValueError(
                f"{self.microbatches} takes D's batch in parts, but D normalises over the batch: set "
                "microbatches.count=1 and microbatches.noise_scale=False; remat saves memory there too"
            )
        rows = jax.tree.leaves(batch)[0].shape[0] // self.d_steps
        fakes = jax.tree.map(lambda x: jax.ShapeDtypeStruct((rows, *x.shape[1:]), x.dtype), (drawn, condition))
        extra = {r.name: r.init(nets, fakes) for r in self.regularizers if r.init is not None}
        state = create_state(nets, self.players, self.optimizers, extra=extra)
        return state.replace(extra=extra | self._lazy_metrics(state, batch))

    def step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """D's updates on interleaved parts of ``batch``, G's updates, each followed by lazy terms, then what adapts."""
        d_rng, g_rng = jax.random.split(rng)
        parts = split_batch(batch, self.d_steps)
        last = jax.tree.map(lambda x: x[-1], parts)
        again = functools.partial(scan_or_unroll, unroll=self.microbatches.unroll)
        d_rngs = jax.random.split(d_rng, self.d_steps)
        state, d_metrics = again(lambda s, x: self.d_step(s, *x), state, (parts, d_rngs))
        state, d_lazy = self._lazy_steps("d", state, last, d_rng)
        g_rngs = jax.random.split(g_rng, self.g_steps) if self.g_steps > 1 else g_rng[None]
        state, g_metrics = again(lambda s, r: self.g_step(s, last, r), state, g_rngs)
        state, g_lazy = self._lazy_steps("g", state, last, jax.random.fold_in(g_rng, 2**20))
        metrics = jax.tree.map(lambda x: x.mean(0), d_metrics | g_metrics) | d_lazy | g_lazy
        adapted = {r.name: r.update(state.extra[r.name], metrics, state) for r in self.regularizers if r.update}
        return state.replace(extra=state.extra | adapted), metrics

    def d_step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update of D on real examples and fresh fakes."""
        rows, g_mutated, extra = self._real_and_fake(state, batch, rng)
        kept = forward.without(g_mutated, "spectral") if self.g_stats_in_d else {}
        terms = [(r.name, r.d_term) for r in self.regularizers if r.every == 1]

        def loss_fn(nets: dict[str, Variables], rows: Any) -> tuple[Array, Aux]:
            key = jax.random.fold_in(rng, rows["index"][0])
            pairs = (rows["images"], rows["real_condition"]), (rows["fakes"], rows["fake_condition"])
            real, fake, mutated = forward.discriminate_both(
                self.discriminator, self.regularizers, state, nets["d"], *pairs, key,
                joint=self.joint, inputs=self._inputs(state.step, state.extra),
            )  # fmt: skip
            loss, metrics = self._d_loss(real, fake)
            term, aux = add_terms(terms, self._context(state, nets, key, rows, real=real, fake=fake))
            return loss + term, aux._replace(
                mutated={"d": mutated, "g": kept} | aux.mutated, metrics=metrics | aux.metrics
            )

        state, metrics, _ = self.microbatches.update(self, state, "d", loss_fn, rows)
        if self.project_d is not None:
            projected = {
                n: {**state.nets[n], "params": self.project_d(state.nets[n]["params"])} for n in self.players["d"]
            }
            state = state.replace(nets=state.nets | projected)
        return state.replace(extra=state.extra | extra), metrics

    def g_step(self, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """One update of G on fresh fakes."""
        z, condition = self.latents.draw(rng, batch)
        rest = self._real_rows(state, batch, rng) | {"z": z, "fake_condition": condition}
        terms = [(r.name, r.g_term if r.every == 1 else None) for r in self.regularizers]
        sees_real = self.loss.paired or any(r.needs_real for r in self.regularizers)
        inputs = self._inputs(state.step, state.extra)

        def loss_fn(nets: dict[str, Variables], mean: Mean) -> tuple[Array, Aux]:
            fakes, mutated = forward.generate(self.generator, nets["g"], z, condition, rng, inputs=inputs)

            def of_rows(fakes: Array, rest: Any) -> tuple[Array, Aux]:
                rows, key = rest | {"fakes": fakes}, jax.random.fold_in(rng, rest["index"][0])
                fake = self._discriminate(state, nets, fakes, rows["fake_condition"], key)
                real = None
                if sees_real:
                    later = jax.random.fold_in(key, 1)
                    real = self._discriminate(state, nets, rows["images"], rows["real_condition"], later)
                term, aux = add_terms(terms, self._context(state, nets, key, rows, real=real, fake=fake))
                return self.adversarial_weight * self._g_loss(fake, real, state.step) + term, aux

            loss, aux = mean(of_rows, fakes, rest)
            weights = [("weights", self.g_weights_term)]
            term, more = add_terms(weights, self._context(state, nets, rng, rest | {"fakes": fakes}))
            mutated = {"g": mutated} | aux.mutated
            return loss + term, aux._replace(mutated=mutated, metrics=aux.metrics | more.metrics)

        state, metrics, _ = self.microbatches.update_whole(self, state, "g", loss_fn, z.shape[0])
        return state, metrics

    def lazy_step(
        self, player: str, regularizer: Regularizer, batch: Batch, rng: Array, state: TrainState
    ) -> tuple[TrainState, Metrics]:
        """An update of ``player`` by one regularizer's term only, as many times stronger as it is rarer."""
        rows, _, _ = self._real_and_fake(state, batch, rng)
        term = regularizer.d_term if player == "d" else regularizer.g_term

        def loss_fn(nets: dict[str, Variables], rows: Any) -> tuple[Array, Aux]:
            context = self._context(state, nets, jax.random.fold_in(rng, rows["index"][0]), rows)
            loss, aux = add_terms([(regularizer.name, term)], context)
            return regularizer.every * loss, aux._replace(mutated={})

        quiet = dataclasses.replace(self.microbatches, noise_scale=False)
        state, metrics, _ = quiet.update(self, state, player, loss_fn, rows)
        return state, {k: v for k, v in metrics.items() if k not in (f"{player}/loss", f"{player}/grad_norm")}

    def _lazy_steps(self, player: str, state: TrainState, batch: Batch, rng: Array) -> tuple[TrainState, Metrics]:
        """Every lazy term of ``player``, where this step is its own; their newest metrics are kept in ``extra``."""
        metrics: Metrics = {}
        for index, regularizer in enumerate(self.regularizers):
            if regularizer.every > 1 and (regularizer.d_term if player == "d" else regularizer.g_term) is not None:
                key, name = jax.random.fold_in(rng, self.d_steps + index), f"lazy_{player}_{regularizer.name}"
                lazy = functools.partial(self.lazy_step, player, regularizer, batch, key)
                state, found = every(state.step, regularizer.every, lazy, state, state.extra[name])
                state = state.replace(extra=state.extra | {name: found})
                metrics |= found
        return state, metrics

    def _lazy_metrics(self, state: TrainState, batch: Batch) -> dict[str, Metrics]:
        """Zeros for what lazy terms log before they first run, as entries of ``extra``."""
        part, found = jax.tree.map(lambda x: x[: x.shape[0] // self.d_steps], batch), {}
        for player in self.players:
            for regularizer in self.regularizers:
                if regularizer.every > 1 and (regularizer.d_term if player == "d" else regularizer.g_term) is not None:
                    lazy = functools.partial(self.lazy_step, player, regularizer)
                    shapes = jax.eval_shape(lazy, part, jax.random.key(0), state)[1]
                    found[f"lazy_{player}_{regularizer.name}"] = jax.tree.map(
                        lambda x: jnp.zeros(x.shape, x.dtype), shapes
                    )
        return found

    def _inputs(self, step: Array, extra: dict[str, Any]) -> dict[str, Any]:
        return {} if self.network_inputs is None else self.network_inputs(step, extra)

    def _d_loss(self, real: DiscriminatorOutput, fake: DiscriminatorOutput) -> tuple[Array, Metrics]:
        loss = mean_over_scales(self.loss.discriminator, real.logits, fake.logits)
        metrics = {"real": mean_over_scales(jnp.mean, real.logits), "fake": mean_over_scales(jnp.mean, fake.logits)}
        if self.loss.estimate is not None:
            name, estimate = self.loss.estimate
            metrics[name] = mean_over_scales(estimate, real.logits, fake.logits)
        return loss, metrics

    def _g_loss(self, fake: DiscriminatorOutput, real: DiscriminatorOutput | None, step: Array) -> Array:
        if self.loss.paired and real is not None:
            return mean_over_scales(self.loss.generator, fake.logits, real.logits)
        if self.fake_weights is None:
            return mean_over_scales(self.loss.generator, fake.logits)
        weights = self.fake_weights(fake.score(), step)

        def weighted(logits: Array) -> Array:
            return (weights * jax.vmap(self.loss.generator)(logits.reshape(logits.shape[0], -1))).sum()

        return mean_over_scales(weighted, fake.logits)

    def _real_rows(self, state: TrainState, batch: Batch, rng: Array) -> dict[str, Any]:
        images = self.preprocess(input_of(batch, self.target), rng, self._inputs(state.step, state.extra))
        index = jnp.arange(images.shape[0])
        return {"images": images, "real_condition": self.latents.condition(batch), "batch": batch, "index": index}

    def _real_and_fake(self, state: TrainState, batch: Batch, rng: Array) -> tuple[dict[str, Any], Variables, Any]:
        """Rows of real examples with as many fakes, without gradient; what moved in G; and what moved in ``extra``."""
        rows, extra = self._real_rows(state, batch, rng), {}
        z, condition = self.latents.draw(rng, batch)
        inputs = self._inputs(state.step, state.extra)
        fakes, mutated = forward.generate(self.generator, state.nets["g"], z, condition, rng, inputs=inputs)
        fake = jax.lax.stop_gradient(fakes), condition
        real = rows["images"], rows["real_condition"]
        for index, regularizer in enumerate(self.regularizers):
            key = jax.random.fold_in(rng, index)
            if regularizer.replace_real is not None:
                replace = functools.partial(regularizer.replace_real, rng=key, extra=state.extra)
                real = jax.tree.map(replace, real, fake)
            if regularizer.recall is not None:
                fake, extra[regularizer.name] = regularizer.recall(fake, state.extra[regularizer.name], key)
        shown = dict(images=real[0], real_condition=real[1], z=z, fakes=fake[0], fake_condition=fake[1])
        return rows | shown, mutated, extra

    def _discriminate(
        self, state: TrainState, nets: dict[str, Variables], images: Array, condition: Any, rng: Array
    ) -> DiscriminatorOutput:
        inputs = self._inputs(state.step, state.extra)
        return forward.discriminate(
            self.discriminator, self.regularizers, state, nets["d"], images, condition, rng, inputs=inputs
        )[0]

    def _context(
        self,
        state: TrainState,
        nets: dict[str, Variables],
        rng: Array,
        rows: Any,
        *,
        real: DiscriminatorOutput | None = None,
        fake: DiscriminatorOutput | None = None,
    ) -> Context:
        g_rng, inputs = jax.random.fold_in(rng, 2**20 + 2), self._inputs(state.step, state.extra)
        return Context(
            nets=nets,
            frozen=state.frozen,
            extra=state.extra,
            step=state.step,
            rng=jax.random.fold_in(rng, 2**20),
            critic=lambda images, condition: self._discriminate(state, nets, images, condition, rng),
            generate=lambda z, c: forward.generate(self.generator, nets["g"], z, c, g_rng, inputs=inputs)[0],
            real=real,
            fake=fake,
            generator=self.generator,
            **{k: rows[k] for k in ("batch", "images", "real_condition", "z", "fakes", "fake_condition")},
        )

    def sample(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Array]:
        """Images or points for the conditions in ``batch``; see :func:`jaxgan.methods.drawing.sample`."""
        return drawing.sample(self, nets, batch, rng)

    def map_latents(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> Array:
        """Styles of the latents in ``batch``; see :func:`jaxgan.methods.drawing.map_latents`."""
        return drawing.map_latents(self, nets, batch, rng)

    def batch_moments(self, nets: dict[str, Variables], batch: Batch, rng: Array) -> dict[str, Any]:
        """The statistics that G's norms see in one train-mode draw."""
        return drawing.batch_moments(self, nets, batch, rng)

    @property
    def prepares_stage(self) -> bool:
        """Where there is a ``prepare``."""
        return self.prepare is not None

    def begin_stage(self, state: TrainState, batch: Batch, rng: Array) -> TrainState:
        """The state as ``prepare`` makes it."""
        return state if self.prepare is None else self.prepare(state, batch, rng)


def with_fresh_optimizers(game: GAN) -> GAN:
    """``game`` whose optimisers begin anew with its stage."""
    return dataclasses.replace(
        game, prepare=lambda state, batch, rng: fresh_optimizers(state, game.players, game.optimizers)
    )
