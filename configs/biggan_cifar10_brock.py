"""BigGAN on CIFAR-10, by the recipe of BigGAN-PyTorch.

Paper: Large Scale GAN Training (arXiv:1809.11096); BigGAN-PyTorch's scripts/launch_cifar_ema.sh. ch 64, z 128, no
  shared embedding, no skip-z,
no attention, N(0, 0.02) initial weights, Adam 2e-4 with beta1 0, batch 50, four D steps, no flips, moving average from
step 1,000.

Launch: jaxgan train --config=biggan_cifar10_brock --workdir=runs/cifar10_brock
Score: jaxgan evaluate --workdir=runs/cifar10_brock --metrics=fd,is --features=inception (50,000 against train)
Steps: 125,000 (the script's 500 epochs of 50,000 images at 200 a step). Hardware: one GPU.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.smoke import shrink
from jaxgan.recipes import biggan


def get_config(arg: str = "") -> ConfigDict:
    config = biggan.default_config()
    config.data.update(dict(name="tfds:cifar10", split="train", test_split="test", image_size=(32, 32), batch_size=50))
    networks = dict(num_classes=10, resolution=32, ch=64, attention=(), weight_init="normal_02", sn_eps=1e-8)
    config.generator.update(dict(**networks, z_dim=128, shared_dim=None, skip_z=False))
    config.discriminator.update(networks)
    config.method.d_steps = 4
    for player in ("g", "d"):
        config.optimizer[player].update(dict(learning_rate=2e-4, b1=0.0, b2=0.999, eps=1e-8))
    config.ema.update(dict(decay=0.9999, start_step=1_000))
    config.training.update(dict(steps=125_000, save_every=2_000, log_every=100))
    config.evaluation.num_images = 50_000
    if arg == "smoke":
        return shrink(config)
    if arg:
        raise ValueError(f"biggan_cifar10_brock takes no argument but 'smoke', got {arg!r}")
    return config
