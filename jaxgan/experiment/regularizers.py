"""Every regularizer by config: ``config.regularizers.<name>.<key>``, off by default, for any adversarial recipe."""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from jaxgan.experiment.sections import call, keywords
from jaxgan.latent import Prior
from jaxgan.methods.regularizer import Regularizer
from jaxgan.methods.terms.adaptive import ada, apa
from jaxgan.methods.terms.auxiliary_classifier import auxiliary_classifier
from jaxgan.methods.terms.code_posterior import code_posterior
from jaxgan.methods.terms.consistency import consistency
from jaxgan.methods.terms.diffaugment import diffaugment
from jaxgan.methods.terms.feature_matching import matched_features
from jaxgan.methods.terms.gradient_penalties import gradient_penalties
from jaxgan.methods.terms.historical_averaging import historical_averaging
from jaxgan.methods.terms.instance_noise import instance_noise
from jaxgan.methods.terms.lecam import lecam
from jaxgan.methods.terms.mode_seeking import seek_modes
from jaxgan.networks.heads import ClassifierHead, CodeHead
from jaxgan.training.errors import UserError

# In the order that they act on what D sees.
_MAKERS: dict[str, Callable[..., Regularizer | None]] = {
    "penalties": gradient_penalties,
    "consistency": consistency,
    "lecam": lecam,
    "apa": apa,
    "diffaugment": diffaugment,
    "ada": ada,
    "instance_noise": instance_noise,
    "feature_matching": matched_features,
    "mode_seeking": seek_modes,
    "historical": historical_averaging,
    "auxiliary": auxiliary_classifier,
    "information": code_posterior,
}


def regularizer_sections() -> dict[str, dict[str, Any]]:
    """Every regularizer with every key and its default: off."""
    return {name: keywords(make) for name, make in _MAKERS.items()}


def latent_prior(config: ConfigDict) -> Prior:
    """What the generator's latents are, as ``config.prior`` says; codes take their part of ``generator.z_dim``.

    Raises:
      UserError: where the codes leave no room, or the kind is unknown.
    """
    section = config.prior
    categorical = tuple(section.categorical)
    noise = config.generator.z_dim - sum(categorical) - section.continuous
    if noise < 0:
        raise UserError(
            f"prior.categorical={categorical} and prior.continuous={section.continuous} take "
            f"{sum(categorical) + section.continuous} columns, generator.z_dim={config.generator.z_dim} has fewer"
        )
    return Prior(noise, section.kind, categorical, section.continuous)


def build_regularizers(config: ConfigDict, prior: Prior) -> tuple[Regularizer, ...]:
    """Those that ``config.regularizers`` turns on.

    Raises:
      UserError: on a key that there is not, or one that needs classes or codes where there are none.
    """
    sections = config.regularizers
    given: dict[str, dict[str, Any]] = {
        "ada": {"batch_size": config.data.batch_size},
        "apa": {"batch_size": config.data.batch_size},
        "mode_seeking": {"prior": prior},
        "auxiliary": {"head": ClassifierHead(num_classes=config.generator.num_classes)},
        "information": {"head": CodeHead(prior.categorical, prior.continuous), "prior": prior},
    }
    unknown = sorted(set(sections) - set(_MAKERS))
    if unknown:
        raise UserError(f"config.regularizers has no {unknown[0]!r}; there are {', '.join(_MAKERS)}")
    made = {
        name: call(make, f"regularizers.{name}", sections.get(name, {}), **given.get(name, {}))
        for name, make in _MAKERS.items()
    }
    if made["auxiliary"] is not None and not config.generator.num_classes:
        raise UserError("regularizers.auxiliary names classes: set generator.num_classes and discriminator.num_classes")
    if made["information"] is not None and not (prior.categorical or prior.continuous):
        raise UserError("regularizers.information finds codes: set prior.categorical=(10,) or prior.continuous=2")
    return tuple(s for s in made.values() if s is not None)
