"""Keys of recipes without an adversary: autoencoders, pixels one by one, codebooks, priors over codes."""

from jaxgan.experiment.key import MOST_SIDE, MOST_UNITS, Key, choice, flag, number, share, text, weight, whole, wholes
from jaxgan.experiment.keys_common import NETWORK, of
from jaxgan.experiment.keys_translation import TRANSLATION
from jaxgan.interop.perceptual import NAMES as DISTANCE_NETWORKS
from jaxgan.methods.token_transformer import PREFIXES
from jaxgan.methods.vae import LIKELIHOODS
from jaxgan.methods.vae_latents import PRIORS as LATENT_PRIORS
from jaxgan.networks.mlp import ACTIVATIONS
from jaxgan.networks.pixelrnn import KINDS as LSTM_KINDS
from jaxgan.nn.vector_quantizer import FIRST_CODES, UPDATES
from jaxgan.objectives.adversarial import ADVERSARIAL_LOSSES

_CODER = {
    name: NETWORK[name] for name in ("hidden", "spectral_norm", "sn_eps", "weight_init", "dtype", "param_dtype")
} | {
    "channels": wholes("of each convolution of stride two; () for dense layers alone", high=MOST_UNITS),
    "activation": choice("of hidden layers", *ACTIVATIONS),
}
# Sections of those with an encoder and a decoder.
AUTOENCODER: dict[str, Key] = {
    "latents.z_dim": whole("numbers of a latent", 1, MOST_UNITS),
    "latents.prior": choice("of latents", *LATENT_PRIORS),
    "latents.components": whole("Gaussians of the mixture", 1, 2**16),
    "latents.categories": whole("of each categorical latent", 2, 2**16),
    "latents.temperature": number("of relaxed categories", above=0),
    "likelihood": choice("of pixels", *LIKELIHOODS),
    "beta": weight("of the KL; 1 for the bound"),
    "inverse_graphics.group": whole("rows of a batch that share all factors but one; 0 for none", 0, 2**20),
    "inverse_graphics.rotation": number("degrees, at most, either way", low=0, high=180),
    "inverse_graphics.octaves": number("of scale, at most, either way", low=0, high=4),
    "inverse_graphics.shares": Key(
        meaning="how often rotation, scale and image vary", kinds=("numbers",), above=0, counts=(3,)
    ),
    "inverse_graphics.invariance": weight("of what does not vary, from its group's mean"),
    **of("encoder", _CODER),
    **of("decoder", _CODER | {"resample": NETWORK["resample"]}),
}

# Sections of those with one network of pixels.
PIXELS: dict[str, Key] = of(
    "network",
    {name: NETWORK[name] for name in ("ch", "hidden", "num_classes", "kernel", "dropout", "dtype", "param_dtype")}
    | {
        "blocks": whole("residual blocks at each side", 1, 1024),
        "sides": whole("each half of the one before", 1, 16),
        "components": whole("logistics of the mixture of a pixel", 1, 2**16),
        "embed": whole("numbers of a level's vector; 0 takes levels as numbers", 0, MOST_UNITS),
        "attention_every": whole("after so many layers attention over all earlier pixels; 0 for never", 0, 1024),
        "heads": whole("of attention", 1, MOST_UNITS),
        "levels": whole("of a channel of a pixel: 2 for black and white, 256 for bytes", 2, 256),
        "layers": whole("gated layers after the first", 0, 1024),
        "first_kernel": whole("side of the first layer's window, odd", 1, 1024),
        "kind": choice("of LSTMs", *LSTM_KINDS),
    },
)

