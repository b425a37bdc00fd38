"""BigGAN's training step and sampler in PyTorch, in the forms that ours are timed against."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_biggan import Discriminator, Generator, Spectral, networks_like

from jaxgan.experiment.regularizers import build_regularizers, latent_prior
from jaxgan.training.errors import UserError

# Name -> (memory format, compiled by torch.compile in its default mode).
FORMS: dict[str, tuple[torch.memory_format, bool]] = {
    "eager": (torch.contiguous_format, False),
    "channels_last": (torch.channels_last, False),
    "compile": (torch.contiguous_format, True),
    "compile_channels_last": (torch.channels_last, True),
}


@dataclasses.dataclass
class TorchRun:
    """Networks, optimisers and average of one form, and how they are moved.

    Attributes:
      method: this library's :class:`jaxgan.methods.gan.GAN`, whose numbers are followed.
      ema_decay: of G's average.
      adam: for each player, the keyword arguments of ``torch.optim.Adam``.
      form: a key of ``FORMS``.
      bfloat16: run the networks under autocast; parameters stay float32, as on our side.
      device: of torch.
    """

    method: Any
    ema_decay: float
    adam: dict[str, dict[str, Any]]
    form: str
    bfloat16: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"unknown form {self.form!r}; choose from {', '.join(FORMS)}")
        self.layout, compiled = FORMS[self.form]
        nets = networks_like(
            self.method.generator,
            self.method.discriminator,
            move_without_gradient=self.method.g_stats_in_d,
        )
        self.g: Generator = nets[0].to(self.device, memory_format=self.layout)
        self.d: Discriminator = nets[1].to(self.device, memory_format=self.layout)
        self.average = copy.deepcopy(self.g)
        self.run_g, self.run_d = (torch.compile(self.g), torch.compile(self.d)) if compiled else (self.g, self.d)
        self.optimizers = {
            name: torch.optim.Adam(net.parameters(), fused=True, **self.adam[name])
            for name, net in (("g", self.g), ("d", self.d))
        }
        self.averages = [t for t in self.average.state_dict().values() if t.is_floating_point()]

    def _autocast(self) -> torch.autocast:
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.bfloat16)

    def _draw(self, size: int) -> tuple[Tensor, Tensor]:
        z = torch.randn(size, self.method.z_dim, device=self.device)
        return z, torch.randint(self.method.num_classes, (size,), device=self.device)

    def _only(self, player: str) -> None:
        """No gradient is computed for the weights of a network that is not moved."""
        self.g.requires_grad_(player == "g")
        self.d.requires_grad_(player == "d")

    def place(self, batch: dict[str, np.ndarray]) -> tuple[Tensor, Tensor]:
        """A batch of ours, uint8 [N, H, W, C] and int32 [N], on the device, in the form's layout."""
        images = torch.from_numpy(batch["image"]).to(self.device).permute(0, 3, 1, 2)
        return images.contiguous(memory_format=self.layout), torch.from_numpy(batch["label"]).to(self.device).long()

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """``d_steps`` updates of D on parts of uint8 [d_steps * B, C, H, W], one of G, the average; gives G's loss."""
        steps = self.method.d_steps
        self._only("d")
        for part, part_labels in zip(images.chunk(steps), labels.chunk(steps)):
            real = part.float() / 127.5 - 1.0
            z, fake_labels = self._draw(len(real))
            with self._autocast():
                with torch.no_grad():
                    fakes = self.run_g(z, fake_labels)
                logits = self.run_d(torch.cat([real, fakes]), torch.cat([part_labels, fake_labels]))
            real_logits, fake_logits = logits.chunk(2)
            loss = F.relu(1.0 - real_logits).mean() + F.relu(1.0 + fake_logits).mean()
            self._move("d", loss)
        self._only("g")
        z, labels = self._draw(len(images) // steps)
        with self._autocast():
            logits = self.run_d(self.run_g(z, labels), labels)
        loss = -logits.mean()
        self._move("g", loss)
        with torch.no_grad():
            now = [t for t in self.g.state_dict().values() if t.is_floating_point()]
            torch._foreach_lerp_(self.averages, now, 1.0 - self.ema_decay)
        return loss.detach()

    def _move(self, player: str, loss: Tensor) -> None:
        loss.backward()
        self.optimizers[player].step()
        self.optimizers[player].zero_grad(set_to_none=True)

    def sampler(self) -> Callable[[Tensor, Tensor], Tensor]:
        """(z, labels) -> uint8 images, by G in evaluation, its spectral norms folded into its weights once and for all.

        The networks cannot be trained afterwards.
        """
        self.g.eval()
        for module in self.g.modules():
            if isinstance(module, Spectral):
                module.fold()
        if self.bfloat16:
            self.g.to(torch.bfloat16)

        def draw(z: Tensor, labels: Tensor) -> Tensor:
            with torch.inference_mode():
                z = z.to(torch.bfloat16) if self.bfloat16 else z
                images = self.run_g(z, labels)
                return ((images + 1.0) * 127.5).round_().clamp_(0, 255).to(torch.uint8)

        return draw


def check_step(config: Any) -> None:
    """Raises UserError where a config's step has what the torch side's has not."""
    method = config.method
    if config.orthogonal.weight or method.loss != "hinge" or build_regularizers(config, latent_prior(config)):
        raise UserError(
            f"the torch side's step has the hinge loss and no penalties; the config has loss={method.loss}, "
            f"orthogonal.weight={config.orthogonal.weight}, regularizers={config.regularizers.to_dict()}: set "
            "--config.method.loss=hinge --config.orthogonal.weight=0 and every regularizer to its default"
        )


def run_like(config: Any, method: Any, form: str, *, device: str) -> TorchRun:
    """The run of a config in torch: its batch-independent numbers, in the dtype of its generator.

    Args:
      config: an experiment's.
      method: built from it.
      form: a key of ``FORMS``.
      device: of torch.
    """
    adam = {}
    for player in ("g", "d"):
        numbers = config.optimizer[player]
        adam[player] = dict(lr=numbers.learning_rate, betas=(numbers.b1, numbers.b2), eps=numbers.eps)
    bfloat16 = str(config.generator.dtype) == "bfloat16"
    return TorchRun(method, config.ema.decay, adam, form, bfloat16=bfloat16, device=device)


def synchronize(device: str) -> None:
    """Waits for the device."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
