"""VQGAN: Taming Transformers for High-Resolution Image Synthesis (Esser et al. 2021, arXiv:2012.09841), its first
stage. Code CompVis/taming-transformers.

The checklist:

 1. Encoder and decoder of denoising-diffusion blocks: 128 channels times 1, 1, 2, 2, 4, two blocks a level (three in
    the decoder), attention at 1/16 and in the middle, group norms of 32, swish: 72,141,699 parameters with 1,024 codes
    of 256 numbers.
 2. Codes by gradient, drawn first from [-1 / K, 1 / K]. The code's quantiser has a known slip, kept for its published
    weights: 0.25 weighs the codes' own loss, the commitment weighs 1. ``autoencoder.codebook=1 commitment=0.25`` is the
    paper's.
 3. L1 + LPIPS of VGG16, means. ``perceptual.network='pd_efficientnet_lite0'`` needs no download, and is another
    distance.
 4. Patches of 70 pixels with batch norms, 2,765,633 parameters; hinge, halved for D.
 5. The adversarial loss weighs 0.8 times lambda: the length of the gradient of L1 + LPIPS on the last layer's kernel
    over that of the adversarial loss, at most 10,000; as numbers, not differentiated (eq. 7; the equation has delta =
    1e-6, the code 1e-4).
 6. D and its part of the loss start at ``method.start_step``: 250,001 (ImageNet), 30,001 (faces). Before it D's
    gradient is 0, and its optimiser counts.
 7. Adam (0.5, 0.9) for both players, 4.5e-6 times the images of a step, 12 here; no average of the
    weights.
 8. D is shown what the moved autoencoder gives back, as the code computes it again for D.
 9. ``autoencoder.gumbel`` draws codes of a distribution, one-hot, whose temperature falls by a half cosine (section
    ``gumbel``), as the code's f8 model; in evaluation the likeliest, where the code draws there too.
10. Samples are what comes back of held-out pictures, and scores compare the two. The transformer over its codes is a
    second run.
"""

from typing import Any

from ml_collections import ConfigDict

from jaxgan.experiment.common import base_config, player_optimizer
from jaxgan.experiment.image_experiment import image_experiment
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.experiment.translation import use_fields
from jaxgan.interop.perceptual import open_perceptual
from jaxgan.methods.cosine_ramp import cosine_ramp
from jaxgan.methods.terms.perceptual import PERCEPTUAL
from jaxgan.methods.vqgan import VQGAN
from jaxgan.networks import patchgan
from jaxgan.networks.vqgan import Autoencoder
from jaxgan.objectives import adversarial_loss
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment

RATE_AN_IMAGE = 4.5e-6


def default_config() -> ConfigDict:
    """Every key, with the code's ImageNet settings for one device: what a config file starts from."""
    config = base_config(
        "vqgan",
        ("p", "d"),
        autoencoder=defaults(Autoencoder, exclude=("image_channels",)),
        discriminator=defaults(patchgan.Discriminator, exclude=("conditional",)),
        method={"loss": "hinge", "adversarial_weight": 0.8, "adaptive": True, "start_step": 250_001},
        gumbel={"first": 1.0, "last": 1 / 16, "steps": 150_000},
        perceptual={"weight": 1.0, "network": "lpips_vgg", "weights": None},
    )
    use_fields(config)
    config.data.update(
        name="folder:", test_split="test", test_share=0.1, image_size=(256, 256), batch_size=12, flip=True
    )
    for player in ("p", "d"):
        config.optimizer[player].update(learning_rate=RATE_AN_IMAGE * config.data.batch_size, b1=0.5, b2=0.9)
    config.ema.update(decay=0.0)
    config.training.steps = 1_000_000
    config.evaluation.update(
        every_steps=0, batch_norm="running", metrics="psnr,ssim", num_images=1_000, batch_size=20, grid_classes=8
    )
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 16x16 pixels, three levels, 16 codes of 4 numbers, D from the second step."""
    config = use_fields(smoke_data(config, (16, 16)))
    config.autoencoder.update(
        dict(ch=8, widths=(1, 2, 2), blocks=1, attention=(4,), z_dim=8, codes=16, dim=4, groups=4)
    )
    config.discriminator.update(dict(ch=4, layers=1))
    config.method.start_step = 1
    config.perceptual.weight = 0.0
    config.evaluation.metrics = "psnr"
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, sides that are no multiples, or weights that are not there.
    """
    height, width = config.data.image_size
    autoencoder = construct(Autoencoder, "autoencoder", config.autoencoder, image_channels=config.data.channels)
    if height % autoencoder.multiple or width % autoencoder.multiple:
        raise UserError(
            f"autoencoder.widths={tuple(config.autoencoder.widths)} take sides in multiples of {autoencoder.multiple}, "
            f"and data.image_size is {height}x{width}"
        )
    seen: Any = None
    if config.perceptual.weight:
        seen = open_perceptual(config.perceptual.network, weights=config.perceptual.weights)
    method = VQGAN(
        autoencoder=autoencoder,
        discriminator=construct(patchgan.Discriminator, "discriminator", config.discriminator, conditional=False),
        optimizers={player: player_optimizer(config, player) for player in ("p", "d")},
        loss=adversarial_loss(config.method.loss),
        distance=None if seen is None else seen.apply,
        perceptual_weight=config.perceptual.weight,
        weight=config.method.adversarial_weight,
        adaptive=config.method.adaptive,
        start_step=config.method.start_step,
        temperature=cosine_ramp(**config.gumbel) if autoencoder.gumbel else None,
    )
    experiment = image_experiment(config, method)
    return experiment if seen is None else experiment._replace(frozen=lambda: {PERCEPTUAL: seen.variables})
