"""BigGAN on scikit-learn's handwritten digits, upsampled to 16x16: the demonstration, in minutes on two CPU cores.

Paper: Large Scale GAN Training (arXiv:1809.11096), scaled down to 48 thousand + 56 thousand parameters; the recipe's
  shared embedding,
skip-z, spectral norm and projection head are all there. Differs from the paper: non-saturating loss with R1 in place of
hinge, one D step.

Launch: jaxgan train --config=biggan_digits16 --workdir=runs/digits
Expected: see README.md.
"""

from ml_collections import ConfigDict

from jaxgan.recipes import biggan
from jaxgan.recipes.smoke import shrink


def get_config(arg: str = "") -> ConfigDict:
    config = biggan.default_config()
    config.data.update(
        dict(name="digits", split="train", test_split="test", image_size=(16, 16), channels=1, batch_size=64)
    )
    config.generator.update(
        dict(num_classes=10, resolution=16, ch=8, z_dim=30, shared_dim=32, attention=(), image_channels=1)
    )
    config.discriminator.update(dict(num_classes=10, resolution=16, ch=8, attention=()))
    config.method.update(dict(loss="non_saturating", d_steps=1, r1_weight=0.3))
    for player in ("g", "d"):
        config.optimizer[player].update(dict(learning_rate=4e-4, b1=0.0, b2=0.99, eps=1e-6))
    config.ema.update(dict(decay=0.995, start_step=100))
    config.training.update(dict(steps=2_000, save_every=500, log_every=50))
    config.evaluation.update(dict(every_steps=0, batch_size=200, tstr=True, tstr_images=6_000))
    if arg == "smoke":
        return shrink(config)
    if arg:
        raise ValueError(f"biggan_digits16 takes no argument but 'smoke', got {arg!r}")
    return config
