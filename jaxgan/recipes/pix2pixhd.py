"""pix2pixHD: High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs (Wang et al. 2017,
arXiv:1711.11585); code NVIDIA/pix2pixHD.

The checklist:

 1. A global generator at half the resolution, and an enhancer at the whole one that adds its features (section 3.1).
    Three stages train the first alone, the enhancer alone, and both: ``phases.global_steps``, ``phases.enhancer_steps``
    and ``training.steps``; the code's are three commands. Without ``phases.coarse_to_fine`` there is the global
    generator alone, at the data's own size.
 2. Adam begins anew at each stage, as in the code, which makes a new one.
 3. D judges patches of 70 pixels at ``multi_scale.scales`` scales, the global stage at one less of them, the coarser
    ones, as the code loads its D of two scales into one of three. Its convolutions pad by 2, and it is told the map.
 4. Label maps are one-hot, with a plane of edges between instances where ``translation.instances`` names their field;
    pictures take the place of maps where ``translation.classes`` is 0, as with the code's ``label_nc=0``.
 5. Least squares without the 1/2 of its paper in G's loss, summed over the scales: ``method.adversarial_weight`` is 2
    times the scales, of a mean with 1/2; the global stage, of one scale less, takes its share of it.
 6. 10 times feature matching (eq. 4), summed over layers, a mean over scales; the code's 4 / (layers + 1) is 1 at three
    layers.
 7. 10 times the perceptual loss of VGG19 on images in [-1, 1], without ImageNet's mean and deviation, weighted 1/32,
    1/16, 1/8, 1/4, 1; the paper calls it optional. ``perceptual.network='efficientnet_lite0'`` needs no download.
 8. G's step and D's share one forward pass in the code, G first; here D moves first, on fakes of its own.
 9. Adam 2e-4, beta1 0.5, batches of 1. The code's 512-pixel run has 100 epochs at the full rate and 100 to 0, its
    1024-pixel run 50 and 50, the first 10 of them of the enhancer alone. Each stage has a schedule of its own: the
    epochs are ``epochs.global_constant``, ``epochs.global_decay``, ``epochs.enhancer``, then ``epochs.constant`` and
    ``epochs.decay`` of the last stage, or of the only one. They are 0 here, where steps count; the configs set them.
    Without epochs the global stage's rate falls in its last ``phases.global_decay_steps``, the enhancer's stays, and
    the last stage has the optimisers' own schedule.
10. Weights from N(0, 0.02). The code leaves biases at PyTorch's U(-1/sqrt(fan in), ...); here they begin at 0, and
    those before an instance norm have no effect.
11. Mirroring is the only augmentation.
12. Features of instances (section 3.4): ``instance_features.features`` of 3, off by default as in the code. The encoder
    is trained with G in every phase; the code trains it at 512 pixels, and takes its features as they are at 1024.
    Without ``translation.instances`` each class is an instance (the code's ``label_feat``).
13. A last stage, ``phases.cluster_steps``, clusters the features of each class by one pass of MacQueen's k-means, ten
    clusters a class; the code runs scikit-learn's on all of them, without the smallest instances. Sampling gives each
    instance one of its class's centres, with equal chances, or, with ``--style=IMAGE``, what that picture has there;
    before that stage there are no centres, and pictures and scores are drawn with features of 0.
"""

import functools

from flax.traverse_util import flatten_dict, unflatten_dict
from jax import Array
from ml_collections import ConfigDict

from jaxgan.experiment.presets import translated_digits
from jaxgan.experiment.sections import construct
from jaxgan.experiment.translation import (
    build_experiment,
    build_game,
    condition_of,
    data_latents,
    network_of,
    translation_stage,
    zeros_of,
)
from jaxgan.experiment.translation import default_config as translation_config
from jaxgan.methods.gan import GAN, with_fresh_optimizers
from jaxgan.methods.inputs import STYLE, instance_condition
from jaxgan.methods.instance_clusters import InstanceClusters
from jaxgan.networks import patchgan, pix2pixhd
from jaxgan.training.errors import UserError
from jaxgan.training.method import Experiment, Stage
from jaxgan.training.state import TrainState, create_state

# A schedule of optimisers under which rates stay.
STEADY = {
    "schedule": "linear",
    "hold_steps": 0,
    "decay_steps": 1,
    "end_factor": 1.0,
    "boundaries": (),
    "factors": (),
}