# Sections of those with codebooks.
CODEBOOKS: dict[str, Key] = {"variance": number("of the data in [-1, 1], that the error is divided by", above=0)} | of(
    "autoencoder",
    {name: NETWORK[name] for name in ("ch", "blocks", "spectral_norm", "sn_eps", "weight_init", "resample")}
    | {name: NETWORK[name] for name in ("dtype", "param_dtype")}
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

# Sections of codebooks that are trained against a discriminator.
PATCHES: dict[str, Key] = (
    {
        name: key
        for name, key in CODEBOOKS.items()
        if name not in ("variance", "autoencoder.levels", "autoencoder.resample")
    }
    | of(
        "autoencoder",
        {name: NETWORK[name] for name in ("widths", "z_dim", "dropout")}
        | {
            "attention": wholes("reductions of the side at whose maps there is attention", high=MOST_SIDE),
            "codebook": weight("of the codes' own loss"),
            "gumbel": flag("codes are drawn of a distribution, relaxed by Gumbel-softmax"),
            "kl": weight("of the nats of those codes from uniform ones"),
            "first_codes": choice("where codes start", *FIRST_CODES),
            "groups": whole("of group norms, at most", 1, MOST_UNITS),
        },
    )
    | {name: key for name, key in TRANSLATION.items() if name.startswith(("discriminator.", "data.fields."))}
    | {
        "method.loss": choice("adversarial loss", *(n for n, pair in ADVERSARIAL_LOSSES.items() if not pair.paired)),
        "method.adversarial_weight": weight("of the adversarial loss, next to the adaptive weight"),
        "method.adaptive": flag("the adversarial gradient is brought to the others' length, on the last layer"),
        "method.start_step": whole("step from which there is a discriminator"),
        "gumbel.first": number("temperature of codes that are drawn, at step 0", above=0),
        "gumbel.last": number("that it falls to", above=0),
        "gumbel.steps": whole("in which it does"),
        "perceptual.weight": weight("of the perceptual distance"),
        "perceptual.network": choice("that it looks through", *DISTANCE_NETWORKS),
        "perceptual.weights": text("file of its weights; none to look for them", none=True),
    }
)

_PRIOR = {
    name.partition(".")[2]: key
    for name, key in PIXELS.items()
    if name not in ("network.levels", "network.num_classes", "network.kind")
}
# Of a second run, that stands on a first.
FIRST: dict[str, Key] = of(
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
    FIRST
    | {"num_classes": NETWORK["num_classes"]}
    | of("top", _PRIOR)
    | of("below", _PRIOR)
    | of(
        "above",
        {name: NETWORK[name] for name in ("ch", "blocks", "spectral_norm", "sn_eps", "weight_init")}
        | {"hidden": whole("channels within residual blocks", 1, MOST_UNITS)}
        | {name: NETWORK[name] for name in ("dtype", "param_dtype")},
    )
)

# Sections of a transformer over codes.
TOKENS: dict[str, Key] = (
    FIRST
    | of(
        "network",
        {
            "layers": whole("blocks", 1, 1024),
            "heads": whole("of attention", 1, MOST_UNITS),
            "dim": whole("of a token's features", 1, MOST_UNITS),
            "window": whole("side of what the mask 'convolution' sees, odd", 1, 1024),
            "dropout": NETWORK["dropout"],
            "dtype": NETWORK["dtype"],
            "param_dtype": NETWORK["param_dtype"],
        },
    )
    | {
        "prefix.kind": choice("what comes before the codes", *PREFIXES),
        "prefix.classes": whole("classes, or ids of the map; 0 for 'begin'", 0, 2**24),
        "prefix.field": text("of the data, that is the label map"),
        "keep": share("of the tokens that are read as they are"),
    }
    | {name: key for name, key in TRANSLATION.items() if name.startswith(("segmentation.", "data.fields."))}
)

# Sections of codes that are relaxed while they are trained.
RELAXED: dict[str, Key] = {
    "relaxation.first": number("temperature of relaxed codes at step 0", above=0),
    "relaxation.last": number("that it falls to", above=0),
    "relaxation.steps": whole("in which it does"),
    "beta.last": weight("of the codes' nats from uniform ones, in the end"),
    "beta.steps": whole("in which it rises from 0"),
    "autoencoder.first": whole("channels that the decoder makes of codes", 1, MOST_UNITS),
    "autoencoder.kernel": NETWORK["kernel"],
} | {
    name: key
    for name, key in PATCHES.items()
    if name.startswith(("autoencoder.", "data.fields.")) and name not in ("autoencoder.first", "autoencoder.kernel")
}

# Sections of a transformer over captions and codes.
TEXTS: dict[str, Key] = {
    "text.vocabulary": whole("tokens of the captions' encoding, at most", 256, 2**20),
    "text.length": whole("places of a caption", 1, 2**16),
    "text_weight": share("of the text's nats in the loss", below=1, high=None),
    "rerank.run": text("folder of a run of clip, that candidates are ranked by; nothing for none"),
    "rerank.step": FIRST["first.step"],
    "rerank.fingerprint": FIRST["first.fingerprint"],
} | {name: key for name, key in TOKENS.items() if name.startswith(("first.", "network.", "data.fields."))}

# Sections of encoders of pictures and captions.
ENCODERS: dict[str, Key] = (
    {name: key for name, key in TEXTS.items() if name.startswith(("text.", "data.fields."))}
    | of(
        "image_encoder",
        {name: NETWORK[name] for name in ("ch", "dropout", "spectral_norm", "sn_eps", "weight_init", "dtype")}
        | {
            "halvings": whole("of the side", 1, 12),
            "dim": whole("of the shared space", 1, MOST_UNITS),
            "param_dtype": NETWORK["param_dtype"],
        },
    )
    | of(
        "text_encoder",
        {name: TOKENS[f"network.{name}"] for name in ("layers", "heads", "dropout", "dtype", "param_dtype")}
        | {"width": TOKENS["network.dim"], "dim": whole("of the shared space", 1, MOST_UNITS)},
    )
)
