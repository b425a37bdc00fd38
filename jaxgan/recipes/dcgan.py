"""DCGAN: Unsupervised Representation Learning with Deep Convolutional GANs (Radford et al. 2015, arXiv:1511.06434);
code Newmu/dcgan_code, soumith/dcgan.torch.

The checklist:

 1. Strided convolutions in D, fractionally strided ones in G, no pooling, no hidden dense layers.
 2. Batch norm in both, except for G's output and D's input (section 3).
 3. ReLU in G with a tanh at the end, leaky ReLU of slope 0.2 in D.
 4. Weights from N(0, 0.02); Adam 2e-4, beta1 0.5; batches of 128 (section 4).
 5. z is uniform on [-1, 1] of 100 numbers (``prior.kind``); soumith's code draws normal ones.
 6. Kernels are 5x5 in the paper's own code, 4x4 in the Torch and PyTorch ones: ``generator.kernel``.
 7. Real and fake pass D separately, each with its own batch statistics (``method.joint=False``).
 8. Interpolation and arithmetic of latents (section 6) are :mod:`jaxgan.latent.interpolation` and
    :mod:`jaxgan.latent.arithmetic`.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "dcgan") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("dcgan", networks)
    config.prior.kind = "uniform"
    config.method.update(dict(loss="non_saturating", joint=False))
    for player in ("g", "d"):
        config.optimizer[player].update(dict(learning_rate=2e-4, b1=0.5))
    config.data.batch_size = 128
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: ch 8, layers of 32 units on toys."""
    return smoke(config, ch=8, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
