"""BigGAN's networks in PyTorch, written from the paper (Brock et al. 2018, arXiv:1809.11096, appendix B): what this
library's networks are timed against (extra ``[bench]``).

Layer for layer the same as :mod:`jaxgan.networks.biggan` with a shared embedding, under the same names, so that weights
can be copied (:mod:`torch_weights`). Images are [B, C, H, W], in either memory format.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-12


class Spectral(nn.Module):
    """A weight divided by its estimated largest singular value (Miyato et al. 2018, arXiv:1802.05957).

    One power iteration a call, without gradient through its vectors. The left vector is kept where the weight learns
    and the call is recorded for a gradient: once in each update of the network's own player. :meth:`fold` ends the
    iterations, for sampling.
    """

    u: Tensor

    def __init__(self, shape: Sequence[int], eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*shape))
        nn.init.normal_(self.weight, std=0.02)  # as :func:`jaxgan.tools.bench.compiled.quick_weights`
        self.eps, self.folded = eps, False
        self.register_buffer("u", F.normalize(torch.randn(shape[0]), dim=0))

    def normalized(self) -> Tensor:
        """The weight as the layer uses it."""
        if self.folded:
            return self.weight
        matrix = self.weight.flatten(1)
        moving = self.training and self.weight.requires_grad and torch.is_grad_enabled()
        # Autocast would round the vectors; the estimate is float32 on our side too.
        with torch.autocast(matrix.device.type, enabled=False):
            with torch.no_grad():
                v = F.normalize(self.u @ matrix, dim=0, eps=self.eps)
                u = F.normalize(matrix @ v, dim=0, eps=self.eps)
                if moving:
                    self.u.copy_(u)
            sigma = torch.dot(u, matrix @ v)
            return self.weight / sigma

    @torch.no_grad()
    def fold(self) -> None:
        """Replaces the weight by the normalised one, once and for all."""
        self.weight.copy_(self.normalized())
        self.folded = True


class Conv(Spectral):
    """A spectrally normalised convolution that keeps the size."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, bias: bool = True, eps: float = EPS) -> None:
        super().__init__((outputs, inputs, kernel, kernel), eps)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W]."""
        return F.conv2d(x, self.normalized(), self.bias, padding=self.padding)


class Linear(Spectral):
    """A spectrally normalised linear layer."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True, eps: float = EPS) -> None:
        super().__init__((outputs, inputs), eps)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs] -> [B, outputs]."""
        return F.linear(x, self.normalized(), self.bias)


class Embedding(Spectral):
    """A spectrally normalised table of class vectors."""

    def forward(self, labels: Tensor) -> Tensor:
        """[B] int64 -> rows [B, features]."""
        return F.embedding(labels, self.normalized())


class Norm(nn.Module):
    """Batch normalisation without gain and bias of its own."""

    mean: Tensor
    var: Tensor

    def __init__(self, features: int, eps: float, move_without_gradient: bool) -> None:
        super().__init__()
        self.eps, self.move_without_gradient = eps, move_without_gradient
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("var", torch.ones(features))

    def forward(self, x: Tensor, gain: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Normalises under one gain and bias for all rows, [C]."""
        if not self.training:
            return F.batch_norm(x, self.mean, self.var, gain, bias, False, 0.0, self.eps)
        moving = self.move_without_gradient or torch.is_grad_enabled()
        return F.batch_norm(
            x, self.mean if moving else None, self.var if moving else None, gain, bias, True, 0.1, self.eps
        )


