"""CycleGAN: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks (Zhu et al. 2017,
arXiv:1703.10593); code junyanz/CycleGAN (Lua), junyanz/pytorch-CycleGAN-and-pix2pix (PyTorch, whose models its authors
retrained).

The checklist:

 1. G of 9 residual blocks from 256 pixels on, 6 at 128 (appendix 7.2): ``generator.blocks``; reflection padding,
    instance norm without gain and bias, no ReLU after the sums, no dropout.
 2. D judges patches of 70 pixels, in instance norm, and sees the image alone.
 3. Least squares, targets 1 and 0, halved in D alone, as the code: ``method.adversarial`` is 2, of a loss with 1/2.
    Lua's code had 0.9 for a while.
 4. 10 times the L1 cycle of either domain; half of that for the identity term, on generators fed their target domain.
    The code has it for all tasks, the paper for paintings to photos alone: ``method.identity=0``.
 5. Both generators in one update, then both discriminators (PyTorch). Lua moves G_A, D_A, G_B, D_B, one after another.
 6. D is shown fakes from a pool of 50 a domain. Each row of the batch has a column of its own, so that a batch of one
    has the code's pool: ``pool.size``.
 7. Adam 2e-4, beta1 0.5, batches of 1, larger ones being worse. The paper's 100 epochs at the full rate and 100 to 0,
    an epoch being the larger set's length, are ``epochs.constant`` and ``epochs.decay``: 0 here, where steps count, and
    set by the configs. The code's last epoch keeps 1/101 of the rate.
 8. Pictures are enlarged by 286 / 256, cropped and mirrored, each domain by itself. The code pairs every image of A
    with one of B at random; here each domain has a shuffled order of its own.
 9. Weights from N(0, 0.02), biases 0.
10. No averages of weights: ``ema.decay=0``.
"""

import functools
from typing import Any

import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgan.data import Field, Source
from jaxgan.experiment.common import base_config, data_stage, is_averaged, partition_rules, player_optimizer
from jaxgan.experiment.open_split import open_unpaired
from jaxgan.experiment.presets import JITTER, translated_digits
from jaxgan.experiment.sections import call, construct, defaults, keywords
from jaxgan.experiment.translation import network_of
from jaxgan.experiment.unpaired import unpaired_evaluators
from jaxgan.methods.cyclegan import CycleGAN
from jaxgan.methods.terms.image_pool import image_pool
from jaxgan.networks import johnson, patchgan
from jaxgan.objectives import adversarial_loss
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = base_config(
        "cyclegan",
        ("g", "d"),
        domains={"A": None, "B": None},
        unpaired={"metrics": ""},
        epochs={"constant": 0, "decay": 0},
        generator=defaults(johnson.Generator, exclude=("to_image", "image_channels")),
        discriminator=defaults(patchgan.Discriminator, exclude=("conditional",)),
        method={"loss": "least_squares", **defaults(CycleGAN, exclude=("pool",))},
        pool=keywords(image_pool),
    )
    config.method.adversarial = 2.0
    config.pool.size = 50
    config.discriminator.norm = "instance"
    config.data.update(
        name="domains:", test_split="test", image_size=(256, 256), batch_size=1, augment=(JITTER, "flip")
    )
    config.evaluation.update(batch_norm="running", batch_size=8, grid_classes=6, num_images=500)
    config.ema.update(decay=0.0)
    for player in ("g", "d"):
        config.optimizer[player].update(learning_rate=2e-4, b1=0.5)
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 16x16, threes to eights and back, one block of 4 channels."""
    config = translated_digits(config)
    config.data.update(dict(augment=("flip",), test_augment=()))
    config.domains.update(dict(A="3", B="8"))
    config.generator.update(dict(ch=4, blocks=1))
    config.discriminator.update(dict(ch=4, layers=1))
    config.pool.size = 2
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    settings = dict(config.method)
    method = construct(
        CycleGAN,
        "method",
        settings,
        loss=adversarial_loss(settings.pop("loss")),
        generator=network_of(johnson.Generator, "generator", config, image_channels=config.data.channels),
        discriminator=network_of(patchgan.Discriminator, "discriminator", config, conditional=False),
        optimizers={player: player_optimizer(config, player) for player in ("g", "d")},
        pool=call(image_pool, "pool", config.pool),
    )

    @functools.cache
    def domains(split: str) -> dict[str, Source]:
        return open_unpaired(config, split)

    def evaluators(mesh: Mesh) -> Any:
        return unpaired_evaluators(method, config, domains, mesh=mesh, ema=is_averaged(config, method))

    picture = Field((*config.data.image_size, config.data.channels), np.uint8, "image")
    stage = data_stage(
        config,
        method,
        fields={"image_A": picture, "image_B": picture},
        open_dataset=lambda: domains(config.data.split),
        evaluators=evaluators,
    )
    return Experiment(stages=(stage,), rules=partition_rules(config))
