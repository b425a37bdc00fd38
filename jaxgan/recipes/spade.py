"""SPADE: Semantic Image Synthesis with Spatially-Adaptive Normalization (Park et al. 2019, arXiv:1903.07291), whose
demo is GauGAN; code NVlabs/SPADE.

The checklist:

 1. Norms without gain and bias, whose gain 1 + gamma and bias at each pixel are convolutions of the one-hot map, 128
    channels wide (section 3). Their statistics are those of the whole batch, over all devices.
 2. Spectral norm of G's blocks' convolutions and of D's middle ones; not of those in the norms, the first and the last.
 3. ``generator.size``: 'normal' has five doublings (256 pixels from 8x8), 'more' six, 'most' seven.
 4. G's first layer sees the map. With ``generator.latents='encoder'`` it sees a style instead: in training the one that
    an encoder finds in the image, under a KL of 0.05 from N(0, I); in sampling one drawn, or that of ``--style=IMAGE``.
    The code's tests encode the true image; 'normal' draws styles in training too. Either draws images of the trained
    size alone, as the code's does.
 5. The code sums the KL over a device's examples, 4 of its 32: ``style_kl.examples``.
 6. D judges patches at two scales, padded by 2, told the map, in instance norm; real and fake pass it in one batch.
 7. Hinge, a mean over scales; 10 times feature matching (L1, summed over layers, mean over scales); 10 times VGG19's
    perceptual loss on images in [-1, 1], without ImageNet's mean and deviation, weighted 1/32, 1/16, 1/8, 1/4, 1.
    ``perceptual.network='efficientnet_lite0'`` needs no download.
 8. Adam, b1 0, b2 0.9, 1e-4 for G and 4e-4 for D, which the code calls TTUR of 2e-4; batches of 32. The paper's
    schedule is 100 epochs and 100 of decay on Cityscapes and ADE20K, the code's default 50 without:
    ``epochs.constant`` and ``epochs.decay``, 0 here, where steps count, and set by the configs.
 9. G moves first in the code, then D on a second forward pass of G; here D first. G's running statistics move in both,
    as there (``GAN.g_stats_in_d``).
10. Xavier's normal weights with a gain of 0.02, biases 0.
11. Running statistics in sampling, as the code's tests; ``evaluation.batch_norm='standing'`` for standing ones.
12. Pictures are enlarged by 286 / 256, cropped and mirrored, maps by nearest neighbour; Cityscapes is not.
13. A plane of instance edges joins the map where ``translation.instances`` names their field. The code gives pixels
    without a label a class of their own: ``translation.classes`` counts it.
"""

import functools
from typing import Any

from jax import Array
from ml_collections import ConfigDict

from jaxgan.experiment.presets import JITTER, translated_digits
from jaxgan.experiment.sections import call, keywords
from jaxgan.experiment.translation import (
    batch_fields,
    build_experiment,
    build_game,
    condition_of,
    data_latents,
    network_of,
    translation_stage,
    use_fields,
)
from jaxgan.experiment.translation import default_config as translation_config
from jaxgan.methods.inputs import STYLE, styled_condition
from jaxgan.methods.terms.style_kl import style_kl
from jaxgan.networks import patchgan, spade
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment
from jaxgan.training.update import apply


def default_config() -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = translation_config("spade", spade.Generator, exclude=("image_size",))
    with config.unlocked():
        config.style_kl = ConfigDict(keywords(style_kl), type_safe=False)
    config.translation.update(dict(source="label_map", target="image", classes=12))
    use_fields(config, image="image", label_map={"key": "label_map", "kind": "map", "classes": 12})
    config.style_kl.weight = 0.05
    config.discriminator.update(dict(norm="instance", padding=2, spectral_norm=True, weight_init="xavier_02"))
    config.multi_scale.scales = 2
    config.method.update(dict(loss="hinge", joint=True))
    config.regularizers.layer_matching.weight = 10.0
    config.perceptual.update(dict(weight=10.0, normalized=False, layer_weights=(1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)))
    config.optimizer.g.update(learning_rate=1e-4, b1=0.0, b2=0.9)
    config.optimizer.d.update(learning_rate=4e-4, b1=0.0, b2=0.9)
    config.data.update(dict(batch_size=32, augment=(JITTER, "flip")))
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 32x32 from levels of their brightness, ch 2, and a style that is drawn: five doublings
    begin at the corner pixel of the map, which is the same in all digits, and norms of equal rows blow rounding up.
    """
    config = translated_digits(config, side=32, levels=3)
    if config.generator.latents == "none":
        config.generator.latents = "normal"
    config.generator.update(dict(ch=2, size="normal", hidden=4, z_dim=4, encoder_ch=2, encoder_resolution=32))
    config.discriminator.update(dict(ch=4, layers=1))
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    given = config.translation
    if not given.classes:
        raise UserError("spade draws from label maps: set translation.classes to how many classes they have")
    size = batch_fields(config)[given.source].size
    generator = network_of(spade.Generator, "generator", config, image_channels=config.data.channels, image_size=size)
    encodes = generator.latents == "encoder"

    label_map = condition_of(config)

    def mapped(batch: dict[str, Any]) -> dict[str, Array]:
        return {"map": label_map(batch)}

    condition = functools.partial(styled_condition, condition=label_map, target=given.target) if encodes else mapped
    z_dim = 0 if generator.latents == "none" else generator.z_dim

    def encode(variables: Any, condition: Any) -> Any:
        return apply(generator, variables, condition["style"], train=True, method="encode")[0]

    kl = call(style_kl, "style_kl", config.style_kl, encode=encode) if encodes else None
    game = build_game(
        config,
        generator,
        network_of(patchgan.Discriminator, "discriminator", config),
        latents=data_latents(config, z_dim=z_dim, condition=condition),
        more=(kl,),
        optional_conditions=(STYLE,) if encodes else (),
    )
    return build_experiment(config, [translation_stage(config, game)])
