"""Linear separability: how well a hyperplane in latent space tells an attribute of the images."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def classified_samples(
    synthesize: Callable[[Array], Array],
    classify: Callable[[Array], Array],
    *,
    rng: Array,
    latent_dim: int,
    num_samples: int,
    batch_size: int,
    mapping: Callable[[Array], Array] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws latents and has their images classified: what :func:`linear_separability` is asked of.

    Args:
      synthesize: w [B, ...] (without a mapping, z) -> images.
      classify: images -> logits [B, A], one for each attribute; above 0 where the image has it.
      rng: key.
      latent_dim: of z ~ N(0, I).
      num_samples: N; the paper's 200,000.
      batch_size: latents at once.
      mapping: z [B, latent_dim] -> w.

    Returns:
      ``(z [N, latent_dim], w [N, ...], logits [N, A])`` float32; w is z without a mapping.
    """
    if num_samples < 1 or batch_size < 1:
        raise ValueError(f"needs at least 1 sample and batches of 1, got {num_samples} and {batch_size}")

    @jax.jit
    def sample(key: Array) -> tuple[Array, Array, Array]:
        z = jax.random.normal(key, (batch_size, latent_dim), jnp.float32)
        w = z if mapping is None else mapping(z)
        return z, w, classify(synthesize(w))

    batches = [jax.device_get(sample(key)) for key in jax.random.split(rng, -(-num_samples // batch_size))]
    z, w, logits = (np.concatenate(parts)[:num_samples] for parts in zip(*batches))
    return z, w, logits


def conditional_entropy(x: np.ndarray, y: np.ndarray) -> float:
    """H(Y | X) in nats of two bits, from their joint frequencies: [N] bool twice -> from 0 to log 2."""
    counts = np.bincount(2 * x.astype(np.int64) + y, minlength=4).reshape(2, 2)
    given_x = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    # 0 log 0 is 0.
    return float(-(counts * np.log(np.where(counts > 0, given_x, 1.0))).sum() / len(x))


def linear_separability(
    latents: np.ndarray, logits: np.ndarray, *, keep: float = 0.5, max_iter: int = 1000
) -> tuple[float, np.ndarray]:
    """exp of the sum over attributes of H(Y | X) (Karras et al. 2019, StyleGAN, arXiv:1812.04948, section 4.2).

    For each attribute: the samples that the classifier is least sure of are dropped, a linear support vector machine
    is fitted from latents to the classifier's labels Y, and X is the side of its hyperplane on which a latent lies, on
    the same samples. 1 where every attribute is separable; each that latents say nothing of doubles the score.

    As the released metrics/linear_separability.py: scikit-learn's ``LinearSVC`` with its defaults, latents unscaled.
    (The code writes 2 to a sum in bits, which is the same number.) scikit-learn now chooses the solver by itself, and
    warns where it does not converge. An attribute with one label among the samples kept has no entropy.

    Args:
      latents: [N, D] float, of z or of w.
      logits: [N, A] float, finite; the label is whether it is above 0, and its magnitude the classifier's confidence.
        The paper's N is 200,000 and A 40.
      keep: share of the samples kept, in (0, 1].
      max_iter: of the solver.

    Returns:
      ``(score, per_attribute)``: a number in [1, 2^A], and [A] float64 conditional entropies in nats.

    Raises:
      ValueError: where shapes do not fit, logits are not finite, or keep leaves no sample.
    """
    if latents.ndim != 2 or logits.ndim != 2 or len(latents) != len(logits):
        raise ValueError(f"needs latents [N, D] and logits [N, A] of one N, got {latents.shape} and {logits.shape}")
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite: labels and confidence come from them; got NaN or infinity")
    kept = int(keep * len(latents))
    if not 0 < keep <= 1 or not kept:
        raise ValueError(f"keep must be in (0, 1] and leave a sample, got {keep} of {len(latents)} samples")

    # Here, so that working with latents does not load it.
    from sklearn.svm import LinearSVC

    entropies = np.zeros(logits.shape[1])
    for attribute, column in enumerate(np.asarray(logits).T):
        sure = np.argsort(-np.abs(column), kind="stable")[:kept]
        labels = column[sure] > 0
        if labels.all() or not labels.any():
            continue
        machine = LinearSVC(max_iter=max_iter, dual="auto", random_state=0).fit(latents[sure], labels)
        entropies[attribute] = conditional_entropy(machine.predict(latents[sure]), labels)
    return float(np.exp(entropies.sum())), entropies
