"""pix2pix: an image to the image that belongs to it, from pairs.

Paper: Image-to-Image Translation with Conditional Adversarial Networks (arXiv:1611.07004), sections 3 and 4.

  pairs     Your own: pairs:DIR, pictures A|B side by side or two sub-folders of equal names, A to B at 256 pixels with
            the paper's 100 + 100 epochs; the default. --config.translation.source=image_B
            --config.translation.target=image_A for the other way, --config.data.image_size=128,128
            --config.generator.depth=7 for smaller ones.
  facades   Label maps to facades (CMP), pairs B to A, 200 epochs. Not measured: the set is not here.
  aerial    Aerial photos to maps, pairs A to B, 200 epochs; with ``reverse`` maps to photos. Not measured.
  night     Day to night, pairs A to B, 17 epochs, batches of 4. Not measured.
  camvid    Label maps to streets (CamVid of 12 classes, 256 pixels), 100 + 100 epochs; with ``reverse`` streets to the
            maps' colours. ``loss`` is the paper's ablation: l1, gan, cgan, l1_gan or l1_cgan. ``narrow``: 64 pixels, a
            U-Net of 32 channels, patches of 34 pixels, 3,000 steps of 4 for two cores.
  colour    Grey to colour, flowers at 128 pixels, not jittered; ``narrow``: 64 pixels, 32 channels, 2,500 steps of 8.
  edges     Edges, found as the pictures are read, to flowers at 128 pixels; ``narrow`` as for colour.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=pix2pix --workdir=runs/mine --config.data.name=pairs:DIR
        jaxgan train --config=pix2pix:camvid,narrow --workdir=runs/streets
        jaxgan train --config=pix2pix:colour,narrow --workdir=runs/colour
Hardware: two CPU cores for ``narrow``, one GPU for the others.
"""

from typing import Literal

from ml_collections import ConfigDict

from jaxgan.experiment.presets import JITTER, in_two_halves
from jaxgan.experiment.translation import use_fields
from jaxgan.experiment.variants import choose
from jaxgan.recipes import pix2pix

LOSSES = {"l1": (100.0, 0.0, True), "gan": (0.0, 1.0, False), "cgan": (0.0, 1.0, True)}
LOSSES |= {"l1_gan": (100.0, 1.0, False), "l1_cgan": (100.0, 1.0, True)}


def pairs(epochs: int = 200, *, batch_size: int = 1, swap: bool = False) -> ConfigDict:
    config = pix2pix.default_config()
    config.data.batch_size = batch_size
    config.epochs.update(dict(constant=epochs // 2, decay=epochs - epochs // 2))
    config.training.update(dict(save_every=1_000, log_every=50))
    if swap:
        config.translation.update(dict(source="image_B", target="image_A"))
    return config


def own() -> ConfigDict:
    return pairs()


def facades() -> ConfigDict:
    return pairs(swap=True)


def aerial(reverse: bool = False) -> ConfigDict:
    return pairs(swap=reverse)


def night() -> ConfigDict:
    return pairs(17, batch_size=4)


def narrowed(config: ConfigDict, steps: int, batch_size: int) -> ConfigDict:
    """64 pixels and 32 channels, for two cores; the rate falls to 0 over the second half."""
    config.data.update(dict(image_size=(64, 64), batch_size=batch_size))
    config.generator.update(dict(ch=32, depth=6))
    config.discriminator.update(dict(ch=32, layers=2))
    return in_two_halves(config, steps, save_every=500, log_every=100)


def camvid(
    loss: Literal["l1", "gan", "cgan", "l1_gan", "l1_cgan"] = "l1_cgan", reverse: bool = False, narrow: bool = False
) -> ConfigDict:
    config = pairs()
    config.data.update(dict(name="tfds:camvid_pairs256", test_share=0.0, test_split="test"))
    use_fields(config, image="image", label_map={"key": "label_map", "kind": "map", "classes": 12})
    if reverse:
        colours = {"op": "colours", "field": "label_map"}
        config.data.augment = (JITTER, "flip", colours)
        config.data.test_augment = (colours,)
        config.translation.update(dict(source="image", target="colours"))
    else:
        config.translation.update(dict(source="label_map", target="image", classes=12))
    l1, adversarial, conditional = LOSSES[loss]
    config.regularizers.reconstruction.weight = l1
    config.method.adversarial_weight = adversarial
    config.discriminator.conditional = conditional
    config.segmentation.update(dict(steps=2_000, ignore=11))
    return narrowed(config, 3_000, 4) if narrow else config


def of_flowers(operation: str, narrow: bool) -> ConfigDict:
    """Flowers at 128 pixels from what the operation leaves of them."""
    config = pairs(40, batch_size=4)
    config.data.update(
        dict(name="tfds:flowers5", test_share=0.0, image_size=(128, 128), augment=("flip", {"op": operation}))
    )
    config.data.test_augment = ({"op": operation},)
    use_fields(config, image="image")
    config.translation.update(dict(source=operation, target="image", channels=1))
    config.generator.depth = 7
    return narrowed(config, 2_500, 8) if narrow else config


def colour(narrow: bool = False) -> ConfigDict:
    return of_flowers("grey", narrow)


def edges(narrow: bool = False) -> ConfigDict:
    return of_flowers("edges", narrow)


VARIANTS = {
    "pairs": own,
    "facades": facades,
    "aerial": aerial,
    "night": night,
    "camvid": camvid,
    "colour": colour,
    "edges": edges,
}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="pix2pix", tiny=pix2pix.tiny)
