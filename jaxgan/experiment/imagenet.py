"""The settings that the ImageNet experiments of BigGAN share (arXiv:1809.11096, section 4 and appendix C)."""

from ml_collections import ConfigDict


def at_resolution(config: ConfigDict, resolution: int, *, z_dim: int, ch: int, batch_size: int = 2048) -> ConfigDict:
    """The paper's training at one resolution: Adam 5e-5 and 2e-4, betas 0 and 0.999, two D steps, average from 20,000.

    Adam's eps, 1e-6, and the average's start are those of BigGAN-PyTorch's script.
    """
    config.data.update(dict(name="tfds:imagenet2012", image_size=(resolution, resolution), batch_size=batch_size))
    config.generator.update(dict(resolution=resolution, ch=ch, z_dim=z_dim))
    config.discriminator.update(dict(resolution=resolution, ch=ch))
    config.method.d_steps = 2
    config.optimizer.g.update(dict(learning_rate=5e-5, b1=0.0, b2=0.999, eps=1e-6))
    config.optimizer.d.update(dict(learning_rate=2e-4, b1=0.0, b2=0.999, eps=1e-6))
    config.ema.update(dict(decay=0.9999, start_step=20_000))
    config.data.workers = 16
    config.training.update(dict(steps=165_000, save_every=1_000, log_every=100))
    # FID and IS of 50,000 samples against the training set, the paper's protocol.
    config.evaluation.num_images = 50_000
    return config
