"""The styles of generators that have them, truncation of w, and noise, as sampling sees them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from jaxgan.methods.drawing import Styles
from jaxgan.methods.gan import GAN
from jaxgan.networks.styles import NOISES
from jaxgan.training.method import Option

OPTIONS = {
    "psi": Option(1.0, low=0.0),
    # Layers that are truncated; 0 for all.
    "cutoff": Option(0, low=0),
    "noise": Option("random", choices=NOISES),
}


def styled(game: GAN) -> GAN:
    """``game``, of a generator that takes ``psi``, ``cutoff`` and ``noise``, with its styles, and these as options of
    sampling.
    """
    generator: Any = game.generator
    layers = generator.num_ws

    def inputs(options: Mapping[str, Any]) -> dict[str, Any]:
        cutoff = jnp.where(jnp.equal(options["cutoff"], 0), layers, options["cutoff"])
        return {"psi": jnp.asarray(options["psi"], jnp.float32), "cutoff": cutoff, "noise": options["noise"]}

    styles = Styles((layers, generator.w_dim), ("psi", "cutoff"))
    return dataclasses.replace(game, draws_in_sample=True, options=OPTIONS, inputs_of_options=inputs, styles=styles)
