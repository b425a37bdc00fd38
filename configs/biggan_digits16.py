"""BigGAN on scikit-learn's handwritten digits, upsampled to 16x16: the demonstration, in minutes on two CPU cores.

Paper: Large Scale GAN Training (arXiv:1809.11096), scaled down to 56 thousand parameters in G and 48 thousand in D.
  Shared
embedding, skip-z, spectral norm, projection head and hinge loss are the paper's; one D step, a batch of 32 and larger
learning rates are this library's.

Launch: jaxgan train --config=biggan_digits16 --workdir=runs/digits
Expected: TSTR at least 0.95; see README.md for what was measured. Hardware: two CPU cores.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.smoke import shrink
from jaxgan.recipes import biggan


def get_config(arg: str = "") -> ConfigDict:
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
    if arg == "smoke":
        return shrink(config)
    if arg:
        raise ValueError(f"biggan_digits16 takes no argument but 'smoke', got {arg!r}")
    return config
