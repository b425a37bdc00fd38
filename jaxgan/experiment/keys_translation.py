"""Keys of recipes that translate images, of pairs and of two domains."""

from jaxgan.data.fields import KINDS as KINDS_OF_FIELDS
from jaxgan.experiment.key import (
    MOST_IMAGES,
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
)
from jaxgan.experiment.keys_common import NETWORK, of
from jaxgan.experiment.keys_gan import GAME, TERMS
from jaxgan.experiment.score_names import metric_names
from jaxgan.features.perceptual_layers import NAMES as PERCEPTUAL_NETWORKS
from jaxgan.networks.common import TRANSLATION_NORMS
from jaxgan.networks.multi_scale import POOLS
from jaxgan.networks.spade import LATENTS, SIZES
from jaxgan.networks.unet import DROPOUT_AT
from jaxgan.objectives.reconstruction import DISTANCES

# Networks that translate images, and their discriminators.
_TRANSLATOR = {
    name: NETWORK[name]
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
    "data.fields.*.length": Key(
        meaning="entries that its axes of variable length are padded to", kinds=("whole", "wholes"), low=1
    ),
    "data.fields.*.truncate": flag("cut what is longer"),
    "data.fields.*": text("key of the set, or side of the pairs, that the field is"),
    "translation.source": text("field that is translated"),
    "translation.target": text("field that it is translated to"),
    "translation.channels": whole("channels of a source that is a picture", 1, 1024),
    "translation.classes": whole("classes of a source that is a label map; 0 for a picture", 0, 2**16),
    "translation.instances": text("field of instances, whose edges join the map; none for none", none=True),
    "epochs.constant": whole("epochs at the full rates; both 0 where training.steps says it", 0, 10**6),
    "epochs.decay": whole("epochs in which they fall to 0", 0, 10**6),
    "epochs.global_constant": whole("epochs of the global generator at the full rates", 0, 10**6),
    "epochs.global_decay": whole("epochs of the global generator in which they fall to 0", 0, 10**6),
    "epochs.enhancer": whole("epochs of the enhancer alone, at the full rates", 0, 10**6),
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
    "phases.global_decay_steps": whole("the last of those, in which rates fall to 0"),
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
        for name, key in (GAME | TERMS).items()
        if name.startswith(("multi_scale", "method", "microbatches", "regularizers.penalties", "augment.diffaugment"))
    },
    "method.loss": GAME["method.loss"],
}

# Sections of those that translate images.
TRANSLATION: dict[str, Key] = {
    **_TRANSLATION,
    **of("generator", _TRANSLATOR),
    **of("discriminator", _TRANSLATOR),
}
