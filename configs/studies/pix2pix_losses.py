"""Losses of pix2pix on label maps to streets, at equal steps, by what a segmenter reads in the drawn photos.

Paper: Image-to-Image Translation with Conditional Adversarial Networks (arXiv:1611.07004), table 1: L1, GAN, cGAN,
L1 + GAN and L1 + cGAN by the FCN-score, of which this is the offline twin. Configs ``pix2pix:camvid,narrow,loss=...``.

  images=N  of each run, in batches of one; 12,000 by default.
  data_dir  where TFDS sets lie.
  smoke     for a few steps.

Launch: jaxgan study configs/studies/pix2pix_losses.py --workdir=runs/losses --data_dir=DIR --variants=l1,cgan,l1_cgan
"""

from ml_collections import ConfigDict

from jaxgan.experiment.presets import in_two_halves
from jaxgan.tools.studies import Study, read_number, read_words, variant

LABELS = {"l1": "L1", "gan": "GAN", "cgan": "cGAN", "l1_gan": "L1 + GAN", "l1_cgan": "L1 + cGAN"}


def of_loss(loss: str, steps: int, data_dir: str | None, smoke: bool) -> ConfigDict:
    config = variant(f"pix2pix:camvid,narrow,loss={loss}{',smoke' if smoke else ''}")
    if data_dir:
        config.data.data_dir = data_dir
    if not smoke:
        config = in_two_halves(config, steps, save_every=steps, log_every=max(1, steps // 50))
    return config


def get_study(arg: str = "") -> Study:
    words = read_words(
        arg,
        {"images": None, "data_dir": None, "smoke": ("no", "yes")},
        study="pix2pix_losses",
    )
    steps = int(read_number(words, "images", study="pix2pix_losses")) if words["images"] else 12_000
    smoke = words["smoke"] == "yes"
    return Study(
        name="pix2pix_losses",
        title="pix2pix's losses on CamVid, 64 pixels",
        variants={loss: of_loss(loss, steps, words["data_dir"], smoke) for loss in LABELS},
        seeds=(0, 1),
        scores=(
            *("eval/pixel_accuracy", "eval/class_accuracy", "eval/mean_iou", "eval/mean_iou_real"),
            *("eval/psnr", "eval/ssim"),
        ),
        columns={"L1": "regularizers.reconstruction.weight", "adversarial": "method.adversarial_weight"},
        labels=LABELS,
        notes=("A small U-Net, trained on the real pairs, reads the drawn photos; mean_iou_real is of the real ones.",),
    )
