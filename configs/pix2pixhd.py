"""pix2pixHD: label maps to large photos, coarse to fine.

Paper: High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs (arXiv:1711.11585), section 3.

  pairs   Your own: pairs:DIR, pictures A|B side by side, A to B at 512x1024 in three phases of the code's epochs: the
          global generator 100 + 100, the enhancer alone 10, both 40 + 50; the default.
          --config.phases.coarse_to_fine=false --config.epochs.constant=100 --config.epochs.decay=100 for the global
          generator alone.
  camvid  Label maps to streets (CamVid, 12 classes, 256 pixels), the three phases in the same epochs. ``narrow``: 64
          pixels, 16 channels, two halvings, three blocks, 3,000 + 1,000 + 4,000 steps, EfficientNet's perceptual loss.
          ``features``: G is told three numbers of each class, which an encoder finds in the photo and sampling draws
          from ten clusters.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=pix2pixhd --workdir=runs/mine --config.data.name=pairs:DIR
        jaxgan train --config=pix2pixhd:camvid,narrow --workdir=runs/streets
Hardware: two CPU cores for ``narrow``, a GPU of 24 GB or more for 512x1024.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.translation import use_fields
from jaxgan.experiment.variants import choose
from jaxgan.recipes import pix2pixhd


def pairs() -> ConfigDict:
    config = pix2pixhd.default_config()
    config.epochs.update(dict(global_constant=100, global_decay=100, enhancer=10, constant=40, decay=50))
    return config


def camvid(narrow: bool = False, features: bool = False) -> ConfigDict:
    config = pairs()
    config.data.update(dict(name="tfds:camvid_pairs256", test_share=0.0, image_size=(256, 256)))
    use_fields(config, image="image", label_map={"key": "label_map", "kind": "map", "classes": 12})
    config.translation.update(dict(source="label_map", target="image", classes=12))
    config.segmentation.update(dict(steps=2_000, ignore=11))
    if narrow:
        config.data.image_size = (64, 64)
        config.generator.update(dict(ch=16, halvings=2, blocks=3))
        config.discriminator.update(dict(ch=32, layers=2))
        config.multi_scale.scales = 2
        config.method.adversarial_weight = 4.0
        config.perceptual.update(dict(network="efficientnet_lite0", layer_weights=None, weight=1.0))
        config.phases.update(dict(global_steps=3_000, enhancer_steps=1_000))
        config.instance_features.update(dict(ch=8, halvings=2))
        config.phases.cluster_steps = 500
        config.epochs.update(dict.fromkeys(config.epochs, 0))
        config.training.update(dict(steps=4_000, save_every=2_000, log_every=100))
    if features:
        config.instance_features.features = 3
    return config


VARIANTS = {"pairs": pairs, "camvid": camvid}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="pix2pixhd", tiny=pix2pixhd.tiny)
