"""SPADE: label maps to photos, steered by norms.

Paper: Semantic Image Synthesis with Spatially-Adaptive Normalization (arXiv:1903.07291), sections 3 and 4.

  pairs   Your own: pairs:DIR with two sub-folders, photos/ and maps/ of equal names, maps of 12 ids, at 256 pixels; the
          default. --config.translation.classes=N and --config.data.fields.label_map.classes=N for another number.
  camvid  Streets (CamVid, 12 classes, 256 pixels), 100 + 100 epochs in batches of 8. ``styles`` adds the encoder, so
          that one map gives many images. ``narrow``: 64 pixels, 16 channels, five doublings, 2,500 steps of 4,
          EfficientNet's perceptual loss.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=spade --workdir=runs/mine --config.data.name=pairs:DIR
        jaxgan train --config=spade:camvid,narrow --workdir=runs/streets
Hardware: two CPU cores for ``narrow``, a GPU for batches of 4 of the others.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.translation import use_fields
from jaxgan.experiment.variants import choose
from jaxgan.recipes import spade


def pairs(styles: bool = False) -> ConfigDict:
    config = spade.default_config()
    use_fields(config, image="photos", label_map={"key": "maps", "kind": "map", "classes": 12})
    config.epochs.update(dict(constant=100, decay=100))
    return styled(config) if styles else config


def styled(config: ConfigDict) -> ConfigDict:
    config.generator.latents = "encoder"
    return config


def camvid(styles: bool = False, narrow: bool = False) -> ConfigDict:
    config = spade.default_config()
    config.data.update(dict(name="tfds:camvid_pairs256", test_share=0.0, batch_size=8))
    config.epochs.update(dict(constant=100, decay=100))
    config.segmentation.update(dict(steps=2_000, ignore=11))
    if styles:
        config = styled(config)
    return narrowed(config) if narrow else config


def narrowed(config: ConfigDict) -> ConfigDict:
    """64 pixels and 16 channels, for two cores; the rates fall to 0 over the second half."""
    config.data.update(dict(image_size=(64, 64), batch_size=4))
    config.generator.update(dict(ch=16, hidden=32, z_dim=64, encoder_ch=16, encoder_resolution=64))
    config.discriminator.update(dict(ch=32, layers=2))
    config.perceptual.update(dict(network="efficientnet_lite0", layer_weights=None, weight=1.0))
    return in_two_halves(config, 2_500, save_every=500, log_every=100)


VARIANTS = {"pairs": pairs, "camvid": camvid}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="spade", tiny=spade.tiny)
