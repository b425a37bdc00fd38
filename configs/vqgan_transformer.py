"""VQGAN's transformer: the second run, which learns to draw the codes of a run of vqgan, one by one.

Paper: Taming Transformers for High-Resolution Image Synthesis (arXiv:2012.09841), section 3.2.

  folder   Codes of a run of vqgan on your own pictures; the default. Give it the first run's --config.data.name.
  flowers  Codes of a run of vqgan:flowers, by class, 6 layers of 192, 10,000 steps of 32. Not measured.
  camvid   Street scenes of 64 pixels from their label maps, codes of a run of vqgan:camvid. Not measured.

Add ``,smoke`` for seconds.

Launch: jaxgan train --config=vqgan:flowers --workdir=runs/codes
        jaxgan train --config=vqgan_transformer:flowers --workdir=runs/draws --config.first.run=runs/codes
Hardware: two CPU cores for flowers and camvid, a GPU for 256 pixels.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.experiment.translation import use_fields
from jaxgan.experiment.variants import choose
from jaxgan.recipes import vqgan_transformer


def folder() -> ConfigDict:
    return vqgan_transformer.default_config()


def _narrow(name: str) -> ConfigDict:
    config = in_two_halves(vqgan_transformer.default_config(), 10_000, save_every=1_000, log_every=100)
    config.data.update(dict(name=name, test_share=0.0, image_size=(64, 64), batch_size=32))
    config.network.update(dict(layers=6, heads=6, dim=192, dropout=0.1))
    config.optimizer.p.learning_rate = 5e-4
    config.evaluation.update(dict(features="efficientnet_lite0", num_images=1_000))
    return config


def flowers() -> ConfigDict:
    config = _narrow("tfds:flowers5")
    config.prefix.update(dict(kind="class", classes=5))
    return config


def camvid() -> ConfigDict:
    config = _narrow("tfds:camvid_pairs256")
    config.data.batch_size = 16
    config.prefix.update(dict(kind="map", classes=12))
    use_fields(config, image="image", label_map={"key": "label_map", "kind": "map", "classes": 12})
    config.evaluation.update(dict(metrics="perplexity"))
    config.segmentation.update(dict(steps=2_000, ignore=11))
    return config


VARIANTS = {"folder": folder, "flowers": flowers, "camvid": camvid}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="vqgan_transformer", tiny=vqgan_transformer.tiny)
