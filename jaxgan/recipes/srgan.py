"""SRGAN: Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network (Ledig et al. 2016,
arXiv:1609.04802). There is no official code; tensorlayer/srgan is what most users know.

The checklist:

 1. SRResNet of 16 blocks, figure 4: ``generator``. PReLUs have one number a layer, the paper's count; convolutions
    before norms have biases (``use_bias``), of which it says nothing. Nothing bounds the output.
 2. Stage one trains G alone by the mean squared error, a million updates at 1e-4: ``pretraining.steps`` (SRResNet).
 3. Stage two begins from it with new optimisers, 100,000 updates at 1e-4 and as many at 1e-5, one of D, then one of G.
 4. The loss of stage two is 0.006 times the squared distance of VGG19's features phi_5,4 (section 2.2.1: features
    scaled by 1/12.75) and 1e-3 times the adversarial one, non-saturating; no MSE. tensorlayer has MSE, 2e-6 times other
    features, and 1e-3.
 5. VGG is fed images under ImageNet's mean and deviation; the paper does not say: ``perceptual.normalized``.
    ``perceptual.network='efficientnet_lite0'`` needs no download, and its weight is of another scale.
 6. Inputs are bicubic small copies with antialiasing, as MATLAB's ``imresize`` makes them: the operation 'degrade'. The
    paper has them in [0, 1] and outputs in [-1, 1]; here both are in [-1, 1].
 7. Crops of 96 pixels, 16 a batch; D's dense layers tie it to them (section 3.2). The paper does not mirror.
 8. Adam, b1 0.9.
 9. Batch norms use running statistics in sampling (section 3.2).
10. Published scores are of luma with 4 pixels off each border: metrics psnr_y and ssim_y; psnr and ssim are of RGB.
"""

from ml_collections import ConfigDict

from jaxgan.experiment.common import player_optimizer
from jaxgan.experiment.presets import translated_digits
from jaxgan.experiment.translation import build_experiment, build_game, network_of, translation_stage, zeros_of
from jaxgan.experiment.translation import default_config as translation_config
from jaxgan.methods.gan import with_fresh_optimizers
from jaxgan.methods.regression import Regression
from jaxgan.networks import srgan
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment


def default_config() -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = translation_config("srgan", srgan.SRResNet, srgan.Critic)
    with config.unlocked():
        config.pretraining = ConfigDict({"steps": 1_000_000}, type_safe=False)
        del config.multi_scale, config.epochs
    config.translation.update(dict(source="low", target="image"))
    config.method.adversarial_weight = 1e-3
    config.perceptual.update(dict(weight=0.006, network="vgg19_54", distance="squared"))
    for player in ("g", "d"):
        config.optimizer[player].update(
            learning_rate=1e-4, b1=0.9, schedule="piecewise", boundaries=(100_000,), factors=(0.1,)
        )
    config.data.update(dict(name="folder:", batch_size=16))
    config.training.steps = 200_000
    return enlarging(config, 4, crop=96)


def enlarging(config: ConfigDict, factor: int, *, crop: int) -> ConfigDict:
    """``config`` for a factor and crops of ``crop`` pixels."""
    degrade = {"op": "degrade", "factor": factor}
    config.generator.factor = factor
    config.data.augment = ({"op": "random_crop", "size": (crop, crop)}, degrade)
    config.data.test_augment = (degrade,)
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 16x16 from 8x8, one block of 8 channels, a step of each stage."""
    config = translated_digits(config)
    config.translation.update(dict(source="low", channels=1))
    enlarging(config, 2, crop=16)
    config.pretraining.steps = 1
    config.training.steps = 1
    config.generator.update(dict(ch=8, blocks=1))
    config.discriminator.update(dict(ch=4, hidden=8))
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config.

    Raises:
      UserError: on keys or values that do not fit, or a factor that is not that of the inputs.
    """
    chains = (config.data.augment, config.data.test_augment)
    factors = {
        entry["factor"] for chain in chains for entry in chain if hasattr(entry, "keys") and entry["op"] == "degrade"
    }
    if factors != {config.generator.factor}:
        raise UserError(
            f"generator.factor={config.generator.factor} must be the factor of 'degrade' in data.augment and "
            f"data.test_augment, which have {sorted(factors)}"
        )
    generator = network_of(srgan.SRResNet, "generator", config, image_channels=config.data.channels)
    game = with_fresh_optimizers(build_game(config, generator, network_of(srgan.Critic, "discriminator", config)))
    # The same kind of optimiser, whose state has the same shape, at a rate that stays.
    steady = config.copy_and_resolve_references()
    steady.optimizer.g.factors = (1.0,) * len(config.optimizer.g.factors)
    regression = Regression(game=game, optimizers={"g": player_optimizer(steady, "g")})
    stages = [translation_stage(config, game, name="game")]
    if config.pretraining.steps:
        stages.insert(0, translation_stage(config, regression, name="regression", steps=config.pretraining.steps))
    experiment = build_experiment(config, stages)
    return experiment._replace(init=lambda rng: game.init(rng, zeros_of(stages[-1])))
