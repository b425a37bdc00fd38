"""BigGAN on CIFAR-10, by the recipe of PyTorch-StudioGAN, whose FID is the best published for this model.

Paper: Large Scale GAN Training (arXiv:1809.11096); StudioGAN's configs/CIFAR10/BigGAN.yaml. ch 96, z 80, shared
  embedding and skip-z,
attention at 16x16 in both networks, Adam 2e-4 with beta1 0.5, batch 64, five D steps, flips, moving average from step
1,000. G has 9,416,196 parameters, D 2,415,170.

Launch: jaxgan train --config=biggan_cifar10 --workdir=runs/cifar10
Score: jaxgan evaluate --workdir=runs/cifar10 --metrics=fd,is --features=inception
Published by that protocol (10,000 generated against 10,000 test images): FID / IS 8.90 / 9.80 at
50,000 steps, 8.13 / 9.85 at 100,000.
Hardware: one GPU.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.smoke import shrink
from jaxgan.recipes import biggan


def get_config(arg: str = "") -> ConfigDict:
    config = biggan.default_config()
    config.data.update(
        dict(name="tfds:cifar10", split="train", test_split="test", image_size=(32, 32), batch_size=64, flip=True)
    )
    networks = dict(num_classes=10, resolution=32, ch=96, attention=(16,))
    config.generator.update(dict(**networks, z_dim=80, shared_dim=128, bn_eps=1e-4))
    config.discriminator.update(dict(**networks, widths=(2, 2, 2, 2)))
    config.method.update(dict(d_steps=5, move_statistics_in_d=False))
    for player in ("g", "d"):
        config.optimizer[player].update(dict(learning_rate=2e-4, b1=0.5, b2=0.999, eps=1e-6))
    config.ema.update(dict(decay=0.9999, start_step=1_000))
    config.training.update(dict(steps=100_000, save_every=2_000, log_every=100))
    config.evaluation.update(dict(num_images=10_000, reference_split="test"))
    if arg == "smoke":
        return shrink(config)
    if arg == "narrow":
        # For two CPU cores: this library's own, not a published recipe.
        config.data.batch_size = 32
        config.generator.ch = config.discriminator.ch = 16
        config.discriminator.widths = (4, 4, 4, 4)
        config.method.d_steps = 1
        config.optimizer.d.learning_rate = 4e-4
        config.ema.update(dict(decay=0.999, start_step=500))
        config.training.update(dict(steps=6_000, save_every=500, log_every=50))
        # Scores by the network that needs no download; the published ones are Inception's.
        config.evaluation.update(
            dict(
                every_steps=1_000,
                metrics="fd,kid,precision,recall",
                features="efficientnet_lite0",
                num_images=2_000,
                reference_images=5_000,
                best="eval/fd_efficientnet_lite0",
                tstr=True,
                tstr_images=5_000,
                batch_size=100,
            )
        )
        return config
    if arg:
        raise ValueError(f"biggan_cifar10 takes no argument but 'smoke' or 'narrow', got {arg!r}")
    return config
