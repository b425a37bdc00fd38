"""InfoGAN: Interpretable Representation Learning by Information Maximizing GANs (Chen et al. 2016, arXiv:1606.03657);
code openai/InfoGAN.

The checklist:

 1. The latent is noise and codes: on MNIST one categorical code of 10 and two continuous ones, uniform on [-1, 1]:
    ``prior``. Of its 74 numbers 62 are uniform noise (appendix C.1; code).
 2. A head Q on D's features finds the codes again; the bound on the mutual information (eq. 5) is in both players'
    losses, and Q is moved by D's optimiser (code): ``heads.information``, weights 1 and 1.
 3. Q's Gaussians have deviation 1 in the code's MNIST run, and a learnt one in the paper; see
    :class:`jaxgan.networks.heads.CodeHead`.
 4. Adam, 2e-4 for D and 1e-3 for G, beta1 0.5; batches of 128; batch norm in both (appendix C.1).
 5. A grid for each code is drawn with the samples, ``code_0``, ``code_1``, ...: the columns go through its values.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import smoke
from jaxgan.training.method import Experiment


def default_config(networks: str = "infogan") -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = game_config("infogan", networks)
    config.prior.update(dict(kind="uniform", categorical=(10,), continuous=2))
    config.generator.z_dim = 74
    config.method.update(dict(loss="non_saturating", joint=False))
    config.heads.information.update(dict(categorical=1.0, continuous=1.0))
    config.optimizer.g.update(dict(learning_rate=1e-3, b1=0.5))
    config.optimizer.d.update(dict(learning_rate=2e-4, b1=0.5))
    config.data.batch_size = 128
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: dense layers of 32 units."""
    return smoke(config, hidden=32)


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
