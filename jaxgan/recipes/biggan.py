"""BigGAN: Large Scale GAN Training for High Fidelity Natural Image Synthesis (Brock et al. 2018, arXiv:1809.11096).

The checklist: what the paper, its appendix and the public implementations leave open or disagree on, and what is done
here. BGPT is ajbrock/BigGAN-PyTorch, SGN POSTECH-CVLab/PyTorch-StudioGAN, CG google/compare_gan, HF
huggingface/pytorch-pretrained-BigGAN, MMG open-mmlab/mmgeneration.

 1. Conditional BN's gain is 1 + W c (CG: W c).
 2. Statistics are of the whole global batch; ``generator.bn_groups`` gives per-group ones. One formula serves training
    and evaluation.
 3. Spectral norm: one power iteration in train mode, gradient through sigma, none through u and v; ``sn_eps`` 1e-6
    (BGPT's ImageNet script, SGN).
 4. u moves once per update of its own net on images, whether real and fake pass D together or separately; the update of
    a lazy penalty (``regularizers.penalties.every`` above 1) leaves it.
 5. Normalised: every conv and linear of G and D, the cBN gains and biases (linear, no bias), D's embedding. Not G's
    class tables, shared or not (BGPT).
 6. Adam 5e-5 (G) and 2e-4 (D), betas 0 and 0.999, two D steps (paper); Adam's eps 1e-6 as in BGPT's script and SGN.
 7. CIFAR-10 has settings of its own: ``biggan:cifar10`` (SGN's) and ``biggan:cifar10_brock`` (BGPT's).
 8. Orthogonal regularisation: off-diagonal, 1e-4, on G's raw weights of two or more dimensions, except the shared
    embedding, with BGPT's gradient (half of eq. 3); ``orthogonal.weight``, 0 by default as in the public
    checkpoints.
 9. The average (0.9999) copies before its start and averages buffers too (BGPT, SGN; CG: parameters alone); starts at
    20,000 (1,000 on CIFAR).
10. A step draws batch x d_steps real images, and fresh latents and labels for each D step and for G.
11. Fake labels are uniform, independent of the real batch.
12. In a D step G runs in train mode without gradient, and its running statistics move (BGPT;
    ``method.g_stats_in_d=False`` for SGN's).
13. Hinge without 1/2; G minimises -mean D(G(z)).
14. Shared embedding of 128; z is cut in blocks + 1 chunks: 120 at 64 and 128 pixels, 140 at 256, 160 at 512 (TF; BGPT
    128). [class, z] in conditions, as in BGPT; ``generator.class_first=False`` for CG's order.
15. Attention at 64x64 in both, as SAGAN's released code has it: C/8, C/2, pooled keys, gamma from 0, after the block.
16. Shortcuts: 1x1 where channels or resolution change; D's first block has no ReLU first and pools before its 1x1; D's
    last is the identity.
17. D's head: ReLU, sum over positions, linear + <embed(y), h>.
18. BN eps 1e-5 (BGPT; SGN and TF Hub 1e-4). Running statistics keep 0.9 of the old.
19. Samples use standing statistics, 16 train-mode draws, computed anew for each truncation.
20. The four truncations are named in :mod:`jaxgan.latent.truncation`.
21. Orthogonal initialisation of conv, linear and embedding, cBN included, of the kernel as [inputs, outputs]; N(0,
    0.02) for BGPT's CIFAR.
22. BigGAN-deep is :mod:`jaxgan.recipes.biggan_deep`.
23. Images are centre-cropped and resized bilinearly, without flips (BGPT); SGN flips: ``data.flip``.
24. Batch statistics and u see the whole batch, also where ``microbatches.count`` cuts D's work in micro-batches: the
    step equals that of one pass.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.gan import build_experiment
from jaxgan.experiment.gan import default_config as game_config
from jaxgan.experiment.presets import on_digits, shortened
from jaxgan.training.method import Experiment


def default_config(networks: str = "biggan") -> ConfigDict:
    """Every key, with the paper's game on ImageNet (section 4 and appendix C): what a config file starts from."""
    return paper_game(game_config("biggan", networks, num_classes=1000))


def paper_game(config: ConfigDict) -> ConfigDict:
    """``config`` with the paper's optimisers and updates; Adam's eps and the average's start are those of
    BigGAN-PyTorch's script.
    """
    config.method.d_steps = 2
    config.optimizer.g.update(dict(learning_rate=5e-5, b1=0.0, b2=0.999, eps=1e-6))
    config.optimizer.d.update(dict(learning_rate=2e-4, b1=0.0, b2=0.999, eps=1e-6))
    config.ema.update(dict(decay=0.9999, start_step=20_000))
    return config


def on_imagenet(config: ConfigDict, resolution: int, *, z_dim: int, ch: int, batch_size: int = 2048) -> ConfigDict:
    """The paper's training on ImageNet at one resolution (section 4 and appendix C)."""
    config.data.update(dict(name="tfds:imagenet2012", image_size=(resolution, resolution), batch_size=batch_size))
    config.generator.update(dict(resolution=resolution, ch=ch, z_dim=z_dim))
    config.discriminator.update(dict(resolution=resolution, ch=ch))
    config.data.workers = 16
    config.training.update(dict(steps=165_000, save_every=1_000, log_every=100))
    # FID and IS of 50,000 samples against the training set, the paper's protocol.
    config.evaluation.num_images = 50_000
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: ch 8, on digits of 8x16 or 16x16 pixels.

    Up to 64 pixels every block stays; 128, 256 and 512 pixels keep four blocks. G starts from a grid of 1 or 2 pixels.
    Updates of D are written out on CPU, so that the deeper networks, whose programs are long, make one a step.
    """
    config = shortened(config)
    # The table's resolution is 4 doubled by each block.
    blocks = config.generator.resolution.bit_length() - 3
    kept = min(blocks, 4)
    wide = kept <= 3
    side = 2**kept
    on_digits(config, (2 * side, side) if wide else (side, side))
    if config.generator.get("skip_z", False):
        config.generator.z_dim = config.generator.z_dim // (blocks + 1) * (kept + 1)
    config.generator.update(dict(resolution=4 * side, base=(2, 1) if wide else (1, 1), ch=8))
    config.discriminator.update(dict(resolution=4 * side, ch=8))
    if not wide:
        config.method.d_steps = 1
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    return build_experiment(config)
