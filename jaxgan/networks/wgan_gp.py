"""WGAN-GP's residual generator and critic for CIFAR-10 (Gulrajani et al. 2017, arXiv:1704.00028, table 3 and appendix
F).

By igul222/improved_wgan_training's gan_cifar_resnet.py, which made the published numbers, they are SNGAN's at 32 pixels
(:mod:`jaxgan.networks.sngan`, which came from them) with 128 channels in G too, a critic without normalisation of any
kind whose features are averaged over positions, and a bias in its linear layer. Its labelled run has class-conditional
norms in G and an auxiliary classifier on the critic's features, which :func:`jaxgan.nn.sow_features` shows; a critic
told the class by projection or concatenation is this library's own, as are the rows for other resolutions, which are
SNGAN's. The networks of gan_64x64.py, whose critic has layer normalisation and reads a flattened map, are not here.
"""

from typing import ClassVar

from jaxgan.networks import sngan


class Generator(sngan.Generator):
    """Latents, and labels where conditional, to images; fields as in :class:`jaxgan.networks.sngan.Generator`, but that
    ``ch`` is 128 up to 32 pixels where it is not given.
    """

    default_ch: ClassVar[tuple[int, int]] = (128, 64)

    bn_eps: float = 1e-5


class Discriminator(sngan.Discriminator):
    """Images, and labels where conditional, to the critic's values; fields as in
    :class:`jaxgan.networks.sngan.Discriminator`.
    """

    spectral_norm: bool = False
    pooling: str = "mean"
    head_bias: bool | None = True