def default_config() -> ConfigDict:
    """Every key, with the paper's game: what a config file starts from."""
    config = translation_config("pix2pixhd", pix2pixhd.Generator, exclude=("part",))
    with config.unlocked():
        phases = {"coarse_to_fine": True, "global_steps": 100_000, "global_decay_steps": 0}
        phases |= {"enhancer_steps": 10_000, "cluster_steps": 1_000}
        config.phases = ConfigDict(phases, type_safe=False)
        config.epochs.update(dict(global_constant=0, global_decay=0, enhancer=0))
        features = {"features": 0, "ch": 16, "halvings": 4, "instances": 256, "clusters": 10}
        config.instance_features = ConfigDict(features, type_safe=False)
    config.discriminator.update(dict(norm="instance", padding=2))
    config.multi_scale.scales = 3
    config.method.update(dict(loss="least_squares", adversarial_weight=6.0))
    config.regularizers.layer_matching.weight = 10.0
    config.perceptual.update(dict(weight=10.0, normalized=False, layer_weights=(1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)))
    config.data.update(dict(image_size=(512, 1024), augment=("flip",)))
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The smoke form: digits of 32x32 from levels of their brightness, a step or two a stage."""
    config = translated_digits(config, side=32, levels=3)
    config.phases.update(dict(global_steps=1, global_decay_steps=0, enhancer_steps=1, cluster_steps=1))
    config.epochs.update(dict(global_constant=0, global_decay=0, enhancer=0))
    config.instance_features.update(dict(ch=2, halvings=1, instances=4, clusters=2))
    config.training.steps = 1
    config.generator.update(dict(ch=4, halvings=1, blocks=1, enhancer_blocks=1))
    config.discriminator.update(dict(ch=4, layers=1))
    config.multi_scale.scales = 2
    config.method.adversarial_weight = 4.0
    return config


def build(config: ConfigDict) -> Experiment:
    """Binds a config; raises UserError on keys or values that do not fit."""
    phases, steps = config.phases, config.training.steps
    if not phases.coarse_to_fine:
        game = _game(config, "global")
        return build_experiment(config, [translation_stage(config, game), *_clusters(config, game)])
    (height, width), scales = config.data.image_size, config.multi_scale.scales
    if height % 2 or width % 2 or scales < 2:
        raise UserError(
            f"pix2pixhd halves images of {height}x{width} and drops one of {scales} scales in its first phase: give "
            "even sides and multi_scale.scales of 2 or more, or phases.coarse_to_fine=false"
        )
    half, alone, last = _paced(config)
    half.data.image_size, half.multi_scale.scales = (height // 2, width // 2), scales - 1
    half.method.adversarial_weight *= (scales - 1) / scales
    game = _game(last, "both")
    stages = [
        translation_stage(half, _game(half, "global", first=1), name="global", steps=phases.global_steps),
        translation_stage(alone, _game(alone, "enhancer"), name="enhancer", steps=phases.enhancer_steps),
        translation_stage(last, game, name="both", steps=steps),
    ]
    trained = [stage for stage in stages if stage.steps]
    experiment = build_experiment(config, [*trained, *_clusters(config, game)])
    return experiment._replace(init=functools.partial(_init, stages[0], stages[-1]))


def _paced(config: ConfigDict) -> tuple[ConfigDict, ConfigDict, ConfigDict]:
    """``config`` of each phase: the global one's rates fall at its end, the enhancer's stay, the last phase's are as
    given. Where any phase has a schedule each has one, for optimisers have states of one shape in all of them.
    """
    half, alone, last = (config.copy_and_resolve_references() for _ in range(3))
    total, decay = config.phases.global_steps, config.phases.global_decay_steps
    if decay > total:
        raise UserError(
            f"phases.global_decay_steps={decay} are the last of phases.global_steps={total}: give no more than those"
        )
    for name, own in config.optimizer.items():
        scheduled = own.decay_steps or own.warmup_steps or own.boundaries
        if not (scheduled or decay):
            continue
        alone.optimizer[name].update(STEADY)
        falling = dict(hold_steps=max(total - decay - own.warmup_steps, 0), decay_steps=decay, end_factor=0.0)
        half.optimizer[name].update(STEADY | falling if decay else STEADY)
        if not scheduled:
            last.optimizer[name].update(STEADY)
    return half, alone, last


def _clusters(config: ConfigDict, game: GAN) -> list[Stage]:
    """The stage that clusters features, where there are any."""
    if not (config.instance_features.features and config.phases.cluster_steps):
        return []
    if config.ema.decay:
        raise UserError(
            f"instance_features.features={config.instance_features.features} are clustered as the encoder is, not as "
            f"its average is: set ema.decay=0, which is {config.ema.decay}, or instance_features.features=0"
        )
    method = InstanceClusters(game=game)
    return [translation_stage(config, method, name="clusters", steps=config.phases.cluster_steps)]


def _init(first: Stage, last: Stage, rng: Array) -> TrainState:
    """The state of the last stage's networks, with the layer of the first one's that draws small images."""
    state, small = (stage.method.init(rng, zeros_of(stage)) for stage in (last, first))
    params = unflatten_dict(flatten_dict(small.nets["g"]["params"]) | flatten_dict(state.nets["g"]["params"]))
    nets = state.nets | {"g": state.nets["g"] | {"params": params}}
    return create_state(nets, last.method.players, last.method.optimizers, extra=state.extra)


def _game(config: ConfigDict, part: str, *, first: int = 0) -> GAN:
    """The game of one phase, whose optimisers begin anew with its stage."""
    given, features = config.translation, dict(config.instance_features)
    generator = network_of(pix2pixhd.Generator, "generator", config, part=part, image_channels=config.data.channels)
    discriminator = network_of(patchgan.Discriminator, "discriminator", config)
    if not features["features"]:
        return with_fresh_optimizers(build_game(config, generator, discriminator, first_scale=first))
    if not given.classes:
        raise UserError(
            f"instance_features.features={features['features']} are of label maps: set translation.classes to how many "
            "classes they have, or instance_features.features=0"
        )
    clusters = features.pop("clusters")
    shared = ("norm", "spectral_norm", "sn_eps", "weight_init", "bn_eps", "dtype", "param_dtype")
    section = features | {name: config.generator[name] for name in shared}
    encoder = construct(pix2pixhd.Encoder, "instance_features", section)
    generator = pix2pixhd.InstanceGenerator(generator, encoder, classes=given.classes, clusters=clusters)
    condition = functools.partial(
        instance_condition,
        condition=condition_of(config),
        target=given.target,
        instances=given.instances or given.source,
    )
    game = build_game(
        config,
        generator,
        discriminator,
        latents=data_latents(config, condition=condition),
        first_scale=first,
        optional_conditions=(STYLE,),
        draws_in_sample=True,
    )
    return with_fresh_optimizers(game)
