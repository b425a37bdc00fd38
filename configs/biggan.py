"""BigGAN: class-conditional ResNets with a shared embedding, skip-z, spectral normalisation and a projection head.

Paper: Large Scale GAN Training (arXiv:1809.11096). Add ``,smoke`` to any variant for seconds.

  digits16       scikit-learn's handwritten digits, upsampled to 16x16: the demonstration, in minutes on two CPU cores;
                 the default. G has 56 thousand parameters, D 48 thousand. Shared embedding, skip-z, spectral norm,
                 projection head and hinge loss are the paper's; one D step, a batch of 32 and larger learning rates are
                 this library's. 5,000 steps: TSTR 0.967 to 0.972 over three seeds, see README.md; expect at least 0.95.
  cifar10        CIFAR-10 by the recipe of PyTorch-StudioGAN (configs/CIFAR10/BigGAN.yaml), whose FID is the best
                 published for this model. ch 96, z 80, shared embedding and skip-z, attention at 16x16 in both
                 networks, Adam 2e-4 with beta1 0.5, batch 64, five D steps, flips, moving average from step 1,000. G
                 has 9,416,196 parameters, D 2,415,170. Published by its protocol (10,000 generated against 10,000 test
                 images): FID / IS 8.90 / 9.80 at 50,000 steps, 8.13 / 9.85 at 100,000. One GPU.
  cifar10,narrow For two CPU cores: this library's own, not a published recipe. ch 16, one D step, 6,000 steps of 32.
                 TSTR 0.40 after 4,000 (real data: 0.57), 66 minutes.
  cifar10_brock  CIFAR-10 by the recipe of BigGAN-PyTorch (scripts/launch_cifar_ema.sh). ch 64, z 128, no shared
                 embedding, no skip-z, no attention, N(0, 0.02) initial weights, Adam 2e-4 with beta1 0, batch 50, four
                 D steps, no flips, moving average from step 1,000; 125,000 steps (the script's 500 epochs of 50,000
                 images at 200 a step). One GPU.
  imagenet64     BigGAN-PyTorch's 64-pixel networks (the paper starts at 128). ch 64, z 120 in five chunks, batch 2048.
                 Nothing is published at this size. Eight GPUs or a small TPU slice.
  imagenet128    Table 1 of the paper, its eighth row (batch 2048, ch 96, shared embedding, skip-z, orthogonal
                 regularisation), or another by ``table1=ROW``, below. The paper used a TPU v3 pod slice of 128 cores.
  imagenet256    Table 2 (row 256x256), architecture in table 5. ch 96, z 140 in seven chunks, batch 2048. Published:
                 table 2 (50,000 samples, without truncation). A TPU v3 pod slice of 128 to 512 cores.
  imagenet512    Table 2 (row 512x512), architecture in table 6. ch 96, z 160 in eight chunks (the TF release;
                 BigGAN-PyTorch takes 128), batch 2048. Published and hardware as for imagenet256.

``imagenet128,table1=ROW``, from the top of the table:

  row  batch  ch  parameters  shared  skip-z  ortho  steps      FID    IS
  1      256  64   81.5 M     no      no      no     1,000,000  18.65  52.52   (the SA-GAN baseline)
  2      512  64   81.5 M     no      no      no     1,000,000  15.30  58.77
  3     1024  64   81.5 M     no      no      no     1,000,000  14.88  63.03
  4     2048  64   81.5 M     no      no      no       732,000  12.39  76.85
  5     2048  96  173.5 M     no      no      no       295,000   9.54  92.98
  6     2048  96  160.6 M     yes     no      no       185,000   9.18  94.94
  7     2048  96  158.3 M     yes     yes     no       152,000   8.73  98.76
  8     2048  96  158.3 M     yes     yes     yes      165,000   8.51  99.31
  9     2048  64   71.3 M     yes     yes     yes      371,000  10.48  86.90

Parameters are of G and D together, without the shared class embedding, which is how the paper's figures come out. z is
128 without skip-z, 120 with it.

Launch: jaxgan train --config=biggan:digits16 --workdir=runs/digits
        jaxgan train --config=biggan:cifar10 --workdir=runs/cifar10
        jaxgan train --config=biggan:imagenet128,table1=8 --workdir=gs://BUCKET/row8 --coordinator=auto
Score:  jaxgan evaluate --workdir=runs/cifar10 --metrics=fd,is --features=inception
        (cifar10: 10,000 against test; cifar10_brock and ImageNet: 50,000 against train)
Hardware: two CPU cores for digits16 and cifar10,narrow; the others as said above.
"""

from typing import Literal

from ml_collections import ConfigDict

from jaxgan.experiment.presets import both_optimizers
from jaxgan.experiment.variants import choose
from jaxgan.recipes import biggan

