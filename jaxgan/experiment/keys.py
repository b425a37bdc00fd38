"""Config keys: the type, bounds and choices of every key of every recipe, in one table, and the check of a config.

A pattern of :data:`KEYS` is a key's dotted name, in which '*' stands for one part: 'optimizer.*.b1' is of every
player. A recipe's own keys, which no pattern names, are its own to check.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax
from ml_collections import ConfigDict

from jaxgan.augment.ada import PIPELINES
from jaxgan.augment.diff_augment import parse_policy
from jaxgan.data import augmentations
from jaxgan.data.fields import KINDS as KINDS_OF_FIELDS
from jaxgan.experiment.key import (
    DTYPES,
    MOST_IMAGES,
    MOST_SEED,
    MOST_SIDE,
    MOST_UNITS,
    Key,
    choice,
    flag,
    number,
    share,
    text,
    weight,
    whole,
    wholes,
)
from jaxgan.experiment.score_names import best_is, metric_names
from jaxgan.features.perceptual_layers import NAMES as PERCEPTUAL_NETWORKS
from jaxgan.features.resizers import RESIZERS
from jaxgan.interop.open_features import NETWORKS as FEATURE_NETWORKS
from jaxgan.latent.prior import PRIOR_KINDS
from jaxgan.methods.vae import LIKELIHOODS
from jaxgan.networks.common import TRANSLATION_NORMS
from jaxgan.networks.heads import MINIBATCH
from jaxgan.networks.mlp import ACTIVATIONS, OUTPUTS
from jaxgan.networks.multi_scale import POOLS
from jaxgan.networks.spade import LATENTS, SIZES
from jaxgan.networks.unet import DROPOUT_AT
from jaxgan.nn import initializer
from jaxgan.nn.fractional_conv import FORMS as FRACTIONAL_FORMS
from jaxgan.nn.pooling import POOLINGS
from jaxgan.nn.remat import REMAT
from jaxgan.nn.resample_conv import FORMS as RESAMPLE_FORMS
from jaxgan.nn.vector_quantizer import UPDATES
from jaxgan.objectives.adversarial import ADVERSARIAL_LOSSES
from jaxgan.objectives.reconstruction import DISTANCES
from jaxgan.training.errors import UserError
from jaxgan.training.optim import KINDS, SCHEDULES

RULES = ("replicated", "fsdp", "zero1")


def _regex(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"give a regular expression ({error})") from error


def _transforms(names: str) -> None:
    parse_policy(",".join(name for name in names.split(",") if name not in ("", "flip")))


def _mesh_size(size: int) -> None:
    if size == 0:
        raise ValueError("give a number of devices from 1, or -1 for all that the other axes leave")


_IMAGES = dict(low=1, high=MOST_IMAGES)
_POLICY = "some of color,translation,cutout, joined by commas, or nothing"
_TRANSFORMS = "some of flip,translation,color,cutout, joined by commas, or nothing"
_INITIALIZERS = "orthogonal, normal_02, xavier_02, or with a number normal:0.02 or uniform:0.05"
_REGEX = "a regular expression of parameters' paths, such as '.*/kernel'"

_DATA = {
    "name": text("data set: digits, toy:NAME, tfds:NAME, folder:DIR, ..."),
    "split": text("split that is trained on"),
    "test_split": text("held-out split"),
    "data_dir": text("where TFDS sets lie; none for ~/tensorflow_datasets", none=True),
    "image_size": wholes("height and width; () of points", high=MOST_SIDE, counts=(0, 2)),
    "test_share": share("of each class of a folder without train and test that is held out", below=1),
    "channels": whole("channels of an image; coordinates of a point", 1, 1024),
    "batch_size": whole("real images of one update of D", 1),
    "flip": flag("mirror half of the training images"),
    "augment": Key(
        meaning="operations on each training example",
        kinds=("chain",),
        check=augmentations,
        form="a tuple of operations",
    ),
    "test_augment": Key(
        meaning="operations on each held-out example",
        kinds=("chain",),
        check=augmentations,
        form="a tuple of operations",
    ),
    "in_memory": Key(
        meaning="decode the whole set into memory; none or auto for sets up to 4 GiB",
        kinds=("flag", "text"),
        choices=("auto",),
        none=True,
    ),
    "workers": whole("processes that read; 0 to read in a thread", 0, 1024),
}

_NETWORK = {
    "num_classes": whole("classes; 0 for none", 0, 2**24),
    "z_dim": whole("numbers of a latent", 1, MOST_UNITS),
    "resolution": whole("row of the paper's table of widths", 1, MOST_SIDE),
    "ch": whole("channel multiplier; none for the code's own", 1, MOST_UNITS, none=True),
    "widths": wholes("multiples of ch, a stage each; none for the table's row", high=MOST_UNITS, none=True),
    "depth": whole("blocks of a stage", 1, 1024),
    "blocks": Key(meaning="residual blocks of each stage, or of all", kinds=("whole", "wholes"), low=1, high=1024),
    "expansion": whole("hidden channels of a block over its own", 1, 1024),
    "group_size": whole("channels of a group of a convolution; none for one group", 1, MOST_UNITS, none=True),
    "base": wholes(
        "height and width that G starts from; none for the code's own", high=MOST_SIDE, counts=(2,), none=True
    ),
    "image_channels": whole("channels of G's images", 1, 1024),
    "image_shape": wholes("shape of G's images or points", high=MOST_SIDE),
    "hidden": Key(
        meaning="units of each hidden layer",
        kinds=("whole", "wholes"),
        low=1,
        high=MOST_UNITS,
    ),
    "kernel": whole("side of the convolutions' kernels", 1, 1024),
    "kernels": wholes("sides of the convolutions' kernels", high=1024),
    "activation": choice("of hidden layers", *ACTIVATIONS, "maxout"),
    "pieces": Key(meaning="pieces of maxout, for all layers or each", kinds=("whole", "wholes"), low=1, high=1024),
    "output": choice("what G's last layer gives", *OUTPUTS),
    "leak": number("slope of leaky ReLUs below 0", low=0, high=1),
    "dropout": share("share of hidden units dropped in training", high=None, below=1),
    "input_dropout": share("share of D's inputs dropped in training", high=None, below=1),
    "conditioning": choice(
        "how the class comes in; each network says which it takes", "none", "concat", "cbn", "projection"
    ),
    "label_hidden": whole("units of a layer of the class alone; 0 for none", 0, MOST_UNITS),
    "embed_dim": whole("numbers of a class embedding; none for z_dim", 1, MOST_UNITS, none=True),
    "concat_dim": whole("numbers of D's class embedding", 1, MOST_UNITS),
    "shared_dim": whole(
        "numbers of the shared class embedding; none for tables of each norm", 1, MOST_UNITS, none=True
    ),
    "skip_z": flag("a chunk of z at each block"),
    "class_first": flag("the class before the chunk of z"),
    "attention": wholes(
        "heights of the maps after which self-attention follows; none for the paper's", high=MOST_SIDE, none=True
    ),
    "batch_norm": flag("batch norms"),
    "layer_norm": flag("layer norms instead of batch norms"),
    "project_norm": choice("of what the first norm takes statistics", "channel", "unit"),
    "spectral_norm": flag("spectral normalisation"),
    "sn_eps": number("eps of spectral normalisation", low=0),
    "bn_eps": number("eps of batch norms", above=0),
    "bn_momentum": share("share of the old running statistics that stays", high=None, below=1),
    "bn_groups": whole("groups of rows that are normalised separately; none for the whole batch", 1, none=True),
    "use_bias": flag("biases"),
    "head_bias": flag("bias of D's linear layer; none for the code's own", none=True),
    "wide": flag("hidden channels of a block are those of its output"),
    "pooling": choice("of D's last features over positions", *POOLINGS),
    "block_gain": number("gain of the blocks' initial weights", above=0),
    "minibatch": choice("what D is told about its batch", *MINIBATCH),
    "minibatch_kernels": whole("kernels of minibatch discrimination", 1, MOST_UNITS),
    "minibatch_dim": whole("numbers of each of those kernels", 1, MOST_UNITS),
    "weight_init": text("initial weights; none for the code's own", check=initializer, form=_INITIALIZERS, none=True),
    "remat": choice("what the backward pass keeps", *REMAT),
    "resample": choice(
        "form of the resampling convolutions", *dict.fromkeys(("auto", *RESAMPLE_FORMS, *FRACTIONAL_FORMS))
    ),
    "dtype": choice("of the computation", *DTYPES),
    "param_dtype": choice("of the parameters", *DTYPES),
}

_GAME = {
    "networks": text("family of networks"),
    "multi_scale.scales": whole("scales that D judges", 1, 16),
    "prior.kind": choice("noise of the latents", *PRIOR_KINDS),
    "prior.categorical": wholes("categories of each code", 2, MOST_UNITS),
    "prior.continuous": whole("continuous codes", 0, MOST_UNITS),
    "method.loss": choice("adversarial loss", *sorted(ADVERSARIAL_LOSSES)),
    "method.label_smoothing": share("taken off D's target for real images", high=None, below=1),
    "method.d_steps": whole("updates of D a step", 1, 1024),
    "method.g_steps": whole("updates of G a step", 1, 1024),
    "method.joint": flag("real and fake images go through D in one batch"),
    "method.g_stats_in_d": flag("D's updates move G's running statistics"),
    "method.adversarial_weight": weight("of the adversarial loss in G's"),
    "latents.from_data": flag("fakes take the classes of the real batch"),
    "preprocess.dequantize": flag("uniform noise of a level's width on real images"),
    "clip.bound": number("D's weights stay within it; 0 for no bound", low=0),
    "top_k.minimum": share("least share of the fakes that G learns from; 1 for all", low=None, above=0),
    "top_k.decay": share("of the share, after each span of steps", low=None, above=0),
    "top_k.steps": whole("steps of a span", 1),
    "orthogonal.weight": weight("of orthogonal regularization"),
    "orthogonal.exclude": text("parameters left out, as g/PATH; none for none", check=_regex, form=_REGEX, none=True),
    "microbatches.count": whole("micro-batches that a batch is cut in", 1, 2**20),
    "microbatches.noise_scale": flag("log the gradient noise scale"),
    "microbatches.unroll": flag("write the micro-batches out; none to choose by the device", none=True),
    "pyramid.levels": whole("levels of the pyramid", 2, 16),
    "pyramid.coarse_z_dim": whole("numbers of the smallest level's latent", 1, MOST_UNITS),
    "pyramid.coarse_hidden_g": wholes("units of the smallest level's G", high=MOST_UNITS),
    "pyramid.coarse_hidden_d": wholes("units of the smallest level's D", high=MOST_UNITS),
}

_TERMS = {
    "regularizers.penalties.gp": weight("of WGAN-GP's penalty"),
    "regularizers.penalties.gp_target": number("norm that it asks for", low=0),
    "regularizers.penalties.gp_one_sided": flag("smaller norms are free"),
    "regularizers.penalties.dragan": weight("of DRAGAN's penalty"),
    "regularizers.penalties.r1": weight("of R1, on real images"),
    "regularizers.penalties.r2": weight("of R2, on fakes"),
    "regularizers.penalties.zero_centred": weight("of the zero-centred penalty"),
    "regularizers.penalties.every": whole("on every n-th step only, n times as strong", 1),
    "regularizers.consistency.cr": weight("of consistency on real images"),
    "regularizers.consistency.bcr_real": weight("of balanced consistency on real images"),
    "regularizers.consistency.bcr_fake": weight("of balanced consistency on fakes"),
    "regularizers.consistency.zcr_d": weight("of latent consistency in D"),
    "regularizers.consistency.zcr_g": weight("of latent diversity in G"),
    "regularizers.consistency.zcr_sigma": number("deviation of the latents' change", above=0),
    "regularizers.consistency.transforms": text("what augments", check=_transforms, form=_TRANSFORMS),
    "regularizers.lecam.weight": weight("of LeCam regularization"),
    "regularizers.lecam.decay": share("of its running means", high=None, below=1),
    "regularizers.lecam.start_step": whole("step from which it acts"),
    "regularizers.feature_matching.weight": weight("of feature matching"),
    "regularizers.mode_seeking.weight": weight("of the mode-seeking term"),
    "regularizers.historical.g": weight("of historical averaging in G"),
    "regularizers.historical.d": weight("of historical averaging in D"),
    "regularizers.spread.directions": whole(
        "random ones that the logged spread of fakes is projected on; 0 for off", 0, 2**12
    ),
    "augment.apa.on": flag("adaptive pseudo augmentation"),
    "augment.apa.target": number(
        "mean sign of D on real images; below -1 the probability always rises", low=-2, high=1
    ),
    "augment.apa.speed_images": whole("images in which the probability could rise from 0 to 1", 1),
    "augment.diffaugment.policy": text("of DiffAugment", check=parse_policy, form=_POLICY),
    "augment.ada.pipeline": choice("of ADA; nothing for none", "", *PIPELINES),
    "augment.ada.target": number(
        "mean sign of D on real images; below -1 the probability always rises", low=-2, high=1
    ),
    "augment.ada.speed_images": whole("images in which the probability could rise from 0 to 1", 1),
    "augment.instance_noise.sigma": number("deviation of the noise on D's images at the start; 0 for none", low=0),
    "augment.instance_noise.steps": whole("steps after which it is gone; 0 to keep it"),
    "heads.auxiliary.real": weight("of D's classes of real images"),
    "heads.auxiliary.fake": weight("of D's classes of fakes"),
    "heads.auxiliary.generator": weight("of the classes in G's loss"),
    "heads.information.categorical": weight("of categorical codes found again"),
    "heads.information.continuous": weight("of continuous codes found again"),
}

# Networks that translate images, and their discriminators.
_TRANSLATOR = {
    name: _NETWORK[name]
    for name in (
        *("ch", "z_dim", "dropout", "use_bias", "spectral_norm", "sn_eps", "bn_eps", "bn_groups", "weight_init"),
        *("resample", "dtype", "param_dtype", "hidden"),
    )
} | {
    "depth": whole("halvings of the U-Net", 2, 16),
    "halvings": whole("halvings before the residual blocks", 0, 16),
    "blocks": whole("residual blocks", 0, 1024),
    "enhancer_blocks": whole("residual blocks of the enhancer", 0, 1024),
    "norm": choice("of hidden layers", *TRANSLATION_NORMS),
    "innermost_norm": flag("the bottleneck is normalised too"),
    "running": flag("running statistics in sampling, rather than the image's own"),
    "dropout_at": choice("blocks that dropout follows", *DROPOUT_AT),
    "layers": whole("convolutions of stride two; 0 judges pixels", 0, 16),
    "conditional": flag("D is told the source"),
    "padding": whole("zeros around D's convolutions", 1, 2),
    "factor": whole("by which G enlarges", 2, 64),
    "size": choice("doublings", *SIZES),
    "latents": choice("what G's first layer sees", *LATENTS),
    "encoder_ch": whole("channels of the encoder", 1, MOST_UNITS),
    "encoder_resolution": whole("side that the encoder's images are resized to", 8, MOST_SIDE),
}

_TRANSLATION = {
    "data.fields.*.kind": choice("of the field", *KINDS_OF_FIELDS),
    "data.fields.*.classes": whole("ids of a map; 0 for those that the set declares", 0, 2**24),
    "data.fields.*": text("key of the set, or side of the pairs, that the field is"),
    "translation.source": text("field that is translated"),
    "translation.target": text("field that it is translated to"),
    "translation.channels": whole("channels of a source that is a picture", 1, 1024),
    "translation.classes": whole("classes of a source that is a label map; 0 for a picture", 0, 2**16),
    "translation.instances": text("field of instances, whose edges join the map; none for none", none=True),
    "epochs.constant": whole("epochs at the full rates; both 0 where training.steps says it", 0, 10**6),
    "epochs.decay": whole("epochs in which they fall to 0", 0, 10**6),
    "perceptual.weight": weight("of the perceptual loss"),
    "perceptual.network": choice("that it looks through", *PERCEPTUAL_NETWORKS),
    "perceptual.normalized": flag("VGG's images go through ImageNet's mean and deviation"),
    "perceptual.weights": text("file of its weights; none to look for them", none=True),
    "perceptual.layer_weights": Key(
        meaning="of its layers; none for 1 each", kinds=("numbers",), low=0, none=True, counts=(1, 5)
    ),
    "perceptual.distance": choice("of features", *DISTANCES),
    "regularizers.reconstruction.weight": weight("of the distance from the target"),
    "regularizers.reconstruction.distance": choice("of pixels", *DISTANCES),
    "regularizers.layer_matching.weight": weight("of feature matching, layer by layer"),
    "augment.pool.size": whole("fakes a column of the image pool; 0 for none", 0, 10**6),
    "augment.pool.probability": share("of an old fake, once a column is full", low=0),
    "pool.size": whole("fakes a column of the image pool; 0 for none", 0, 10**6),
    "pool.probability": share("of an old fake, once a column is full", low=0),
    "segmentation.steps": whole("steps of the segmenter that reads photos; 0 for no such score"),
    "segmentation.batch_size": whole("photos of a step", 1, MOST_IMAGES),
    "segmentation.ch": whole("its channels, in multiples of 8", 8, MOST_UNITS),
    "segmentation.learning_rate": number("its step size", above=0),
    "segmentation.ignore": whole("class that counts for nothing; none for none", 0, 2**16, none=True),
    "style_kl.weight": weight("of the styles' KL"),
    "style_kl.examples": whole("examples that the reference sums over", 1, 10**6),
    "phases.coarse_to_fine": flag("a global generator, then an enhancer, then both; false for the first alone"),
    "phases.global_steps": whole("steps of the global generator"),
    "phases.enhancer_steps": whole("steps of the enhancer alone"),
    "phases.cluster_steps": whole("batches whose instances' features are clustered; 0 for no clusters"),
    "instance_features.features": whole("numbers that G is told of each instance; 0 for none", 0, 1024),
    "instance_features.ch": whole("channels of the encoder's first layer", 1, MOST_UNITS),
    "instance_features.halvings": whole("of the encoder", 0, 12),
    "instance_features.instances": whole("the most of them in an image", 1, 2**16),
    "instance_features.clusters": whole("of each class", 1, 2**16),
    "pretraining.steps": whole("steps of G by the squared error alone; 0 for none"),
    "unpaired.metrics": text("scores of features for either direction, joined by commas", check=metric_names),
    "domains.A": text("class that is the domain A; none for sets with domains", none=True),
    "domains.B": text("class that is the domain B; none for sets with domains", none=True),
    "method.adversarial": weight("of the adversarial losses in the generators'"),
    "method.cycle": weight("of the cycles"),
    "method.identity": weight("of the identity terms"),
    "method.cycle_domains": choice("domains whose cycle counts", "both", "A", "B"),
    "multi_scale.pool": choice("how images are halved", *POOLS),
    **{
        name: key
        for name, key in (_GAME | _TERMS).items()
        if name.startswith(("multi_scale", "method", "microbatches", "regularizers.penalties", "augment.diffaugment"))
    },
    "method.loss": _GAME["method.loss"],
}

_OPTIMIZER = {
    "learning_rate": number("step size", low=0),
    "kind": choice("optimiser", *KINDS),
    "b1": share("decay of the mean gradient; momentum of sgd", high=None, below=1),
    "b2": share("decay of the mean squared gradient", high=None, below=1),
    "eps": number("added to the root of that mean", above=0),
    "eps_in_sqrt": flag("of rmsprop: added under the root"),
    "weight_decay": weight("of decay of the parameters"),
    "decay_params": text("parameters that decay; none for all", check=_regex, form=_REGEX, none=True),
    "train_params": text("parameters that are trained; none for all", check=_regex, form=_REGEX, none=True),
    "clip_norm": number("largest norm of the gradient; none for no limit", above=0, none=True),
    "schedule": choice("how the rate falls", *SCHEDULES),
    "warmup_steps": whole("updates in which the rate rises from 0"),
    "hold_steps": whole("updates at the full rate after those"),
    "decay_steps": whole("updates of the decay; 0 to stay"),
    "decay_rate": number("of exponential, for every decay_steps", above=0),
    "end_factor": number("where the decay ends, as a share of the rate", low=0),
    "boundaries": wholes("of piecewise, in updates"),
    "factors": Key(meaning="of piecewise, one a boundary", kinds=("numbers",), low=0),
}

_EMA = {
    "decay": share("weight of the old average", high=None, below=1),
    "half_life_images": number("images after which a weight halves, instead of decay", above=0, none=True),
    "start_step": whole("before it the average copies"),
    "buffers": choice("of other collections than the parameters", "average", "copy"),
    "ramp_up": number("share of the steps so far that the half-life is at most", above=0, none=True),
}

_TRAINING = {
    "steps": whole("of the run", 1),
    "save_every": whole("steps between checkpoints", 1),
    "log_every": whole("steps between records", 1),
    "keep": whole("newest checkpoints that stay", 1, 10_000),
    "steps_per_dispatch": whole("steps in one call of the compiled function", 1, 2**20),
    "max_in_flight": whole("dispatches that may wait for the device", 1, 2**20),
    "on_nonfinite": choice("where metrics or the state hold NaN or infinity", "stop", "rollback", "continue"),
    "max_rollbacks": whole("rollbacks after which the run stops"),
    "health": flag("log update-to-weight ratios, D's gap and largest singular values"),
    "singular_values_every": whole("steps between records of the second and third singular values; 0 for never"),
}

_WATCHDOG = {
    "begin": number("seconds from the start to the first compilation; 0 for no limit, as in all", low=0),
    "restore": number("seconds of reading checkpoints", low=0),
    "compile": number("seconds of compiling the step and running it once", low=0),
    "step": number("seconds of one dispatch", low=0),
    "save": number("seconds of one save", low=0),
    "evaluate": number("seconds of all scores of a step", low=0),
    "connect": whole("seconds that processes wait for each other at the start", 1),
    "heartbeat": whole("seconds that a process may be silent", 1),
}

_EVALUATION = {
    "every_steps": whole("steps between scores; 0 for the end alone"),
    "batch_norm": choice("statistics that samples are drawn with", "standing", "running"),
    "standing_passes": whole("batches that standing statistics are means of", 1, 2**20),
    "batch_size": whole("images a dispatch", 1),
    "grid_classes": whole("rows of the grid", 1, 10_000),
    "grid_columns": whole("columns of the grid", 1, 10_000),
    "metrics": text("scores, joined by commas; nothing for none", check=metric_names),
    "features": choice("network that scores look through", *FEATURE_NETWORKS),
    "weights": text("file of its weights; none to look for them", none=True),
    "resizer": choice("how images come to its size; none for its own", *RESIZERS, none=True),
    "num_images": whole("samples that are scored", **_IMAGES),
    "reference_split": text("split that they are scored against; none for the split trained on", none=True),
    "reference_images": whole("images taken of it; none for all", **_IMAGES, none=True),
    "kid_block_size": whole("images of a block of kid", 2, MOST_IMAGES),
    "is_splits": whole("splits of the Inception Score", 1, MOST_IMAGES),
    "best": text("score whose best checkpoint stays, such as eval/fid; none for none", check=best_is, none=True),
    "on_error": choice("where a score fails", "record", "stop"),
    "tstr": flag("what a classifier learns from samples"),
    "tstr_images": whole("samples that it learns from", **_IMAGES),
    "tstr_steps": whole("steps that it learns for", 1),
    "num_points": whole("points that are scored", **_IMAGES),
}

_PARALLEL = {
    "data": whole("devices along data; -1 for all that are left", -1, check=_mesh_size),
    "fsdp": whole("devices along fsdp", 1),
    "spatial": whole("devices that share the rows of an image", 1),
    "rules": choice("how the state is split", *RULES),
}


def _of(section: str, keys: Mapping[str, Key]) -> dict[str, Key]:
    return {f"{section}.{name}": key for name, key in keys.items()}


# Sections of every recipe.
COMMON: dict[str, Key] = {
    "recipe": text("what is built: a recipe's name, or your own module's dotted name"),
    "seed": whole("of weights, data and scores", 0, MOST_SEED),
    **_of("data", _DATA),
    **_of("optimizer.*", _OPTIMIZER),
    **_of("ema", _EMA),
    **_of("training", _TRAINING),
    **_of("evaluation", _EVALUATION),
    **_of("watchdog", _WATCHDOG),
    **_of("parallel", _PARALLEL),
}
# Sections of those that name their ``networks``.
ADVERSARIAL: dict[str, Key] = {**_GAME, **_TERMS, **_of("generator", _NETWORK), **_of("discriminator", _NETWORK)}

# Sections of those that translate images.
TRANSLATION: dict[str, Key] = {
    **_TRANSLATION,
    **_of("generator", _TRANSLATOR),
    **_of("discriminator", _TRANSLATOR),
}

_CODER = {
    name: _NETWORK[name] for name in ("hidden", "spectral_norm", "sn_eps", "weight_init", "dtype", "param_dtype")
} | {
    "channels": wholes("of each convolution of stride two; () for dense layers alone", high=MOST_UNITS),
    "activation": choice("of hidden layers", *ACTIVATIONS),
}
# Sections of those with an encoder and a decoder.
AUTOENCODER: dict[str, Key] = {
    "latents.z_dim": whole("numbers of a latent", 1, MOST_UNITS),
    "likelihood": choice("of pixels", *LIKELIHOODS),
    "beta": weight("of the KL; 1 for the bound"),
    **_of("encoder", _CODER),
    **_of("decoder", _CODER | {"resample": _NETWORK["resample"]}),
}

# Sections of those with one network of pixels.
PIXELS: dict[str, Key] = _of(
    "network",
    {name: _NETWORK[name] for name in ("ch", "hidden", "num_classes", "kernel", "dropout", "dtype", "param_dtype")}
    | {
        "embed": whole("numbers of a level's vector; 0 takes levels as numbers", 0, MOST_UNITS),
        "attention_every": whole("after so many layers attention over all earlier pixels; 0 for never", 0, 1024),
        "heads": whole("of attention", 1, MOST_UNITS),
        "levels": whole("of a channel of a pixel: 2 for black and white, 256 for bytes", 2, 256),
        "layers": whole("gated layers after the first", 0, 1024),
        "first_kernel": whole("side of the first layer's window, odd", 1, 1024),
    },
)

# Sections of those with codebooks.
CODEBOOKS: dict[str, Key] = {"variance": number("of the data in [-1, 1], that the error is divided by", above=0)} | _of(
    "autoencoder",
    {name: _NETWORK[name] for name in ("ch", "blocks", "spectral_norm", "sn_eps", "weight_init", "resample")}
    | {name: _NETWORK[name] for name in ("dtype", "param_dtype")}
    | {
        "levels": whole("of codes, each at half of the resolution of those below it", 1, 8),
        "hidden": whole("channels within residual blocks", 1, MOST_UNITS),
        "codes": whole("vectors of a codebook", 1, 2**24),
        "dim": whole("numbers of a code's vector", 1, MOST_UNITS),
        "update": choice("of codebooks", *UPDATES),
        "commitment": weight("of inputs less their codes"),
        "decay": number("of a codebook's averages", low=0, below=1),
        "epsilon": number("of the smoothing of its counts", above=0),
        "restart": number("average count below which a code starts anew; 0 for never", low=0),
    },
)

_PRIOR = {
    name.partition(".")[2]: key for name, key in PIXELS.items() if name not in ("network.levels", "network.num_classes")
}
# Of a second run, that stands on a first.
_FIRST: dict[str, Key] = _of(
    "first",
    {
        "run": text("folder of the first run, or untrained:CONFIG for planning before there is one"),
        "step": whole("of the first run's checkpoint; none for the newest", none=True),
        "fingerprint": text("that the first run must have, or its beginning; none for any", none=True),
        "codes": text("folder for extracted codes; none for codes/ in the first run's", none=True),
    },
)
# Sections of priors over codes.
PRIORS: dict[str, Key] = (
    _FIRST
    | {"num_classes": _NETWORK["num_classes"]}
    | _of("top", _PRIOR)
    | _of("below", _PRIOR)
    | _of(
        "above",
        {name: _NETWORK[name] for name in ("ch", "blocks", "spectral_norm", "sn_eps", "weight_init")}
        | {"hidden": whole("channels within residual blocks", 1, MOST_UNITS)}
        | {name: _NETWORK[name] for name in ("dtype", "param_dtype")},
    )
)

KEYS: dict[str, Key] = COMMON | ADVERSARIAL


def table_of(config: ConfigDict | Mapping[str, Any]) -> dict[str, Key]:
    """The rules of a config's keys: of the sections of every recipe, and of its own kind's."""
    if "networks" in config:
        return KEYS
    if "translation" in config or "domains" in config:
        return COMMON | TRANSLATION
    if "network" in config:
        return COMMON | PIXELS
    if "autoencoder" in config:
        return COMMON | CODEBOOKS
    if "first" in config:
        return COMMON | PRIORS
    return COMMON | AUTOENCODER if "decoder" in config else COMMON


def find_key(name: str, table: Mapping[str, Key] = KEYS) -> Key | None:
    """The rule of 'section.key'; None where the table has none, and the recipe itself checks it.

    Args:
      name: dotted.
      table: the rules, by pattern; another kind of recipe's section of the same name is its own.
    """
    if name in table:
        return table[name]
    matches = (key for pattern, key in table.items() if "*" in pattern and fnmatch.fnmatchcase(name, pattern))
    return next(matches, None)


def flat(config: ConfigDict | Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every key, in order."""
    for name, value in config.items():
        if isinstance(value, ConfigDict | Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def check_config(config: ConfigDict) -> None:
    """Refuses values that no run could mean: of another type, out of bounds, or that contradict each other.

    What only the data, the networks or the devices can tell is checked where these are built.

    Raises:
      UserError: naming the first such key, what was given and what is accepted.
    """
    table = table_of(config)
    for name, value in flat(config):
        key = find_key(name, table)
        # Within a program, such as one of many members, numbers are arguments whose values nobody knows yet.
        traced = isinstance(value, jax.Array)
        problem = None if key is None or traced else key.problem(value)
        if problem:
            raise UserError(f"config.{name}={_shown(value)}{problem}")
    if "networks" in config:
        _check_attention(config)


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int) and abs(value) >= 10**15 else repr(value)


def _check_attention(config: ConfigDict) -> None:
    """Refuses attention after maps of heights that an image's halvings do not have: it would be left out silently."""
    for net in ("generator", "discriminator"):
        section = config.get(net, {})
        heights = section.get("attention") or ()
        sides = (section.get("resolution", 0), *tuple(config.data.image_size)[:1])
        there = sorted({side >> halvings for side in sides for halvings in range(side.bit_length())})
        wrong = [height for height in heights if height not in there]
        if wrong:
            raise UserError(
                f"config.{net}.attention={tuple(heights)}: no map is {wrong[0]} high; give some of "
                f"{', '.join(map(str, there))}"
            )


def key_records(config: ConfigDict) -> list[dict[str, Any]]:
    """A record of each key of a config: ``key``, ``value``, what it ``accepts`` and its ``meaning``, in words; both are
    None of a recipe's own keys.
    """
    found = []
    for name, value in flat(config):
        key = find_key(name, table_of(config))
        words = (None, None) if key is None else (key.accepts(), key.meaning)
        found.append({"key": name, "value": value, "accepts": words[0], "meaning": words[1]})
    return found
