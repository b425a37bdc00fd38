"""Batch normalisation, plain and class-conditional (de Vries et al. 2017, arXiv:1707.00683; BigGAN, arXiv:1809.11096).

Under ``jax.jit`` over a mesh the batch axis is global, so the statistics are those of the whole batch (cross-replica
BN) with nothing to ask for; ``groups`` writes out the other variant, each group of rows by itself. Statistics are
float32 whatever the computation's dtype.

Collections: ``batch_stats`` holds running ``mean`` and ``var`` (moved in train mode where mutable); ``batch_moments``
receives the batch's own mean and variance where it is mutable, which is what standing statistics average.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan.nn.spectral_norm import Dense, Embed


class BatchNorm(nn.Module):
    """Normalises [B, H, W, C] (or [B, C]) over all axes but the last, then applies a gain and a bias.

    Attributes:
      eps: added to the variance. References differ: BigGAN-PyTorch 1e-5; TF Hub and StudioGAN 1e-4.
      momentum: weight of the old running statistics (torch's momentum 0.1 is 0.9 here).
      affine: learn a gain [C] (from 1) and a bias [C] (from 0). The class-conditional form passes its own instead.
      groups: None for statistics of the whole batch, or the number of contiguous blocks of rows to normalise
        separately; running statistics are then the mean over groups. With as many groups as devices no statistic
        crosses devices.
      running: evaluation uses the running statistics; False for those of the batch at hand in evaluation too, as
        pix2pix does with batches of one image (arXiv:1611.07004, section 3.3).
      dtype, param_dtype: of the computation and of the parameters.

    Running variance is the biased one, as in TensorFlow, where BigGAN was trained; torch stores the unbiased one.
    """

    eps: float = 1e-5
    momentum: float = 0.9
    affine: bool = True
    groups: int | None = None
    running: bool = True
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, gain: Array | None = None, bias: Array | None = None, *, train: bool) -> Array:
        """Normalises ``x`` with the batch's statistics (train) or the running ones.

        Args:
          x: [B, ..., C].
          gain, bias: [B, C], used in place of the learned ones.
          train: use and record the batch's statistics.

        Raises:
          ValueError: where ``groups`` does not divide the batch.
        """
        features = x.shape[-1]
        mean_var = self.variable("batch_stats", "mean", jnp.zeros, (features,), jnp.float32)
        var_var = self.variable("batch_stats", "var", jnp.ones, (features,), jnp.float32)
        wide = x.astype(jnp.float32)
        if train or not self.running:
            # A network is initialised on any few rows.
            groups = 1 if self.is_initializing() else self.groups or 1
            if x.shape[0] % groups:
                raise ValueError(f"BatchNorm: {groups} groups do not divide a batch of {x.shape[0]}")
            rows = wide.reshape(groups, -1, features) if groups > 1 else wide.reshape(1, -1, features)
            # Two means side by side need one pass and one all-reduce, where a two-pass variance needs two of each.
            mean = rows.mean(1)
            var = jnp.maximum((rows * rows).mean(1) - mean * mean, 0.0)
            self.sow("batch_moments", "mean", mean.mean(0), reduce_fn=lambda _, new: new, init_fn=lambda: None)
            self.sow("batch_moments", "var", var.mean(0), reduce_fn=lambda _, new: new, init_fn=lambda: None)
            if train and self.is_mutable_collection("batch_stats") and not self.is_initializing():
                mean_var.value = self.momentum * mean_var.value + (1 - self.momentum) * mean.mean(0)
                var_var.value = self.momentum * var_var.value + (1 - self.momentum) * var.mean(0)
        else:
            mean, var = mean_var.value[None], var_var.value[None]

        if gain is None and self.affine:
            gain = self.param("scale", nn.initializers.ones, (features,), self.param_dtype)[None]
            bias = self.param("bias", nn.initializers.zeros, (features,), self.param_dtype)[None]

        # One multiply and one add over the activation: gain / std and bias - mean * gain / std are per row, not per
        # pixel.
        scale = 1.0 / jnp.sqrt(var + self.eps)
        shift = -mean * scale
        if mean.shape[0] > 1:
            scale, shift = (jnp.repeat(s, x.shape[0] // s.shape[0], axis=0) for s in (scale, shift))
        if gain is not None and bias is not None:
            gain, bias = gain.astype(jnp.float32), bias.astype(jnp.float32)
            scale, shift = scale * gain, shift * gain + bias
        across = (scale.shape[0],) + (1,) * (x.ndim - 2) + (features,)
        out = wide * scale.reshape(across) + shift.reshape(across)
        return out.astype(self.dtype or x.dtype)


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation whose gain and bias come from a condition: gain = 1 + W c, bias = V c (BigGAN, appendix B).

    The 1 matters: compare_gan multiplies by W c alone, and starts with dead activations. W and V have no bias of their
    own and are spectrally normalised with the rest of the generator.

    Attributes:
      num_classes: None for a vector condition [B, D]; or the number of classes, for labels looked up in a table of this
        layer's own (BigGAN without the shared embedding, SNGAN, SAGAN).
      spectral_norm, sn_eps: as in :class:`jaxgan.nn.spectral_norm.Dense`.
      kernel_init: of W and V.
      eps, momentum, groups, dtype, param_dtype: as in :class:`BatchNorm`.
    """

    num_classes: int | None = None
    spectral_norm: bool = True
    sn_eps: float = 1e-6
    kernel_init: Any = nn.initializers.orthogonal()
    eps: float = 1e-5
    momentum: float = 0.9
    groups: int | None = None
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, condition: Array, *, train: bool) -> Array:
        """Normalises ``x`` [B, H, W, C] under ``condition`` [B, D] float, or labels where ``num_classes`` is set."""
        shared: dict[str, Any] = dict(
            spectral_norm=self.spectral_norm,
            sn_eps=self.sn_eps,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
        )

        def affine(name: str) -> Array:
            if self.num_classes is None:
                layer: nn.Module = Dense(x.shape[-1], use_bias=False, kernel_init=self.kernel_init, name=name, **shared)
            else:
                layer = Embed(self.num_classes, x.shape[-1], embedding_init=self.kernel_init, name=name, **shared)
            return layer(condition)

        normalize = BatchNorm(
            eps=self.eps,
            momentum=self.momentum,
            affine=False,
            groups=self.groups,
            dtype=self.dtype,
            param_dtype=self.param_dtype,
            name="norm",
        )
        return normalize(x, 1.0 + affine("gain").astype(jnp.float32), affine("bias"), train=train)