# (batch, ch, shared, skip-z, ortho, steps)
TABLE1 = {
    1: (256, 64, False, False, False, 1_000_000),
    2: (512, 64, False, False, False, 1_000_000),
    3: (1024, 64, False, False, False, 1_000_000),
    4: (2048, 64, False, False, False, 732_000),
    5: (2048, 96, False, False, False, 295_000),
    6: (2048, 96, True, False, False, 185_000),
    7: (2048, 96, True, True, False, 152_000),
    8: (2048, 96, True, True, True, 165_000),
    9: (2048, 64, True, True, True, 371_000),
}


def digits16() -> ConfigDict:
    config = biggan.default_config()
    config.data.update(
        dict(name="digits", split="train", test_split="test", image_size=(16, 16), channels=1, batch_size=32)
    )
    config.generator.update(
        dict(num_classes=10, resolution=16, ch=8, z_dim=30, shared_dim=32, attention=(), image_channels=1)
    )
    config.discriminator.update(dict(num_classes=10, resolution=16, ch=8, attention=()))
    config.method.update(dict(loss="hinge", d_steps=1))
    config.optimizer.g.update(dict(learning_rate=4e-4, b1=0.5, b2=0.99, eps=1e-6))
    config.optimizer.d.update(dict(learning_rate=8e-4, b1=0.5, b2=0.99, eps=1e-6))
    config.ema.update(dict(decay=0.999, start_step=100))
    config.training.update(dict(steps=5_000, save_every=500, log_every=50))
    config.evaluation.update(
        dict(
            every_steps=0,
            batch_size=200,
            metrics="fd,kid,precision,recall",
            features="efficientnet_lite0",
            num_images=2_000,
            tstr=True,
            tstr_images=6_000,
        )
    )
    return config


def cifar10(narrow: bool = False) -> ConfigDict:
    config = biggan.default_config()
    config.data.update(
        dict(name="tfds:cifar10", split="train", test_split="test", image_size=(32, 32), batch_size=64, flip=True)
    )
    networks = dict(num_classes=10, resolution=32, ch=96, attention=(16,))
    config.generator.update(dict(**networks, z_dim=80, shared_dim=128, bn_eps=1e-4))
    config.discriminator.update(dict(**networks, widths=(2, 2, 2, 2)))
    config.method.update(dict(d_steps=5, g_stats_in_d=False))
    both_optimizers(config, learning_rate=2e-4, b1=0.5, b2=0.999, eps=1e-6)
    config.ema.update(dict(decay=0.9999, start_step=1_000))
    config.training.update(dict(steps=100_000, save_every=2_000, log_every=100))
    config.evaluation.update(dict(num_images=10_000, reference_split="test"))
    return _narrowed(config) if narrow else config


def _narrowed(config: ConfigDict) -> ConfigDict:
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


def cifar10_brock() -> ConfigDict:
    config = biggan.default_config()
    config.data.update(dict(name="tfds:cifar10", split="train", test_split="test", image_size=(32, 32), batch_size=50))
    networks = dict(num_classes=10, resolution=32, ch=64, attention=(), weight_init="normal_02", sn_eps=1e-8)
    config.generator.update(dict(**networks, z_dim=128, shared_dim=None, skip_z=False))
    config.discriminator.update(networks)
    config.method.d_steps = 4
    both_optimizers(config, learning_rate=2e-4, b1=0.0, b2=0.999, eps=1e-8)
    config.ema.update(dict(decay=0.9999, start_step=1_000))
    config.training.update(dict(steps=125_000, save_every=2_000, log_every=100))
    config.evaluation.num_images = 50_000
    return config


def imagenet(resolution: int, *, z_dim: int, ch: int) -> ConfigDict:
    return biggan.on_imagenet(biggan.default_config(), resolution, z_dim=z_dim, ch=ch)


def imagenet128(table1: Literal[1, 2, 3, 4, 5, 6, 7, 8, 9] = 8) -> ConfigDict:
    batch, ch, shared, skip_z, ortho, steps = TABLE1[table1]
    config = biggan.on_imagenet(biggan.default_config(), 128, z_dim=120 if skip_z else 128, ch=ch, batch_size=batch)
    config.generator.update(dict(shared_dim=128 if shared else None, skip_z=skip_z))
    config.orthogonal.weight = 1e-4 if ortho else 0.0
    config.training.steps = steps
    return config


VARIANTS = {
    "digits16": digits16,
    "cifar10": cifar10,
    "cifar10_brock": cifar10_brock,
    "imagenet64": lambda: imagenet(64, z_dim=120, ch=64),
    "imagenet128": imagenet128,
    "imagenet256": lambda: imagenet(256, z_dim=140, ch=96),
    "imagenet512": lambda: imagenet(512, z_dim=160, ch=96),
}


def get_config(arg: str = "") -> ConfigDict:
    return choose(arg, VARIANTS, name="biggan", tiny=biggan.tiny)
