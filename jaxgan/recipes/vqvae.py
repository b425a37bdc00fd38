"""VQ-VAE: Neural Discrete Representation Learning (van den Oord et al. 2017, arXiv:1711.00937), and the autoencoder of
VQ-VAE-2: Generating Diverse High-Fidelity Images with VQ-VAE-2 (Razavi et al. 2019, arXiv:1906.00446). Codes
google-deepmind/sonnet (quantiser), rosinality/vq-vae-2-pytorch (network, the port that most users know).

The checklist:

 1. Codes at a quarter of the resolution, and at half of that for each further level: ``autoencoder.levels`` of 1
    (VQ-VAE), 2 (VQ-VAE-2 at 256 pixels: 64x64 and 32x32) or 3. The top level is decoded and joined to the features
    below before these are quantised (section 3.1).
 2. 128 channels, two residual blocks of 32, codebooks of 512 codes of 64 numbers: rosinality's, 1,388,867 parameters at
    two levels. The paper of VQ-VAE-2 has blocks of 64, the first one 256 channels and blocks of 256.
 3. Codebooks are moving averages of decay 0.99 without bias to 0, counts smoothed with 1e-5, moved after the batch is
    quantised by the codes before: Sonnet's. rosinality's have the bias, which blows unused codes up early.
    ``autoencoder.update='gradient'`` is the first paper's loss.
 4. The commitment weighs 0.25 on means over all numbers, summed over levels.
 5. The error is the mean square in [-1, 1] (rosinality); Sonnet's example divides it by the data's variance:
    ``variance``.
 6. Adam 3e-4 in batches of 128 (rosinality); the first paper has 2e-4.
 7. No codes are restarted: ``autoencoder.restart`` is the average count below which one is.
 8. Samples are what comes back of held-out pictures, and scores compare the two. Priors over codes are not here.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.common import base_config, player_optimizer
from jaxgan.experiment.image_experiment import image_experiment
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.methods.vqvae import VQVAE
from jaxgan.networks.vqvae import Autoencoder
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with rosinality's network: what a config file starts from."""
    config = base_config("vqvae", ("p",), autoencoder=defaults(Autoencoder, exclude=("image_channels",)), variance=1.0)
    config.optimizer.p.update(learning_rate=3e-4, b1=0.9)
    config.data.update(name="folder:", test_split="test", test_share=0.1, image_size=(256, 256), batch_size=128)
    config.ema.update(decay=0.0)
    config.evaluation.update(
        every_steps=0, batch_norm="running", metrics="psnr,ssim", num_images=1_000, batch_size=50, grid_classes=8
    )
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 16x16 pixels, 16 channels, codebooks of 16 codes of 4 numbers."""
    config = smoke_data(config, (16, 16))
    config.autoencoder.update(dict(ch=16, blocks=1, hidden=4, codes=16, dim=4))
    config.evaluation.metrics = "psnr"
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    shape = (*config.data.image_size, config.data.channels)
    autoencoder = construct(Autoencoder, "autoencoder", config.autoencoder, image_channels=config.data.channels)
    if shape[0] % autoencoder.multiple or shape[1] % autoencoder.multiple:
        raise UserError(
            f"autoencoder.levels={config.autoencoder.levels} take sides in multiples of {autoencoder.multiple}, and "
            f"data.image_size is {shape[0]}x{shape[1]}"
        )
    method = VQVAE(autoencoder=autoencoder, optimizers={"p": player_optimizer(config, "p")}, variance=config.variance)
    return image_experiment(config, method)
