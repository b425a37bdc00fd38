"""Keys of the config sections of every recipe, and of networks."""

import re
from collections.abc import Mapping

from jaxgan.data import augmentations
from jaxgan.evaluation.latent_scores import CROPS
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
from jaxgan.features.resizers import RESIZERS
from jaxgan.interop.open_features import NETWORKS as FEATURE_NETWORKS
from jaxgan.networks.heads import MINIBATCH
from jaxgan.networks.mlp import ACTIVATIONS, OUTPUTS
from jaxgan.networks.stylegan2 import ARCHITECTURES
from jaxgan.nn import initializer
from jaxgan.nn.fractional_conv import FORMS as FRACTIONAL_FORMS
from jaxgan.nn.pooling import POOLINGS
from jaxgan.nn.remat import REMAT
from jaxgan.nn.resample_conv import FORMS as RESAMPLE_FORMS
from jaxgan.training.optim import KINDS, SCHEDULES
from jaxgan.training.watchdog import MOST_SECONDS

RULES = ("replicated", "fsdp", "zero1")
REGEX = "a regular expression of parameters' paths, such as '.*/kernel'"
_IMAGES = dict(low=1, high=MOST_IMAGES)
_INITIALIZERS = "orthogonal, normal_02, xavier_02, or with a number normal:0.02 or uniform:0.05"


def of(section: str, keys: Mapping[str, Key]) -> dict[str, Key]:
    """A section's keys by their dotted names."""
    return {f"{section}.{name}": key for name, key in keys.items()}


def regex(pattern: str) -> None:
    """Refuses what is no regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"give a regular expression ({error})") from error


def _mesh_size(size: int) -> None:
    if size == 0:
        raise ValueError("give a number of devices from 1, or -1 for all that the other axes leave")


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

# Fields of networks, of which each has some.
NETWORK = {
    "num_classes": whole("classes; 0 for none", 0, 2**24),
    "z_dim": whole("numbers of a latent", 1, MOST_UNITS),
    "resolution": whole("row of the paper's table of widths; of StyleGAN2 the longer side", 1, MOST_SIDE),
    "w_dim": whole("numbers of a style", 1, MOST_UNITS),
    "channel_base": whole("channels at a side are this over the side", 1, 2**24),
    "channel_max": whole("and at most this", 1, MOST_UNITS),
    "mapping_layers": whole("of the mapping network", 1, 1024),
    "mixing": share("of the batches whose styles are of two latents"),
    "architecture": choice("of StyleGAN2's discriminator", *ARCHITECTURES),
    "stddev_rows": whole("rows that D's standard deviation is over; none for the batch", 1, 2**20, none=True),
    "blur": flag("features are filtered by [1, 2, 1] before they are halved"),
    "low_sides": whole("upper sides that are computed in low_dtype", 0, 16),
    "low_dtype": choice("of 16 bits", *DTYPES[1:]),
    "clamp": number("bound of what convolutions give; none for none", above=0, none=True),
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

_OPTIMIZER = {
    "learning_rate": number("step size", low=0),
    "kind": choice("optimiser", *KINDS),
    "b1": share("decay of the mean gradient; momentum of sgd", high=None, below=1),
    "b2": share("decay of the mean squared gradient", high=None, below=1),
    "eps": number("added to the root of that mean", above=0),
    "eps_in_sqrt": flag("of rmsprop: added under the root"),
    "weight_decay": weight("of decay of the parameters"),
    "decay_params": text("parameters that decay; none for all", check=regex, form=REGEX, none=True),
    "train_params": text("parameters that are trained; none for all", check=regex, form=REGEX, none=True),
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
    "convolutions": text("their forms on a CPU: auto to measure, xla, or a file convolutions.json of a run"),
    "convolution_seconds": number("that measuring them may take", low=0),
}

_WATCHDOG = {
    "begin": number(
        "seconds from the start to the first compilation; 0 for no limit, as in all", low=0, high=MOST_SECONDS
    ),
    "restore": number("seconds of reading checkpoints", low=0, high=MOST_SECONDS),
    "compile": number("seconds of compiling the step and running it once", low=0, high=MOST_SECONDS),
    "step": number("seconds of one dispatch", low=0, high=MOST_SECONDS),
    "save": number("seconds of one save", low=0, high=MOST_SECONDS),
    "evaluate": number("seconds of all scores of a step", low=0, high=MOST_SECONDS),
    "connect": whole("seconds that processes wait for each other at the start", 1, MOST_SECONDS),
    "heartbeat": whole("seconds that a process may be silent", 1, MOST_SECONDS),
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
    "path_crop": choice("what of the images path lengths compare; 'face' is the middle of an aligned face", *CROPS),
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


# Sections of every recipe.
COMMON: dict[str, Key] = {
    "recipe": text("what is built: a recipe's name, or your own module's dotted name"),
    "seed": whole("of weights, data and scores", 0, MOST_SEED),
    **of("data", _DATA),
    **of("optimizer.*", _OPTIMIZER),
    **of("ema", _EMA),
    **of("training", _TRAINING),
    **of("evaluation", _EVALUATION),
    **of("watchdog", _WATCHDOG),
    **of("parallel", _PARALLEL),
}
