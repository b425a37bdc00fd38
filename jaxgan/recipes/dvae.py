"""dVAE, DALL-E's first stage: Zero-Shot Text-to-Image Generation (Ramesh et al. 2021, arXiv:2102.12092), section 2.1.
Code openai/DALL-E, which holds the networks and no training.

The checklist:

 1. Four groups of two blocks of 256, 512, 1,024, 2,048 channels without norms, 8,192 codes at an eighth of the side:
    53,786,240 parameters in the encoder, 43,829,766 in the decoder. Kernels begin at N(0, 1 / inputs), biases at 0.
 2. Pixels are logit-Laplace, brought to [0.1, 0.9] first; pictures that are shown are the middle of the distribution.
 3. Codes are relaxed by Gumbel-softmax, at a temperature that falls from 1 to 1/16 over 150,000 steps (a cosine), not
    hard in either pass, as an author says (openai/DALL-E, issue 1).
 4. The nats of codes from uniform ones are of the encoder's own logits (an author, issue 26); their weight rises from 0
    to 6.6 over 5,000 steps.
 5. Both are divided by the pixels' channels, so that beta weighs 1 / 192 of a code's nats at 256 pixels; a reader's
    understanding of the appendix, in the same issue.
 6. AdamW (0.9, 0.999), 1e-4 falling to 1.25e-6 over 1,200,000 steps (a cosine), decay 1e-4; averages of decay 0.999;
    batches of 512.
 7. The paper crops and resizes at random; here ``data.augment``, none by default.
 8. Samples are what comes back of held-out pictures through their likeliest codes, and scores compare the two.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.common import base_config, player_optimizer
from jaxgan.experiment.image_experiment import image_experiment
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.experiment.translation import use_fields
from jaxgan.methods.cosine_ramp import cosine_ramp
from jaxgan.methods.dvae import DVAE
from jaxgan.networks.dvae import Autoencoder
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with the paper's settings: what a config file starts from."""
    config = base_config(
        "dvae",
        ("p",),
        autoencoder=defaults(Autoencoder, exclude=("image_channels",)),
        relaxation={"first": 1.0, "last": 1 / 16, "steps": 150_000},
        beta={"last": 6.6, "steps": 5_000},
    )
    use_fields(config)
    config.data.update(name="folder:", test_split="test", test_share=0.1, image_size=(256, 256), batch_size=512)
    config.optimizer.p.update(
        kind="adamw", learning_rate=1e-4, b1=0.9, weight_decay=1e-4, schedule="cosine", decay_steps=1_200_000,
        end_factor=0.0125,
    )  # fmt: skip
    config.ema.update(decay=0.999)
    config.training.steps = 3_000_000
    config.evaluation.update(
        every_steps=0, batch_norm="running", metrics="psnr,ssim", num_images=1_000, batch_size=50, grid_classes=8
    )
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 16x16 pixels, 8 channels, 16 codes."""
    config = use_fields(smoke_data(config, (16, 16)))
    config.autoencoder.update(dict(ch=8, blocks=1, codes=16, first=8, kernel=3))
    config.evaluation.metrics = "psnr"
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    height, width = config.data.image_size
    autoencoder = construct(Autoencoder, "autoencoder", config.autoencoder, image_channels=config.data.channels)
    if height % autoencoder.multiple or width % autoencoder.multiple:
        raise UserError(
            f"the dVAE takes sides in multiples of {autoencoder.multiple}, and data.image_size is {height}x{width}"
        )
    method = DVAE(
        autoencoder=autoencoder,
        optimizers={"p": player_optimizer(config, "p")},
        temperature=cosine_ramp(config.relaxation.first, config.relaxation.last, config.relaxation.steps),
        beta=cosine_ramp(0.0, config.beta.last, config.beta.steps),
    )
    return image_experiment(config, method)
