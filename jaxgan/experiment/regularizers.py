"""Regularizers by config: the sections ``regularizers``, ``augment`` and ``heads``, all off by default.

Any adversarial recipe has them: ``config.regularizers.penalties.gp``, ``config.augment.ada.pipeline``,
``config.heads.auxiliary.real``. A recipe adds its own by giving :data:`MAKERS` and one more entry.
"""

import inspect
from collections.abc import Callable, Mapping
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
from jaxgan.methods.terms.spread import spread
from jaxgan.networks.heads import ClassifierHead, CodeHead
from jaxgan.training.errors import UserError

# 'section.name' -> what makes a regularizer of the keys there, or None where they say that it is off.
Makers = Mapping[str, Callable[..., Regularizer | None]]

# In the order that they act on what D sees.
MAKERS: Makers = {
    "regularizers.penalties": gradient_penalties,
    "regularizers.consistency": consistency,
    "regularizers.lecam": lecam,
    "augment.apa": apa,
    "augment.diffaugment": diffaugment,
    "augment.ada": ada,
    "augment.instance_noise": instance_noise,
    "regularizers.feature_matching": matched_features,
    "regularizers.mode_seeking": seek_modes,
    "regularizers.historical": historical_averaging,
    "regularizers.spread": spread,
    "heads.auxiliary": auxiliary_classifier,
    "heads.information": code_posterior,
}


def regularizer_sections(makers: Makers = MAKERS) -> dict[str, dict[str, dict[str, Any]]]:
    """Section -> name -> every key with its default, which is off."""
    sections: dict[str, dict[str, dict[str, Any]]] = {}
    for path, make in makers.items():
        section, name = path.split(".")
        sections.setdefault(section, {})[name] = keywords(make)
    return sections


def latent_prior(config: ConfigDict) -> Prior:
    """Prior of the generator's latents, as ``config.prior`` says; codes take their part of ``generator.z_dim``.

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


def build_regularizers(
    config: ConfigDict, prior: Prior | None = None, makers: Makers = MAKERS
) -> tuple[Regularizer, ...]:
    """The regularizers that a config turns on, in the order of ``makers``.

    Args:
      config: with the sections of :func:`regularizer_sections`.
      prior: of the latents; None where there are none.
      makers: those that there are. A maker is called with the keys of its section, and with ``batch_size`` (real images
        of an update of D) and ``prior`` where it has arguments of these names.

    Raises:
      UserError: on a key that there is not, or one that needs classes or codes where there are none.
    """
    shared: dict[str, Any] = {"batch_size": config.data.batch_size, "prior": prior}
    own: dict[str, dict[str, Any]] = {}
    if "heads.auxiliary" in makers:
        own["heads.auxiliary"] = {"head": ClassifierHead(num_classes=config.generator.num_classes)}
    if prior is not None:
        own["heads.information"] = {"head": CodeHead(prior.categorical, prior.continuous)}
    for section, known in regularizer_sections(makers).items():
        unknown = sorted(set(config.get(section, {})) - set(known))
        if unknown:
            raise UserError(f"config.{section} has no {unknown[0]!r}; there are {', '.join(known)}")
    made = {}
    for path, make in makers.items():
        section, name = path.split(".")
        given = {key: value for key, value in shared.items() if key in inspect.signature(make).parameters}
        made[path] = call(make, path, config.get(section, {}).get(name, {}), **given, **own.get(path, {}))
    if made.get("heads.auxiliary") is not None and not config.generator.num_classes:
        raise UserError("heads.auxiliary names classes: set generator.num_classes and discriminator.num_classes")
    coded = prior is not None and (prior.categorical or prior.continuous)
    if made.get("heads.information") is not None and not coded:
        raise UserError("heads.information finds codes: set prior.categorical=(10,) or prior.continuous=2")
    return tuple(found for found in made.values() if found is not None)