class BatchNorm(nn.Module):
    """Batch normalisation with a gain and a bias."""

    def __init__(self, features: int, eps: float, move_without_gradient: bool) -> None:
        super().__init__()
        self.scale, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.norm = Norm(features, eps, move_without_gradient)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same."""
        return self.norm(x, self.scale, self.bias)


class ConditionalNorm(nn.Module):
    """Batch normalisation whose gain, 1 + W c, and bias, V c, come from a condition."""

    def __init__(self, features: int, condition: int, bn: tuple[float, bool], eps: float) -> None:
        super().__init__()
        self.gain = Linear(condition, features, bias=False, eps=eps)
        self.bias = Linear(condition, features, bias=False, eps=eps)
        self.norm = Norm(features, *bn)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """[B, C, H, W] under [B, D] -> [B, C, H, W]."""
        gain, bias = 1.0 + self.gain(condition), self.bias(condition)
        return torch.addcmul(bias[:, :, None, None], self.norm(x), gain[:, :, None, None])


class UpBlock(nn.Module):
    """G's residual block (figure 15 a)."""

    def __init__(self, inputs: int, outputs: int, condition: int, bn: tuple[float, bool], eps: float) -> None:
        super().__init__()
        self.norm_0 = ConditionalNorm(inputs, condition, bn, eps)
        self.norm_1 = ConditionalNorm(outputs, condition, bn, eps)
        self.conv_0 = Conv(inputs, outputs, 3, eps=eps)
        self.conv_1 = Conv(outputs, outputs, 3, eps=eps)
        self.conv_shortcut = Conv(inputs, outputs, 1, eps=eps)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, 2H, 2W]."""
        h = F.interpolate(F.relu(self.norm_0(x, condition)), scale_factor=2, mode="nearest")
        h = self.conv_1(F.relu(self.norm_1(self.conv_0(h), condition)))
        return h + self.conv_shortcut(F.interpolate(x, scale_factor=2, mode="nearest"))


class DownBlock(nn.Module):
    """D's residual block (figure 15 b); the one that sees the image has no ReLU first, and pools before its 1x1."""

    def __init__(self, inputs: int, outputs: int, *, first: bool, downsample: bool, eps: float) -> None:
        super().__init__()
        self.first, self.downsample = first, downsample
        self.conv_0 = Conv(inputs, outputs, 3, eps=eps)
        self.conv_1 = Conv(outputs, outputs, 3, eps=eps)
        self.conv_shortcut = Conv(inputs, outputs, 1, eps=eps) if downsample or inputs != outputs else None

    def _pool(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.downsample else x

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H/2, W/2] (or [B, outputs, H, W])."""
        h = self._pool(self.conv_1(F.relu(self.conv_0(x if self.first else F.relu(x)))))
        if self.conv_shortcut is None:
            return h + x
        return h + (self.conv_shortcut(self._pool(x)) if self.first else self._pool(self.conv_shortcut(x)))


class Attention(nn.Module):
    """Self-attention as SAGAN released it (arXiv:1805.08318): keys and values pooled, values of C/2, gain from 0."""

    def __init__(self, features: int, eps: float) -> None:
        super().__init__()
        self.theta = Conv(features, features // 8, 1, bias=False, eps=eps)
        self.phi = Conv(features, features // 8, 1, bias=False, eps=eps)
        self.g = Conv(features, features // 2, 1, bias=False, eps=eps)
        self.o = Conv(features // 2, features, 1, bias=False, eps=eps)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        b, c, height, width = x.shape
        theta = self.theta(x).flatten(2)
        phi, g = (F.max_pool2d(y, 2).flatten(2) for y in (self.phi(x), self.g(x)))
        weights = torch.softmax((theta.transpose(1, 2) @ phi).float(), dim=-1).to(g.dtype)
        attended = (g @ weights.transpose(1, 2)).view(b, c // 2, height, width)
        return x + self.gamma.to(x.dtype) * self.o(attended)


class Generator(nn.Module):
    """Latents and labels to images; arguments as :class:`jaxgan.networks.biggan.Generator`'s, with ``widths`` in full.

    Args:
      move_without_gradient: whether running statistics move in D's updates too.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        widths: Sequence[int],
        ch: int,
        z_dim: int,
        shared_dim: int,
        attention: Sequence[int],
        base: Sequence[int],
        image_channels: int,
        bn_eps: float,
        sn_eps: float,
        move_without_gradient: bool,
    ) -> None:
        super().__init__()
        self.base = (widths[0] * ch, *base)
        self.chunk = z_dim // len(widths)
        bn: tuple[float, bool] = (bn_eps, move_without_gradient)
        self.shared = nn.Embedding(num_classes, shared_dim)
        nn.init.normal_(self.shared.weight, std=0.02)
        self.seed = Linear(self.chunk, self.base[0] * base[0] * base[1], eps=sn_eps)
        self.attended = [4 * 2 ** (i + 1) in attention for i in range(len(widths) - 1)]
        for i, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            setattr(self, f"block_{i}", UpBlock(inputs * ch, outputs * ch, shared_dim + self.chunk, bn, sn_eps))
            if self.attended[i]:
                setattr(self, f"attention_{i}", Attention(outputs * ch, sn_eps))
        self.norm = BatchNorm(widths[-1] * ch, *bn)
        self.to_image = Conv(widths[-1] * ch, image_channels, 3, eps=sn_eps)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """z [B, z_dim], labels [B] int64 -> [B, image_channels, H, W] float32 in [-1, 1]."""
        shared = self.shared(labels)
        first, *chunks = z.split(self.chunk, dim=1)
        h = self.seed(first).view(-1, *self.base)
        # The seed is born in rows; the other layers follow the format of what they are given.
        if self.to_image.weight.is_contiguous(memory_format=torch.channels_last):
            h = h.contiguous(memory_format=torch.channels_last)
        for i, chunk in enumerate(chunks):
            h = getattr(self, f"block_{i}")(h, torch.cat([shared, chunk], dim=1))
            if self.attended[i]:
                h = getattr(self, f"attention_{i}")(h)
        return torch.tanh(self.to_image(F.relu(self.norm(h))).float())


