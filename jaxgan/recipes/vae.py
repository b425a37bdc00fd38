"""VAE: Auto-Encoding Variational Bayes (Kingma & Welling 2013, arXiv:1312.6114). There is no official code.

The checklist:

 1. The bound is in nats, summed over pixels and latents and averaged over the batch (eq. 10), one latent an image.
 2. The encoder gives a diagonal Gaussian (appendix C.2), the prior is N(0, I). ``latents.prior``: 'mixture' is a
    mixture of ``latents.components`` Gaussians that is learnt; with 'categorical' a latent is ``latents.z_dim`` choices
    of ``latents.categories``, relaxed by Gumbel-softmax while it trains.
 3. ``likelihood``: 'bernoulli' of binarised images, 'gaussian' with a scale of its own for each pixel, as the paper's
    Frey faces, or 'discretised_logistic' of bytes (arXiv:1606.04934), whose nats are of the 256 levels. A Gaussian's
    are of a density: its bits per dimension compare with nothing.
 4. The paper has one hidden layer of 500 tanh units, Adagrad and weights of N(0, 0.01); here the default is the
    lecture's 784-400-20 with ReLU and Adam 1e-3 in batches of 100.
 5. MNIST is binarised statically: each pixel by one coin that stays (``data.test_augment`` 'binarise'), in training
    too. The paper does not say; dynamic coins are 'binarise' in ``data.augment`` of a set that is not binarised.
 6. ``beta`` weighs the KL (beta-VAE); 1 is the bound.
 7. Scores: 'elbo' and 'bits_per_dim' of held-out images, with one latent each; with ``--set samples=500`` the
    importance-weighted bound of Burda et al. (arXiv:1509.00519).
 8. ``inverse_graphics.group`` (arXiv:1503.03167): minibatches in which one factor varies, here the rotation or the
    scale at which pictures are rendered, or the picture. Number 0 of the latent learns the rotation, number 1 the
    scale. The paper has faces and chairs under light and angles, and one factor a minibatch; here each group of a
    minibatch has one.
 9. Samples are decoder means; ``--set draw=pixels`` draws the pixels.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.common import base_config, player_optimizer
from jaxgan.experiment.image_experiment import image_experiment
from jaxgan.experiment.presets import smoke_data
from jaxgan.experiment.sections import construct, defaults
from jaxgan.methods.inverse_graphics import FACTORS, InverseGraphics
from jaxgan.methods.vae import PARAMETERS, VAE
from jaxgan.methods.vae_latents import PRIORS, CategoricalLatents, MixtureLatents, NormalLatents, VaeLatents
from jaxgan.networks import vae as networks
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with the lecture's network: what a config file starts from."""
    encoder = defaults(networks.Encoder, exclude=("z_dim",))
    config = base_config(
        "vae",
        ("p",),
        latents={"z_dim": 20, "prior": "normal", "components": 10, "categories": 10, "temperature": 0.67},
        likelihood="bernoulli",
        beta=1.0,
        inverse_graphics={"group": 0, "rotation": 45.0, "octaves": 0.3, "shares": (1.0, 1.0, 10.0), "invariance": 0.01},
        encoder=encoder,
        decoder=defaults(networks.Decoder, exclude=("z_dim", "parameters")),
    )
    config.optimizer.p.update(learning_rate=1e-3, b1=0.9)
    config.data.update(name="tfds:mnist", test_split="test", image_size=(28, 28), channels=1, batch_size=100)
    config.data.test_augment = ({"op": "binarise"},)
    config.ema.update(decay=0.0)
    config.evaluation.update(
        every_steps=0,
        batch_norm="running",
        metrics="elbo,bits_per_dim",
        num_images=10_000,
        reference_split="test",
        batch_size=200,
    )
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 8x8 pixels, layers of 16 units or channels, 4 latents."""
    config = smoke_data(config, (8, 8))
    config.latents.z_dim = 4
    config.inverse_graphics.group = 4 if config.inverse_graphics.group else 0
    for section in (config.encoder, config.decoder):
        section.hidden = (16,) * len(section.hidden)
        section.channels = (16,) * len(section.channels)
    config.evaluation.metrics = "elbo"
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    if config.likelihood not in PARAMETERS:
        raise UserError(f"config.likelihood={config.likelihood!r}; choose from {', '.join(PARAMETERS)}")
    shape, latents = (*config.data.image_size, config.data.channels), latents_of(config)
    method = VAE(
        encoder=construct(networks.Encoder, "encoder", config.encoder, z_dim=latents.numbers),
        decoder=construct(
            networks.Decoder,
            "decoder",
            config.decoder,
            image_shape=shape,
            z_dim=latents.size,
            parameters=PARAMETERS[config.likelihood],
        ),
        optimizers={"p": player_optimizer(config, "p")},
        latents=latents,
        likelihood=config.likelihood,
        beta=config.beta,
        inverse_graphics=factors_of(config),
    )
    return image_experiment(config, method, as_tested=True)


def factors_of(config: ConfigDict) -> InverseGraphics | None:
    """Batches in which one factor varies; None where ``config.inverse_graphics.group`` is 0.

    Raises:
      UserError: where there are no numbers for the factors, or groups do not divide the batch.
    """
    given = config.inverse_graphics
    if not given.group:
        return None
    if config.latents.prior == "categorical" or config.latents.z_dim < len(FACTORS):
        raise UserError(
            f"config.inverse_graphics.group={given.group} gives numbers of the latent to {', '.join(FACTORS)}, but "
            f"config.latents is {config.latents.prior!r} of {config.latents.z_dim}: give 'normal' of 3 or more"
        )
    if config.data.batch_size % given.group:
        raise UserError(
            f"config.inverse_graphics.group={given.group} must divide config.data.batch_size={config.data.batch_size}"
        )
    return InverseGraphics(**given.to_dict() | {"shares": tuple(given.shares)})


def latents_of(config: ConfigDict) -> VaeLatents:
    """The prior and the posterior that ``config.latents`` names.

    Raises:
      UserError: on another prior.
    """
    given = config.latents
    if given.prior == "normal":
        return NormalLatents(given.z_dim)
    if given.prior == "mixture":
        return MixtureLatents(given.z_dim, given.components)
    if given.prior == "categorical":
        return CategoricalLatents(given.z_dim, given.categories, given.temperature)
    raise UserError(f"config.latents.prior={given.prior!r}; choose from {', '.join(PRIORS)}")