class Discriminator(nn.Module):
    """Images and labels to logits; arguments as :class:`jaxgan.networks.biggan.Discriminator`'s, ``widths`` in full."""

    def __init__(
        self,
        *,
        num_classes: int,
        resolution: int,
        widths: Sequence[int],
        ch: int,
        attention: Sequence[int],
        image_channels: int,
        sn_eps: float,
    ) -> None:
        super().__init__()
        halvings = 2 if resolution <= 32 else len(widths) - 1
        features = [image_channels, *(w * ch for w in widths)]
        self.attended = [i < halvings and resolution // 2 ** (i + 1) in attention for i in range(len(widths))]
        for i, (inputs, outputs) in enumerate(itertools.pairwise(features)):
            block = DownBlock(inputs, outputs, first=i == 0, downsample=i < halvings, eps=sn_eps)
            setattr(self, f"block_{i}", block)
            if self.attended[i]:
                setattr(self, f"attention_{i}", Attention(outputs, sn_eps))
        self.head = Head(num_classes, features[-1], sn_eps)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """images [B, C, H, W] in [-1, 1], labels [B] int64 -> [B] float32 logits."""
        h = images
        for i, attended in enumerate(self.attended):
            h = getattr(self, f"block_{i}")(h)
            if attended:
                h = getattr(self, f"attention_{i}")(h)
        return self.head(h, labels)


class Head(nn.Module):
    """linear(h) + <embed(label), h>, h the features after ReLU, summed over positions (arXiv:1802.05637, eq. 3)."""

    def __init__(self, num_classes: int, features: int, eps: float) -> None:
        super().__init__()
        self.linear = Linear(features, 1, eps=eps)
        self.embed = Embedding((num_classes, features), eps)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """[B, C, H, W] and [B] int64 -> [B] float32 logits."""
        with torch.autocast(features.device.type, enabled=False):
            h = F.relu(features).float().sum((2, 3))
            return self.linear(h)[:, 0] + (self.embed(labels) * h).sum(1)


def networks_like(
    generator: Any, discriminator: Any, *, move_without_gradient: bool
) -> tuple[Generator, Discriminator]:
    """The networks of a recipe, given as this library's modules, in torch.

    Raises:
      ValueError: where they have no shared embedding with skip-z in BigGAN-PyTorch's order, which alone is written
        here.
    """
    from jaxgan.networks.biggan import DISCRIMINATOR_WIDTHS, GENERATOR_WIDTHS
    from jaxgan.networks.residual import widths_for

    g, d = generator, discriminator
    if type(g).__module__ != "jaxgan.networks.biggan" or not (g.shared_dim and g.skip_z and g.class_first):
        raise ValueError(
            "the torch side has jaxgan.networks.biggan with shared_dim, skip_z=True and class_first=True alone, got "
            f"{type(g).__module__} with shared_dim={g.shared_dim}, skip_z={g.skip_z}, class_first={g.class_first}"
        )
    return (
        Generator(
            num_classes=g.num_classes,
            widths=widths_for(g.resolution, GENERATOR_WIDTHS, g.widths),
            ch=g.ch,
            z_dim=g.z_dim,
            shared_dim=g.shared_dim,
            attention=g.attention,
            base=g.base,
            image_channels=g.image_channels,
            bn_eps=g.bn_eps,
            sn_eps=g.sn_eps,
            move_without_gradient=move_without_gradient,
        ),
        Discriminator(
            num_classes=d.num_classes,
            resolution=d.resolution,
            widths=widths_for(d.resolution, DISCRIMINATOR_WIDTHS, d.widths),
            ch=d.ch,
            attention=d.attention,
            image_channels=g.image_channels,
            sn_eps=d.sn_eps,
        ),
    )
